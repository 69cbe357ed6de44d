"""Reading a session log: typed columns of committed generations, live or afterwards.

A `LogReader` is a snapshot: it fixes how many rows count when it is made, and reads them when
asked. The file is open only while something is read, so the session that writes it is not held up.
Nothing is computed here; see `sessions.analysis` and `sessions.report`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py
import numpy as np

from sessions import tables as kinds
from sessions.analysis.responses import ScoringRule
from sessions.errors import LogFormatError, RecordError
from sessions.heads import plain, read_end, require_log, row_counts, window
from sessions.layout import Table
from sessions.lineage import read_lineage
from sessions.records import (
    Ints,
    Pixels,
    ReferenceImages,
    SessionStart,
    ThreadInfo,
    UnitInfo,
)
from sessions.schema import (
    ADDED_LATER,
    FILE_NAME,
    TABLES_ADDED_LATER,
)
from sessions.storage import json_value, open_for_reading, read_column, read_rows

if TYPE_CHECKING:
    from sessions.frames import Tables

Rows = TypeVar("Rows")

_CODES = "codes/thread_"


def open_log(path: Path | str) -> LogReader:
    """Open a session log, given its file or the session folder that holds it.

    Raises:
        FileNotFoundError: there is none.
        LogFormatError: it is no session log, was cut short, or is newer than this program.

    """
    place = Path(path)
    file = place / FILE_NAME if place.is_dir() else place
    if not file.exists():
        raise FileNotFoundError(
            f"There is no session log at {file}; name a session folder or its {FILE_NAME}."
        )
    return LogReader(file)


class LogReader:
    """The committed part of one log as it was when this was made; `refresh` looks again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_for_reading(path) as file:
            require_log(file)
            self.schema_version = int(file.attrs["schema_version"])
            self.generations_committed = int(file.attrs["generations_committed"])
            self._commits = row_counts(file, self.generations_committed)
            self._counts = {key: rows[-1] for key, rows in self._commits.items()}
            self._counts["events"] = int(file.attrs["events_committed"])
            self.end = read_end(file)

    def refresh(self) -> LogReader:
        """Return a new snapshot of the same log."""
        return LogReader(self.path)

    @cached_property
    def start(self) -> SessionStart:
        """Everything known before the first presentation, with the pixels of references."""
        with open_for_reading(self.path) as file:
            attributes = {name: plain(value) for name, value in file.attrs.items()}
            config = {name: file["config"][name].asstr()[()] for name in file["config"]}
            threads, units = self._threads(file), self._units(file)
            lineage = read_lineage(file, [thread.thread_id for thread in threads])
        baseline = window(attributes["baseline_window_s"])
        copied = ("session_id", "subject_id", "started_at", "seed", "time", "rig_adapter")
        return SessionStart(
            **{name: attributes[name] for name in (*copied, "display_label", "control")},
            rig_simulated=bool(attributes["rig_simulated"]),
            config_toml=config["toml"],
            config_json=config["json"],
            response_window_s=window(attributes["response_window_s"]),
            baseline_window_s=baseline,
            baseline_mode=attributes["baseline_mode"],
            threads=threads,
            units=units,
            references=self._references(),
            versions=json_value(config["versions"], "list of versions"),
            extra=json_value(config["extra"], "description of the rig"),
            lineage=lineage,
        )

    @property
    def threads(self) -> tuple[ThreadInfo, ...]:
        """The evolution threads."""
        return self.start.threads

    @property
    def units(self) -> tuple[UnitInfo, ...]:
        """The units, in the column order of counts."""
        return self.start.units

    @property
    def unit_ids(self) -> Ints:
        """Ids `(u,)` of the units, in the column order of counts."""
        return np.array([unit.unit_id for unit in self.units], dtype=np.int64)

    @property
    def rule(self) -> ScoringRule:
        """How this session turned counts into scores."""
        start = self.start
        return ScoringRule(start.response_window_s, start.baseline_window_s, start.baseline_mode)

    @cached_property
    def tables(self) -> Tables:
        """The same as pandas frames, and some that are put together by ids."""
        # Imported here because pandas takes half a second that most commands do not need.
        from sessions.frames import Tables

        return Tables(self)

    @cached_property
    def images(self) -> kinds.ImageRows:
        """Every image, references first; pixels are read with `pixels`."""
        return self._table("images", kinds.ImageRows)

    @cached_property
    def scores(self) -> kinds.ScoreRows:
        """Every score of generated and reference images."""
        return self._table("scores", kinds.ScoreRows)

    @cached_property
    def presentations(self) -> kinds.PresentationRows:
        """Every presentation."""
        return self._table("presentations", kinds.PresentationRows)

    @cached_property
    def trials(self) -> kinds.TrialRows:
        """Every time that a fixation spot came on; none in a log from before they were kept."""
        return self._table("trials", kinds.TrialRows)

    @cached_property
    def reported(self) -> kinds.ReportedRows:
        """What a rig reported in files of every presentation; no rows where there are spikes."""
        return self._table("reported", kinds.ReportedRows)

    @cached_property
    def replies(self) -> kinds.ReplyRows:
        """Every file in which a rig reported; no rows where there are spikes."""
        return self._table("replies", kinds.ReplyRows)

    @cached_property
    def spikes(self) -> kinds.SpikeRows:
        """Every spike."""
        return self._table("spikes", kinds.SpikeRows)

    @cached_property
    def sync(self) -> kinds.SyncRows:
        """Every sync edge."""
        return self._table("sync", kinds.SyncRows)

    @cached_property
    def generations(self) -> kinds.GenerationRows:
        """A summary of each generation of each thread."""
        return self._table("generations", kinds.GenerationRows)

    @cached_property
    def clock(self) -> kinds.ClockRows:
        """The clock fit of each block."""
        return self._table("clock", kinds.ClockRows)

    @cached_property
    def timing(self) -> kinds.TimingRows:
        """Where the time of each block went."""
        return self._table("timing", kinds.TimingRows)

    @cached_property
    def events(self) -> kinds.EventRows:
        """Notes, pauses and faults."""
        return self._table("events", kinds.EventRows)

    def codes(self, thread_id: int) -> kinds.CodeRows:
        """Codes of one thread.

        Raises:
            RecordError: the session has no such thread.

        """
        if f"{_CODES}{thread_id}" not in self._counts:
            known = [thread.thread_id for thread in self.threads]
            raise RecordError(f"This session has no thread {thread_id}; choose one of {known}.")
        return self._table(f"{_CODES}{thread_id}", kinds.CodeRows)

    def code_ids(self, thread_id: int) -> Ints:
        """Image ids `(n,)` of the codes of one thread, without the codes."""
        key = f"{_CODES}{thread_id}"
        with open_for_reading(self.path) as file:
            return read_rows(file[key], "image_id", slice(0, self._counts[key]))

    def codes_of_block(self, thread_id: int, block: int) -> kinds.CodeRows:
        """Codes of one thread that came with one committed block."""
        with open_for_reading(self.path) as file:
            key = f"{_CODES}{thread_id}"
            return self._read(file, key, kinds.CodeRows, self.rows_of_block(block, key))

    def block(self, block: int) -> kinds.BlockRows:
        """Read what one committed block added, and nothing of the others.

        Raises:
            RecordError: that block was not committed.

        """
        if not 0 <= block < self.generations_committed:
            raise RecordError(
                f"Block {block} was not committed; this log holds {self.generations_committed}."
            )
        with open_for_reading(self.path) as file:

            def added(key: str, kind: type[Rows]) -> Rows:
                return self._read(file, key, kind, self.rows_of_block(block, key))

            codes = [key for key in self._commits if key.startswith(_CODES)]
            return kinds.BlockRows(
                block=block,
                images=added("images", kinds.ImageRows),
                scores=added("scores", kinds.ScoreRows),
                presentations=added("presentations", kinds.PresentationRows),
                spikes=added("spikes", kinds.SpikeRows),
                sync=added("sync", kinds.SyncRows),
                generations=added("generations", kinds.GenerationRows),
                clock=added("clock", kinds.ClockRows),
                reported=added("reported", kinds.ReportedRows),
                replies=added("replies", kinds.ReplyRows),
                code_ids={
                    int(key.removeprefix(_CODES)): read_rows(
                        file[key], "image_id", self.rows_of_block(block, key)
                    )
                    for key in codes
                },
            )

    def rows_of_block(self, block: int, key: str) -> slice:
        """Rows of a table of /commits that came with one committed block."""
        if key not in self._commits:
            return slice(0, 0)
        return slice(self._commits[key][block], self._commits[key][block + 1])

    def pixels(self, image_id: int) -> Pixels:
        """Pixels `(h, w, 3)` of one image.

        Raises:
            RecordError: the image is unknown, or only its hash was kept.

        """
        images = self.images
        found = np.flatnonzero(images.image_id == image_id)
        if not len(found):
            raise RecordError(f"This session has no image {image_id}; take ids from its images.")
        if images.pixels_row[found[0]] < 0:
            raise RecordError(
                f"Only the hash of image {image_id} was kept; render its code to see it."
            )
        (pixels,) = self.stored_pixels(found[:1])
        return pixels

    def stored_pixels(self, rows: Ints) -> Iterator[Pixels]:
        """Yield the pixels `(h, w, 3)` that rows of `images` say are stored, one after another.

        The file is open until the last one is taken.
        """
        images = self.images
        with open_for_reading(self.path) as file:
            for row in rows.tolist():
                yield file[str(images.pixels_dataset[row])][images.pixels_row[row]]

    def _table(self, key: str, kind: type[Rows]) -> Rows:
        with open_for_reading(self.path) as file:
            return self._read(file, key, kind, slice(0, self._counts.get(key, 0)))

    def _read(self, file: h5py.File, key: str, kind: type[Rows], rows: slice) -> Rows:
        if key not in file and key in TABLES_ADDED_LATER:
            return kind(**_no_rows(TABLES_ADDED_LATER[key], self._counts["units"]))
        try:
            return self._columns(file[key], key, kind, rows)
        except KeyError as error:
            raise LogFormatError(
                f"{self.path}: /{key} lacks a column ({error.args[0]}); the file was changed by "
                "another program, so take a complete copy from the rig."
            ) from error

    def _columns(self, group: h5py.Group, key: str, kind: type[Rows], rows: slice) -> Rows:
        due = rows.stop - rows.start
        columns = {
            item.name: np.full(due, ADDED_LATER[key, item.name])
            if (key, item.name) in ADDED_LATER and item.name not in group
            else read_rows(group, item.name, rows)
            for item in fields(kind)  # type: ignore[arg-type]  # every kind is a dataclass
        }
        short = {name for name, column in columns.items() if len(column) < due}
        if short:
            raise LogFormatError(
                f"{self.path}: /{key} has fewer rows of {', '.join(sorted(short))} than were "
                "committed; the file was damaged, so take a complete copy from the rig."
            )
        return kind(**columns)

    def _threads(self, file: h5py.File) -> tuple[ThreadInfo, ...]:
        count = self._counts["threads"]
        columns = {
            item.name: read_column(file["threads"][item.name], count).tolist()
            for item in fields(ThreadInfo)
        }
        lists = ("image_shape", "position_deg")
        for name in lists:
            columns[name] = [tuple(value) for value in columns[name]]
        columns["driver_unit_ids"] = [
            tuple(json_value(value, "list of driver units")) for value in columns["driver_unit_ids"]
        ]
        rows = zip(*columns.values(), strict=True)
        return tuple(ThreadInfo(**dict(zip(columns, row, strict=True))) for row in rows)

    def _units(self, file: h5py.File) -> tuple[UnitInfo, ...]:
        group, count = file["units"], self._counts["units"]
        columns = [
            read_column(group[name], count).tolist() for name in ("unit_id", "channel_id", "label")
        ]
        return tuple(UnitInfo(*row) for row in zip(*columns, strict=True))

    def _references(self) -> ReferenceImages:
        images = self.images
        chosen = images.kind == "reference"
        return ReferenceImages(
            image_ids=images.image_id[chosen],
            names=tuple(images.name[chosen].tolist()),
            sha256s=tuple(images.sha256[chosen].tolist()),
            images=tuple(self.pixels(int(image_id)) for image_id in images.image_id[chosen]),
        )


def _no_rows(table: Table, n_units: int) -> dict[str, Any]:
    """Return the columns of a table that an older log does not have."""
    return {
        column.name: np.zeros((0, *(n_units for _ in column.shape)), _plain_dtype(column.dtype))
        for column in table.columns
    }


def _plain_dtype(dtype: str) -> str:
    return "U1" if dtype.startswith("S") else dtype
