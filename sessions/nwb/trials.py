"""Presentations as NWB's trials, the times that a fixation spot came on, and the blocks.

NWB calls a trial what was shown once, so its table `trials` has a row for each presentation; what
this project calls a trial is in `intervals/fixation_trials`. A rig that reports rates tells no
times, and then presentations are a table without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hdmf.common import DynamicTable, VectorData
from pynwb.epoch import TimeIntervals

from sessions.nwb.clock import FileClock
from sessions.nwb.columns import Rows, column, columns_of, dynamic_table
from sessions.reader import LogReader
from sessions.records import NO_THREAD, Floats
from sessions.schema import PRESENTATIONS, TRIALS
from sessions.tables import Strings

_ABOUT = "One row for each presentation of an image that was planned; id is its presentation_id."
_START = (
    "Onset of the image, seconds; start_source says whence. NaN where it was never shown, or where "
    "nothing is known of when."
)
_STOP = "start_time and the time that the image was on the screen, by its flips; NaN if unknown."
_SOURCE = (
    "photodiode or clock: onset_rig_s, as the column sync says; flip: the flip, brought to the "
    "rig's clock by the fit of its block; none: start_time is unknown."
)


@dataclass(frozen=True, eq=False)
class Moments:
    """When each presentation of a log was, on the file's clock; `(p,)` in the order of the log."""

    start_s: Floats
    stop_s: Floats
    source: Strings


def moments_of(reader: LogReader, clock: FileClock) -> Moments:
    """Return when each presentation began and ended, and how that is known."""
    rows = reader.presentations
    flip_s = clock.of_flips(rows.flip_on_host_s, rows.block)
    heard, flipped = np.isfinite(rows.onset_rig_s), np.isfinite(flip_s)
    start_s = np.where(heard, rows.onset_rig_s, flip_s)
    stop_s = start_s + (rows.flip_off_host_s - rows.flip_on_host_s)
    stop_s[~(stop_s > start_s)] = np.nan
    source = np.where(heard, rows.sync, np.where(flipped, "flip", "none"))
    return Moments(start_s, stop_s, source)


def presentation_table(reader: LogReader, moments: Moments) -> DynamicTable | None:
    """Return the table of all presentations, in order of time; None where there are none."""
    rows = reader.presentations
    if not len(rows.presentation_id):
        return None
    reported = reader.rule.response_window_s is None
    order = np.arange(len(rows.block)) if reported else _order(moments.start_s)
    counts = ("response_counts", "baseline_counts") if reported else ()
    columns = columns_of(PRESENTATIONS, rows, order, without=("presentation_id", *counts))
    columns += _of_images(reader, order)
    ids = rows.presentation_id[order]
    if reported:
        return dynamic_table("presentations", f"{_ABOUT} The rig told no times.", columns, ids)
    timed = [
        column("start_time", _START, moments.start_s[order]),
        column("stop_time", _STOP, moments.stop_s[order]),
        column("start_source", _SOURCE, moments.source[order]),
    ]
    return TimeIntervals(name="trials", description=_ABOUT, columns=[*timed, *columns], id=ids)


def fixation_table(reader: LogReader, clock: FileClock) -> TimeIntervals | None:
    """Return a row for each time that a fixation spot came on; None where none was logged."""
    rows = reader.trials
    start_s, stop_s, acquired_s, broken_s = (
        clock.of_flips(host_s, rows.block)
        for host_s in (
            rows.spot_on_host_s,
            rows.spot_off_host_s,
            rows.acquired_host_s,
            rows.broken_host_s,
        )
    )
    if not np.isfinite(start_s).any():
        return None
    order = _order(start_s)
    columns = [
        column("start_time", "When the fixation spot came on, seconds.", start_s[order]),
        column("stop_time", "When it went off, seconds.", stop_s[order]),
        column("acquired_time", "When fixation was acquired; NaN if never.", acquired_s[order]),
        column("broken_time", "When the animal looked away; NaN if not.", broken_s[order]),
        column("completed", "Whether fixation was held to the end.", rows.completed[order] == 1),
        *columns_of(TRIALS, rows, order, without=("completed",)),
    ]
    return TimeIntervals(name="fixation_trials", description=TRIALS.description, columns=columns)


def block_table(reader: LogReader, clock: FileClock, observed_s: Floats) -> TimeIntervals | None:
    """Return a row for each block; `observed_s` `(b, 2)` is from when to when it was recorded."""
    rows = reader.generations
    blocks, first = np.unique(rows.block, return_index=True)
    if not len(blocks):
        return None
    spans = observed_s
    if clock.name == "host":
        spans = np.stack([rows.started_host_s[first], rows.ended_host_s[first]], axis=1)
    columns = [
        column("start_time", "From when the block was recorded, seconds.", spans[:, 0]),
        column("stop_time", "Until when it was recorded, seconds.", spans[:, 1]),
        column("started_wall", "Start of the block, ISO 8601.", rows.started_wall[first]),
        column("ended_wall", "End of the block, ISO 8601.", rows.ended_wall[first]),
        column("started_host_s", "Start of the block, host clock.", rows.started_host_s[first]),
        column("ended_host_s", "End of the block, host clock.", rows.ended_host_s[first]),
    ]
    about = "One row for each block, which is one generation of every thread; id is the block."
    return TimeIntervals(name="blocks", description=about, columns=columns, id=blocks)


def _of_images(reader: LogReader, order: Rows) -> list[VectorData]:
    """Return what the images table says of the image of each presentation."""
    images = reader.images
    row_of = {int(image_id): row for row, image_id in enumerate(images.image_id)}
    found = [row_of[int(image_id)] for image_id in reader.presentations.image_id[order]]
    return [
        column("image_kind", "generated or reference.", images.kind[found]),
        column(
            "generation",
            f"Generation of the thread that made the image; {NO_THREAD} for a reference.",
            images.generation[found],
        ),
    ]


def _order(start_s: Floats) -> Rows:
    """Return the order in time; a row without a time stays behind the one before it."""
    last = np.maximum.accumulate(np.where(np.isnan(start_s), -1, np.arange(len(start_s))))
    filled_s = np.where(last < 0, -np.inf, start_s[last])
    return np.argsort(filled_s, kind="stable")
