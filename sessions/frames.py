"""The tables of a log as pandas frames, such as `log.tables.scores` and `log.tables.responses`.

Nothing is read before it is asked for, and then once. Rows and columns are those of
`sessions.schema`, except that a column of several values becomes several columns, and that a count
that does not exist is <NA> instead of -1. Three tables are made here, by ids: `responses`, `curves`
and `codes`. Statistics are left to `sessions.analysis`, and reading to `sessions.reader`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sessions import schema
from sessions.layout import Column, Table
from sessions.records import NO_COUNT, NO_THREAD, Counts, Floats, Window
from sessions.report import thread_curve

if TYPE_CHECKING:
    from sessions.reader import LogReader

COUNT_DTYPE = "Int32"
"""Counts in frames: whole numbers that can be missing."""

RESPONSE_COLUMNS: Mapping[str, tuple[str, str]] = {
    "presentation_id": ("id", "Presentation, as in /presentations."),
    "block": ("index", "Block that showed it."),
    "generation": ("index", "Generation of its block; of its thread, for a generated image."),
    "thread_id": ("id", "Evolution thread; -1 for a reference image."),
    "thread": ("", "Name of the thread; empty for a reference image."),
    "image_id": ("id", "Image, as in /images."),
    "image": ("", "Name of the image."),
    "kind": ("", "generated or reference."),
    "trial_id": ("id", "Trial that held it."),
    "outcome": ("", "How it ended; only completed ones count towards a score."),
    "onset_rig_s": ("s", "Onset on the rig clock; NaN if unknown."),
    "unit_id": ("id", "Unit, as in /units."),
    "unit": ("", "Name of the unit."),
    "response_count": ("spikes", "Spikes in the response window; <NA> for none."),
    "baseline_count": ("spikes", "Spikes in the baseline window; <NA> for none."),
    "rate_hz": ("spikes/s", "response_count over the length of its window; NaN for none."),
    "baseline_rate_hz": ("spikes/s", "Likewise of baseline_count."),
    "reported": ("as reported", "What a rig that counts by itself reported; NaN for none."),
}
"""Columns of `Tables.responses` with their units and what they say."""

CURVE_COLUMNS: Mapping[str, tuple[str, str]] = {
    "thread_id": ("id", "Evolution thread."),
    "thread": ("", "Name of the thread."),
    "generation": ("index", "Generation of the thread."),
    "n_scored": ("", "Generated images with a score."),
    "evolved_mean": ("spikes/s", "Mean score of generated images."),
    "evolved_sem": ("spikes/s", "Its standard error; NaN below two scores."),
    "evolved_max": ("spikes/s", "Largest score."),
    "reference_mean": ("spikes/s", "Mean score of the references that were scored for it."),
    "reference_sem": ("spikes/s", "Its standard error."),
}
"""Columns of `Tables.curves`."""


class Tables:
    """Tidy tables of one snapshot of a log.

    Each frame says in `attrs` which `table` it is, and the `units` and `descriptions` of its
    columns. Frames are kept: copy one before you change it.
    """

    def __init__(self, log: LogReader) -> None:
        self._log = log

    @cached_property
    def threads(self) -> pd.DataFrame:
        """/threads: one row for each evolution thread; driver units are a tuple of ids."""
        return _of_records(schema.THREADS, self._log.threads)

    @cached_property
    def units(self) -> pd.DataFrame:
        """/units: one row for each unit."""
        return _of_records(schema.UNITS, self._log.units)

    @cached_property
    def images(self) -> pd.DataFrame:
        """/images: one row for each image; `log.pixels(image_id)` gives what it looks like."""
        return self._frame(schema.IMAGES, self._log.images)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """/scores: one row for each image of a generation, references for every thread."""
        return self._frame(schema.SCORES, self._log.scores)

    @cached_property
    def presentations(self) -> pd.DataFrame:
        """/presentations: counts are `response_counts_<unit_id>`, `baseline_counts_<unit_id>`."""
        return self._frame(schema.PRESENTATIONS, self._log.presentations)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """/trials: one row for each time that a fixation spot came on."""
        return self._frame(schema.TRIALS, self._log.trials)

    @cached_property
    def spikes(self) -> pd.DataFrame:
        """/spikes: one row for each spike."""
        return self._frame(schema.SPIKES, self._log.spikes)

    @cached_property
    def sync(self) -> pd.DataFrame:
        """/sync: one row for each sync edge."""
        return self._frame(schema.SYNC, self._log.sync)

    @cached_property
    def generations(self) -> pd.DataFrame:
        """/generations: one row for each thread and generation."""
        return self._frame(schema.GENERATIONS, self._log.generations)

    @cached_property
    def clock(self) -> pd.DataFrame:
        """/clock: one row for each block."""
        return self._frame(schema.CLOCK, self._log.clock)

    @cached_property
    def timing(self) -> pd.DataFrame:
        """/timing: one row for each block, in seconds."""
        return self._frame(schema.TIMING, self._log.timing)

    @cached_property
    def events(self) -> pd.DataFrame:
        """/events: notes, pauses and faults."""
        return self._frame(schema.EVENTS, self._log.events)

    @cached_property
    def reported(self) -> pd.DataFrame:
        """/reported: rates are `rates_<unit_id>`; no rows where there are spikes."""
        return self._frame(schema.REPORTED, self._log.reported)

    @cached_property
    def replies(self) -> pd.DataFrame:
        """/replies: files in which a rig reported; no rows where there are spikes."""
        return self._frame(schema.REPLIES, self._log.replies)

    @cached_property
    def responses(self) -> pd.DataFrame:
        """One row for each presentation and unit: image, thread, generation, outcome and counts.

        Columns are those of `RESPONSE_COLUMNS`.

        Raises:
            ValueError: an id is given twice, so the log is damaged; see `neuroloop inspect`.

        """
        shown, units, log = self._shown(), self.units, self._log
        n, u = len(shown), len(units)
        rows = shown.loc[shown.index.repeat(u)].reset_index(drop=True)
        rows["unit_id"] = np.tile(units["unit_id"].to_numpy(), n)
        rows["unit"] = np.tile(units["label"].to_numpy(), n)
        for name, counts, window in (
            ("response", log.presentations.response_counts, log.start.response_window_s),
            ("baseline", log.presentations.baseline_counts, log.start.baseline_window_s),
        ):
            rows[f"{name}_count"] = _counts(counts.reshape(n * u))
            rate = "rate_hz" if name == "response" else "baseline_rate_hz"
            rows[rate] = _rates(counts.reshape(n * u), window)
        reported = pd.DataFrame(log.reported.rates, index=log.reported.presentation_id)
        rows["reported"] = reported.reindex(shown["presentation_id"]).to_numpy().reshape(n * u)
        rows = rows[list(RESPONSE_COLUMNS)]
        rows.attrs = _attributes("responses", RESPONSE_COLUMNS)
        return rows

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Score curve of every thread, one row for each thread and generation.

        Columns are those of `CURVE_COLUMNS`.
        """
        curves = []
        for thread in self._log.threads:
            found = thread_curve(self._log, thread.thread_id)
            curve = pd.DataFrame({item.name: getattr(found, item.name) for item in fields(found)})
            curves.append(curve.assign(thread_id=thread.thread_id, thread=thread.name))
        rows = pd.concat(curves, ignore_index=True)[list(CURVE_COLUMNS)]
        rows.attrs = _attributes("curves", CURVE_COLUMNS)
        return rows

    def codes(self, thread_id: int) -> pd.DataFrame:
        """/codes of one thread: an index of generation and image_id, one column a dimension.

        Raises:
            RecordError: the session has no such thread.

        """
        rows = self._log.codes(thread_id)
        index = pd.MultiIndex.from_arrays(
            [rows.generation, rows.image_id], names=["generation", "image_id"]
        )
        frame = pd.DataFrame(rows.code, index=index)
        frame.attrs = {"table": f"/codes/thread_{thread_id}"}
        return frame

    def _frame(self, table: Table, rows: object) -> pd.DataFrame:
        """Return the columns of a table; those of several values are named by unit ids."""
        columns: dict[str, Any] = {}
        said: dict[str, tuple[str, str]] = {}
        for column in table.columns:
            for name, values in self._spread(column, getattr(rows, column.name)).items():
                columns[name] = values
                said[name] = (column.unit, column.description)
        frame = pd.DataFrame(columns)
        frame.attrs = _attributes(f"/{table.path}", said)
        return frame

    def _spread(self, column: Column, values: np.ndarray[Any, Any]) -> dict[str, Any]:
        if not column.shape:
            return {column.name: values}
        ids = self._log.unit_ids.tolist()
        each = {f"{column.name}_{unit_id}": values[:, k] for k, unit_id in enumerate(ids)}
        if column.unit != "spikes":
            return each
        return {name: _counts(counts) for name, counts in each.items()}

    def _shown(self) -> pd.DataFrame:
        """Return one row for each presentation, with what is known of its image."""
        rows = self._log.presentations
        own = ("presentation_id", "block", "thread_id", "image_id", "trial_id", "outcome")
        shown = pd.DataFrame({name: getattr(rows, name) for name in (*own, "onset_rig_s")})
        images = self.images[["image_id", "kind", "name", "generation"]]
        shown = shown.merge(
            images.rename(columns={"name": "image"}),
            on="image_id",
            how="left",
            validate="many_to_one",
        )
        names = {thread.thread_id: thread.name for thread in self._log.threads}
        shown["thread"] = shown["thread_id"].map({NO_THREAD: "", **names})
        # A reference has no generation of its own: it is shown beside those of its block.
        beside = shown["kind"] == "reference"
        of_block = dict(
            zip(self._log.generations.block, self._log.generations.generation, strict=True)
        )
        shown.loc[beside, "generation"] = shown.loc[beside, "block"].map(of_block)
        return shown


def _of_records(table: Table, records: tuple[Any, ...]) -> pd.DataFrame:
    """Return the rows of a table that the reader gives as one object each."""
    said = {column.name: (column.unit, column.description) for column in table.columns}
    frame = pd.DataFrame({name: [getattr(row, name) for row in records] for name in said})
    frame.attrs = _attributes(f"/{table.path}", said)
    return frame


def _attributes(table: str, said: Mapping[str, tuple[str, str]]) -> dict[Any, Any]:
    return {
        "table": table,
        "units": {name: unit for name, (unit, _) in said.items()},
        "descriptions": {name: text for name, (_, text) in said.items()},
    }


def _counts(counts: Counts) -> pd.Series[Any]:
    """Return counts (n,) with <NA> in the place of those that do not exist."""
    return pd.Series(counts, dtype=COUNT_DTYPE).mask(counts == NO_COUNT)


def _rates(counts: Counts, window_s: Window | None) -> Floats:
    """Return counts (n,) as spikes/s; NaN where there is no count, or no window."""
    if window_s is None:
        return np.full(len(counts), np.nan)
    return np.where(counts == NO_COUNT, np.nan, counts / (window_s[1] - window_s[0]))
