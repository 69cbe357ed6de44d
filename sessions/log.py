"""The session log: durable, one generation at a time, and never written in place.

A generation is in the log when `SessionLog.commit_generation` has returned, and not before: a file
that holds it is on disk and has taken the place of the one before (`sessions.twin`). So other
programs can open the log at any time, and a process that is killed leaves the last whole one.
Whoever cannot wait for it journals the generation first (`sessions.journal`, `sessions.committed`).
Reading is in `sessions.reader`; nothing here interprets what it stores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from sessions import rows
from sessions.errors import LogClosedError, LogExistsError, RecordError
from sessions.layout import Table
from sessions.lineage import write_lineage
from sessions.records import (
    Event,
    GenerationRecord,
    Pixels,
    SessionEnd,
    SessionStart,
    image_sha256,
)
from sessions.schema import (
    ADDED_LATER,
    COMMITS,
    CONFIG,
    EVENTS,
    FILE_NAME,
    FIXED_TABLES,
    FORMAT_NAME,
    SCHEMA_VERSION,
    codes_table,
    pixels_table,
)
from sessions.storage import (
    create_column,
    create_table,
    open_for_reading,
    truncate,
    write_rows,
)
from sessions.twin import TwinFile
from sessions.validate import require_record, require_start

RESERVE_BYTES = 16 * 2**20
"""Room that a commit leaves on the disk: for what happens afterwards, and for the end."""


class SessionLog:
    """Writer of one `session.h5`; one process writes, any number may read.

    Build it with `create` for a new session and with `resume` for one that was cut off.
    """

    def __init__(self, path: Path, start: SessionStart) -> None:
        self.path = path
        self._file = TwinFile(path)
        self._start = start
        self._tables = growing_tables(start)

    @classmethod
    def create(cls, folder: Path, start: SessionStart) -> SessionLog:
        """Create `folder/session.h5` with every table in it, durably; the name appears last.

        Raises:
            LogExistsError: there is a log in that folder.
            RecordError: the session does not fit together.

        """
        require_start(start)
        _require_hashes(start)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE_NAME
        log = cls(path, start)
        try:
            log._file.create(log._write_start)
        except FileExistsError as error:
            log.close()
            raise LogExistsError(
                f"{path} exists; choose another session folder, logs are never overwritten."
            ) from error
        except BaseException:
            log.close()
            raise
        return log

    @classmethod
    def resume(cls, folder: Path, start: SessionStart) -> SessionLog:
        """Go on with a log that was cut off, or that ended by an abort or a fault.

        Rows beyond the committed ones are cut away, and the log has no end any more.

        `start` is the one that the reader gives back (`LogReader.start`).

        Raises:
            LogClosedError: the session has ended.
            LogFormatError: rows of committed generations are missing.

        """
        log = cls(folder / FILE_NAME, start)

        def reopen(file: h5py.File) -> None:
            if file.attrs["exit_status"] == "success":
                _require_open(file, log.path)
            for name in ("ended_at", "exit_status", "reason"):
                file.attrs[name] = ""
            log._add_columns(file)
            log._repair(file)

        log._file.apply(reopen)
        return log

    @property
    def generations_committed(self) -> int:
        """Blocks that are in the log."""
        with open_for_reading(self.path) as file:
            return int(file.attrs["generations_committed"])

    @property
    def events_committed(self) -> int:
        """Events that are in the log."""
        with open_for_reading(self.path) as file:
            return int(file.attrs["events_committed"])

    def require_fits(self, block: int, record: GenerationRecord) -> None:
        """Refuse a generation that could not be committed as block `block`, with RecordError."""
        require_record(self._start, block, record)

    def commit_generation(self, record: GenerationRecord) -> None:
        """Make one generation of every thread durable; it is when this returns.

        Raises:
            RecordError: the record is out of turn or does not fit the session.
            LogClosedError: the session has ended.
            LogBusyError: another process writes to the file.

        """

        def commit(file: h5py.File) -> None:
            _require_open(file, self.path)
            committed = int(file.attrs["generations_committed"])
            require_record(self._start, committed, record)
            counts = self._counts(file, committed)
            self._write_generation(file, counts, record)
            self._write_counts(file, committed + 1, counts)
            file.attrs["generations_committed"] = np.int64(committed + 1)

        self._file.apply(commit, RESERVE_BYTES + 2 * _size(record))

    def append_event(self, event: Event) -> None:
        """Make one event durable, at any time before the end.

        Raises:
            LogClosedError: the session has ended.

        """

        def append(file: h5py.File) -> None:
            _require_open(file, self.path)
            done = int(file.attrs["events_committed"])
            stop = write_rows(file[EVENTS.path], EVENTS, done, rows.event_rows(event))
            file.attrs["events_committed"] = np.int64(stop)

        self._file.apply(append, RESERVE_BYTES // 4)

    def finish(self, end: SessionEnd) -> None:
        """Write how the session ended; nothing can be appended afterwards.

        Raises:
            LogClosedError: the session has ended before.

        """

        def close(file: h5py.File) -> None:
            _require_open(file, self.path)
            file.attrs["ended_at"] = end.ended_at
            file.attrs["reason"] = end.reason
            file.attrs["exit_status"] = end.exit_status

        self._file.apply(close, RESERVE_BYTES // 16)
        self.close()

    def sync(self) -> None:
        """Return when every change so far is durable, also one that failed after it was in place.

        Raises:
            OSError: the disk did not take it.

        """
        self._file.sync()

    def close(self) -> None:
        """Remove what serves the writing; the log stays as it is, and can be written again."""
        self._file.remove_twin()

    def _write_start(self, file: h5py.File) -> None:
        start = self._start
        sizes = {"units": len(start.units), "tables": len(self._tables)}
        file.create_group("codes").attrs["description"] = "Codes, one group for each thread."
        for table in (*self._tables, EVENTS, COMMITS):
            create_table(file, table, sizes)
        names = [table_key(table).encode() for table in self._tables]
        file[COMMITS.path]["rows"].attrs["tables"] = np.array(names)
        for name, value in root_attributes(start).items():
            file.attrs[name] = value
        _write_config(file, start)
        if start.lineage is not None:
            write_lineage(file, start.lineage)
        counts = {table_key(table): 0 for table in self._tables}
        self._append(file, counts, "threads", rows.thread_rows(start.threads))
        self._append(file, counts, "units", rows.unit_rows(start.units))
        places = []
        for image in start.references.images:
            key = rows.pixels_path(*image.shape[:2]).strip("/")
            places.append(counts[key])
            self._append_pixels(file, counts, image[None])
        references = rows.reference_rows(start.references, places)
        self._append(file, counts, "images", references)
        self._write_counts(file, 0, counts)

    def _write_generation(
        self, file: h5py.File, counts: dict[str, int], record: GenerationRecord
    ) -> None:
        for thread in record.threads:
            first = 0
            if thread.images is not None:
                first = self._append_pixels(file, counts, thread.images)
            self._append(file, counts, "images", rows.image_rows(thread, first))
            codes: rows.Columns = {
                "image_id": thread.image_ids,
                "generation": np.full(len(thread.image_ids), thread.generation),
                "code": thread.codes,
            }
            self._append(file, counts, f"codes/thread_{thread.thread_id}", codes)
        block = record.block
        spikes = record.spikes
        parts: Mapping[str, rows.Columns] = {
            "scores": rows.score_rows(record),
            "presentations": rows.presentation_rows(block, record.presentations),
            "trials": rows.trial_rows(block, record.trials),
            "reported": rows.reported_rows(record),
            "replies": rows.reply_rows(block, record.replies),
            "generations": rows.generation_rows(record),
            "spikes": {
                "rig_time_s": spikes.rig_time_s,
                "unit_id": spikes.unit_id,
                "block": np.full(len(spikes.unit_id), block),
            },
            "sync": {
                "rig_time_s": spikes.sync_rig_s,
                "block": np.full(len(spikes.sync_rig_s), block),
            },
            "clock": rows.clock_rows(block, record.clock),
            "timing": rows.timing_rows(block, record.timing),
        }
        for key, columns in parts.items():
            self._append(file, counts, key, columns)

    def _append(
        self, file: h5py.File, counts: dict[str, int], key: str, columns: rows.Columns
    ) -> None:
        table = next(table for table in self._tables if table_key(table) == key)
        counts[key] = write_rows(file[table.path], table, counts[key], columns)

    def _append_pixels(self, file: h5py.File, counts: dict[str, int], images: Pixels) -> int:
        """Append images `(n, h, w, 3)` to the dataset of their size; return their first row."""
        height, width = images.shape[1:3]
        key = rows.pixels_path(height, width).strip("/")
        first = counts[key]
        self._append(file, counts, key, {f"{height}x{width}": images})
        return first

    def _counts(self, file: h5py.File, committed: int) -> dict[str, int]:
        stored = file[COMMITS.path]["rows"][committed]
        keys = [table_key(table) for table in self._tables]
        return dict(zip(keys, (int(count) for count in stored), strict=True))

    def _write_counts(self, file: h5py.File, committed: int, counts: Mapping[str, int]) -> None:
        row = np.array([[counts[table_key(table)] for table in self._tables]], dtype=np.int64)
        write_rows(file[COMMITS.path], COMMITS, committed, {"rows": row})

    def _add_columns(self, file: h5py.File) -> None:
        """Give a log of an older version the tables and columns that it lacks."""
        new = [table for table in self._tables if table.path not in file]
        for table in new:
            create_table(file, table, {"units": len(self._start.units)})
        if new:
            self._count_more_tables(file)
        for table in self._tables:
            for column in table.columns:
                fill = ADDED_LATER.get((table.path, column.name))
                if fill is not None and column.name not in file[table.path]:
                    rows = file[table.path][table.columns[0].name].shape[0]
                    create_column(file[table.path], table, column, {}, rows, fill)

    def _count_more_tables(self, file: h5py.File) -> None:
        """Count the rows of all tables from now on; those that are new had none until now."""
        old = file[COMMITS.path]["rows"]
        known, rows = [key.decode() for key in old.attrs["tables"]], old[:]
        keys = [table_key(table) for table in self._tables]
        counts = np.zeros((len(rows), len(keys)), dtype=np.int64)
        for place, key in enumerate(known):
            counts[:, keys.index(key)] = rows[:, place]
        del file[COMMITS.path]
        create_table(file, COMMITS, {"tables": len(keys)})
        write_rows(file[COMMITS.path], COMMITS, 0, {"rows": counts})
        file[COMMITS.path]["rows"].attrs["tables"] = np.array([key.encode() for key in keys])

    def _repair(self, file: h5py.File) -> None:
        committed = int(file.attrs["generations_committed"])
        counts = self._counts(file, committed)
        for table in self._tables:
            truncate(file[table.path], table, counts[table_key(table)])
        truncate(file[EVENTS.path], EVENTS, int(file.attrs["events_committed"]))
        truncate(file[COMMITS.path], COMMITS, committed + 1)


def growing_tables(start: SessionStart) -> tuple[Table, ...]:
    """Every table of a session whose rows are counted at each commit, in that order."""
    shapes = {thread.image_shape[:2] for thread in start.threads}
    shapes |= {(image.shape[0], image.shape[1]) for image in start.references.images}
    codes = (codes_table(thread.thread_id, thread.code_dim) for thread in start.threads)
    return (*FIXED_TABLES, *(pixels_table(*shape) for shape in sorted(shapes)), *codes)


def table_key(table: Table) -> str:
    """Name of a table in /commits: its path, with the dataset where a group holds several."""
    return f"pixels/{table.columns[0].name}" if table.path == "pixels" else table.path


def root_attributes(start: SessionStart) -> dict[str, str | float | np.int64 | list[float]]:
    """Attributes of the root of a new log."""
    return {
        "format": FORMAT_NAME,
        "schema_version": np.int64(SCHEMA_VERSION),
        "session_id": start.session_id,
        "subject_id": start.subject_id,
        "started_at": start.started_at,
        "ended_at": "",
        "exit_status": "",
        "reason": "",
        "seed": np.int64(start.seed),
        "time": start.time,
        "rig_adapter": start.rig_adapter,
        "rig_simulated": np.int64(start.rig_simulated),
        "display_label": start.display_label,
        "control": start.control,
        "responses": "rates" if start.response_window_s is None else "spikes",
        "response_window_s": list(start.response_window_s or (math.nan, math.nan)),
        "baseline_window_s": list(start.baseline_window_s or (math.nan, math.nan)),
        "baseline_mode": start.baseline_mode,
        "generations_committed": np.int64(0),
        "events_committed": np.int64(0),
    }


def _size(record: GenerationRecord) -> int:
    """Bytes of the arrays that make up nearly all of a generation."""
    threads = record.threads
    pixels = sum(thread.images.nbytes for thread in threads if thread.images is not None)
    return pixels + sum(t.codes.nbytes for t in threads) + 16 * len(record.spikes.rig_time_s)


def _write_config(file: h5py.File, start: SessionStart) -> None:
    values = {
        "toml": start.config_toml,
        "json": start.config_json,
        "versions": json.dumps(dict(start.versions), sort_keys=True),
        "extra": json.dumps(dict(start.extra), sort_keys=True),
    }
    group = file.create_group("config")
    group.attrs["description"] = "Configuration and surroundings of the session."
    for scalar in CONFIG:
        dataset = group.create_dataset(
            scalar.name, data=values[scalar.name], dtype=h5py.string_dtype()
        )
        dataset.attrs["unit"] = ""
        dataset.attrs["description"] = scalar.description


def _require_hashes(start: SessionStart) -> None:
    references = start.references
    for name, sha256, image in zip(
        references.names, references.sha256s, references.images, strict=True
    ):
        if image_sha256(image) != sha256:
            raise RecordError(
                f"Reference image {name} does not have the hash it was given; "
                "hash the uint8 pixels that will be shown."
            )


def _require_open(file: h5py.File, path: Path) -> None:
    if file.attrs["exit_status"]:
        raise LogClosedError(
            f"{path} ended with exit status {file.attrs['exit_status']!r}; "
            "start a new session to record more."
        )
