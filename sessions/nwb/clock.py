"""The one clock of an NWB file, and when it stood at zero by the wall.

A session with spikes is told on the rig's clock, as it was recorded: no spike is moved. What
happened on the host's clock (flips, fixation, notes) goes there by the fit of its block,

    rig_s = offset_s + (1 + drift) * host_s                                                  (1)

or of the nearest block that has one. A session of rates has no rig clock and stays on the host's.
Needs no pynwb.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from sessions.reader import LogReader
from sessions.records import Floats, Ints

_RIG = (
    "All times are seconds on the clock of the recording system, as it told them; times of the "
    "display and the host were brought there by the fit of their block (see processing/misc/clock)."
)
_HOST = (
    "All times are seconds on the monotonic clock of the host: the rig reports rates in files, and "
    "has told no times."
)
_ANCHORED = "timestamps_reference_time is when that clock stood at zero, to some milliseconds."
_VIRTUAL = (
    "The session ran in virtual time, which is no time of day: timestamps_reference_time puts its "
    "first moment at the start of its first block."
)
_LOOSE = (
    "Nothing ties that clock to the time of day: timestamps_reference_time puts its first moment "
    "at the start of the first block."
)


@dataclass(frozen=True, eq=False)
class FileClock:
    """Brings host times to the file's clock; `offset_s` and `drift` `(b,)` belong to `blocks`.

    `started_host_s` `(b,)` is when each block began. The fits are empty where no block has one, and
    where the file is on the host's clock.
    """

    name: Literal["rig", "host"]
    blocks: Ints
    started_host_s: Floats
    offset_s: Floats
    drift: Floats
    virtual: bool

    def of_flips(self, host_s: Floats, block: Ints) -> Floats:
        """Return host times `(n,)` of the display, in blocks `(n,)`; NaN where no fit is known."""
        if self.name == "host":
            return host_s
        if not len(self.blocks):
            return np.full(len(host_s), np.nan)
        nearest = np.abs(self.blocks[None, :] - np.asarray(block)[:, None]).argmin(axis=1)
        moved: Floats = self.offset_s[nearest] + (1 + self.drift[nearest]) * host_s
        return moved

    def of_host(self, host_s: Floats) -> Floats:
        """Return moments `(n,)` of the host's own clock, by the fit of the block under way.

        NaN in virtual time, where the display has another clock than the host.
        """
        if self.name == "host":
            return host_s
        if self.virtual or not len(self.blocks):
            return np.full(len(host_s), np.nan)
        row = np.searchsorted(self.started_host_s, host_s, side="right") - 1
        return self.of_flips(host_s, self.blocks[np.clip(row, 0, None)])


def clock_of(reader: LogReader) -> FileClock:
    """Return the clock on which a log is told."""
    fits, rows = reader.clock, reader.generations
    began = dict(zip(rows.block.tolist(), rows.started_host_s.tolist(), strict=True))
    known = np.isfinite(fits.offset_s) & np.isfinite(fits.drift)
    return FileClock(
        name="host" if reader.rule.response_window_s is None else "rig",
        blocks=fits.block[known],
        started_host_s=np.array([began[block] for block in fits.block[known].tolist()]),
        offset_s=fits.offset_s[known],
        drift=fits.drift[known],
        virtual=reader.start.time == "virtual",
    )


def reference_time(reader: LogReader, clock: FileClock, first_s: float) -> tuple[datetime, str]:
    """Return when the file's clock stood at zero, and in words what its times are.

    `first_s` is the earliest time in the file, NaN where there is none.
    """
    told = _RIG if clock.name == "rig" else _HOST
    rows = reader.generations
    if not len(rows.block):
        return datetime.fromisoformat(reader.start.started_at), told
    first = int(rows.block.argmin())
    wall = datetime.fromisoformat(str(rows.started_wall[first]))
    anchored_s = float(clock.of_host(rows.started_host_s[[first]])[0])
    if np.isfinite(anchored_s):
        return wall - timedelta(seconds=anchored_s), f"{told} {_ANCHORED}"
    loose_s = first_s if np.isfinite(first_s) else 0.0
    why = _VIRTUAL if clock.virtual else _LOOSE
    return wall - timedelta(seconds=loose_s), f"{told} {why}"
