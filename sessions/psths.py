"""The response in time of the driver units of a thread, out of a log: of any images, in any block.

Computing it from arrays is left to `analysis.responses`, drawing it to `figure` and to whoever
prints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sessions.analysis.responses import Flags, Psth, psth
from sessions.errors import RecordError
from sessions.reader import LogReader
from sessions.records import ThreadInfo, Window

PSTH_WINDOW_S: Window = (-0.05, 0.3)
PSTH_BIN_S = 0.01


@dataclass(frozen=True, eq=False)
class BlockPsth:
    """What one block says: the response to the thread's own images, and to the references.

    Where a kind of image completed no presentation, its rates are NaN.
    """

    block: int
    thread: ThreadInfo
    generated: Psth
    references: Psth


def response_to(reader: LogReader, thread: ThreadInfo, presentations: Flags) -> Psth:
    """Return the response to those of the chosen presentations `(p,)` that completed."""
    shown, spikes = reader.presentations, reader.spikes
    chosen = presentations & (shown.outcome == "completed")
    return psth(
        spikes.rig_time_s,
        spikes.unit_id,
        thread.driver_unit_ids,
        shown.onset_rig_s[chosen],
        PSTH_WINDOW_S,
        PSTH_BIN_S,
    )


def block_psths(reader: LogReader, block: int | None = None) -> tuple[BlockPsth, ...]:
    """Return what a block says for each thread; None: the last that was committed.

    References count for a thread where they were shown at its place, as they do for its scores.

    Raises:
        RecordError: there is no such block in the log, or it has no spikes.

    """
    if reader.rule.response_window_s is None:
        raise RecordError(f"{reader.path} has rates as the rig reported them, and no spikes.")
    n = reader.generations_committed
    block = n - 1 if block is None else block
    if not 0 <= block < n:
        told = f"blocks 0 to {n - 1}" if n else "no block"
        raise RecordError(f"{reader.path} holds {told}, but not block {block}.")
    shown, images = reader.presentations, reader.images
    here = shown.block == block
    of_reference = np.isin(shown.image_id, images.image_id[images.kind == "reference"])
    found = []
    for thread in reader.threads:
        x_deg, y_deg = thread.position_deg
        placed = (
            (shown.x_deg == x_deg) & (shown.y_deg == y_deg) & (shown.size_deg == thread.size_deg)
        )
        mine = here & (shown.thread_id == thread.thread_id)
        found.append(
            BlockPsth(
                block,
                thread,
                response_to(reader, thread, mine & ~of_reference),
                response_to(reader, thread, here & placed & of_reference),
            )
        )
    return tuple(found)
