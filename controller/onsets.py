"""When each presentation began on the rig's clock, and the clock map that follows from it.

The map goes on through a session: edges of one part fix no drift. So does the grid of the screen's
frames. Where the rig's clock has stepped both maps begin anew, and the part in which that happened
has no onsets. Pairing flips with edges, and whom to believe, is in `rig_adapters.alignment`.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from controller.recorder import Recorder
from rig_adapters.alignment import Alignment, Pairs, Witnesses, align
from rig_adapters.clocks import ClockMap
from rig_adapters.frames import FrameGrid, find_grid
from rig_adapters.pairing import MIN_PAIRS
from rig_adapters.wire.messages import MarkedBy

SYNC_TOLERANCE_FRAMES = 2.0
"""How far from its flip an onset edge may lie; beyond it is somebody else's."""
CLOCK_EDGES = 500
"""Flips with their edges on which the clock map rests: those of the last minutes, in which no
crystal leaves a straight line by much. They give the map to some microseconds; more is no use."""
GRID_FLIPS = 300
GRID_S = 120.0
"""The grid of frames is that of the last so many flips, no older than this when a part begins."""


class SessionClocks:
    """Follows the clocks of one session, part by part. Pure: reads no clock itself.

    frame_s: the refresh period that the screen should have.
    has_grid: whether flips wait for its vertical blank, so that frames begin on a grid.
    """

    def __init__(self, frame_s: float, *, has_grid: bool) -> None:
        self.clock: ClockMap | None = None
        """From flips to onsets on the rig's clock, as far as it is known by now."""
        self._frame_s = frame_s
        self._has_grid = has_grid
        self._pairs: deque[tuple[float, float]] = deque(maxlen=CLOCK_EDGES)
        self._flips: deque[float] = deque(maxlen=GRID_FLIPS)

    def forget(self) -> None:
        """Begin anew with a clock that is another from now on; the screen is the same."""
        self._pairs.clear()
        self.clock = None

    def expected(self, stamped: ClockMap | None, host_s: float) -> ClockMap | None:
        """Return the map by edges while it is good to a frame, else the better one at `host_s`.

        The map by stamps does not contain the display's lag.
        """
        fitted = self.clock if len(self._pairs) >= MIN_PAIRS else None
        if fitted is None or stamped is None:
            return fitted or stamped
        doubts_s = [float(clock.half_width_s(host_s)) for clock in (fitted, stamped)]
        return fitted if doubts_s[0] <= max(self._frame_s, doubts_s[1]) else stamped

    def find(
        self,
        presentation_ids: npt.NDArray[np.int64],
        flips: npt.NDArray[np.float64],
        edges: npt.NDArray[np.float64] | None,
        stamped: ClockMap,
        marked_by: Sequence[MarkedBy] = (),
    ) -> Alignment:
        """Return the onset of each presentation of a part, by its flip (p,), NaN without one.

        edges: (m,) that the rig saw, None for one that sees none; stamped: the map by the adapter's
        own readings; marked_by: what marked the onsets of the part.
        """
        seen = flips[np.isfinite(flips)]
        start = self.expected(stamped, float(seen.max(initial=stamped.center_host_s))) or stamped
        if start is stamped:
            self._pairs.clear()
        known = Witnesses(
            tolerance_s=SYNC_TOLERANCE_FRAMES * self._frame_s,
            earlier=Pairs(*np.array(self._pairs).reshape(-1, 2).T),
            grid=self._grid(seen),
            light=set(marked_by) != {"ttl"},
        )
        aligned = align(presentation_ids, flips, edges, start, known)
        for row, source in enumerate(aligned.sync):
            if source == "photodiode":
                self._pairs.append((float(flips[row]), float(aligned.onset_rig_s[row])))
        # What the onsets rest on is what the log is told.
        self.clock = aligned.clock
        return aligned

    def _grid(self, flips: npt.NDArray[np.float64]) -> FrameGrid | None:
        if not self._has_grid or not flips.size:
            return None
        earlier = np.array(self._flips)
        self._flips.extend(flips.tolist())
        recent = earlier[earlier >= flips.min() - GRID_S]
        return find_grid(np.concatenate([recent, flips]), self._frame_s)


class Onsets:
    """Finds onsets in what a recorder takes in; `clocks` follows the session's."""

    def __init__(self, recorder: Recorder, has_sync: bool, clocks: SessionClocks) -> None:
        self._recorder = recorder
        self._has_sync = has_sync
        self._clocks = clocks
        self._steps = recorder.n_steps

    @property
    def clock(self) -> ClockMap | None:
        """From flips to onsets on the rig's clock, as far as it is known by now."""
        return self._clocks.clock

    def latest_rig_s(self, host_s: float) -> float | None:
        """Return what the rig's clock says at `host_s` at the latest, None before it is known."""
        clock = self._forget_stepped().expected(self._recorder.clock, host_s)
        return None if clock is None else float(clock.to_rig(host_s) + clock.half_width_s(host_s))

    def find(
        self,
        presentation_ids: npt.NDArray[np.int64],
        flips: npt.NDArray[np.float64],
        marked_by: Sequence[MarkedBy],
        steps_before: int,
    ) -> Alignment:
        """Return the onset of each presentation of a part, by its flip (p,), NaN without one.

        marked_by: what marked each of those that were shown.
        steps_before: steps of the rig's clock when the part began; there are no onsets where one
        came since, for a flip might find the edge of another image.
        """
        clocks, stamped = self._forget_stepped(), self._recorder.clock
        if stamped is None:
            raise RuntimeError("a block was presented before the recording began")
        if self._recorder.n_steps != steps_before:
            flips = np.full_like(flips, np.nan)
        edges = self._recorder.recording.sync_rig_s() if self._has_sync else None
        return clocks.find(presentation_ids, flips, edges, stamped, marked_by)

    def _forget_stepped(self) -> SessionClocks:
        if self._steps != self._recorder.n_steps:
            # What was fitted is of a clock that is no more.
            self._steps = self._recorder.n_steps
            self._clocks.forget()
        return self._clocks
