"""When each presentation began on the rig's clock, and the clock map that follows from it.

The map goes on through a session: edges of one part fix no drift. Where the rig's clock has stepped
it begins anew, and the part in which that happened has no onsets. Pairing flips with edges is in
`rig_adapters.alignment`.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from controller.recorder import Recorder
from rig_adapters.alignment import MIN_PAIRS, Alignment, align
from rig_adapters.clocks import ClockMap, fit_clock

SYNC_TOLERANCE_FRAMES = 2.0
"""How far from its flip an onset edge may lie; beyond it is somebody else's."""

CLOCK_EDGES = 2000
"""Flips with their edges on which the clock map rests: the last ten minutes or so."""


class Onsets:
    """Follows the clocks of one session. `tolerance_s`: how far from its flip an edge may be."""

    def __init__(self, recorder: Recorder, has_sync: bool, tolerance_s: float) -> None:
        self.clock: ClockMap | None = None
        """From flips to onsets on the rig's clock, as far as it is known by now."""
        self._recorder = recorder
        self._has_sync = has_sync
        self._tolerance_s = tolerance_s
        self._edges: deque[tuple[float, float]] = deque(maxlen=CLOCK_EDGES)
        self._steps = recorder.n_steps

    def expected_clock(self) -> ClockMap | None:
        """Return the map fitted to the edges so far; without edges, the rig's last reading."""
        if self._steps != self._recorder.n_steps:
            # What was fitted is of a clock that is no more.
            self._steps = self._recorder.n_steps
            self._edges.clear()
            self.clock = None
        if self.clock is not None and self.clock.n_pairs >= MIN_PAIRS:
            return self.clock
        return self._recorder.clock

    def find(
        self,
        presentation_ids: npt.NDArray[np.int64],
        flips: npt.NDArray[np.float64],
        steps_before: int,
    ) -> Alignment:
        """Return the onset of each presentation of a part, by its flip (p,), NaN without one.

        steps_before: steps of the rig's clock when the part began; there are no onsets where one
        came since, for a flip might find the edge of another image.
        """
        start = self.expected_clock()
        if start is None:
            raise RuntimeError("a block was presented before the recording began")
        if self._recorder.n_steps != steps_before:
            flips = np.full_like(flips, np.nan)
        edges = self._recorder.recording.sync_rig_s() if self._has_sync else None
        aligned = align(presentation_ids, flips, edges, start, self._tolerance_s)
        self._follow(aligned, flips, start)
        return aligned

    def _follow(self, aligned: Alignment, flips: npt.NDArray[np.float64], start: ClockMap) -> None:
        """Refine the clock map by the edges of many blocks; those of one part fix no drift."""
        for row, source in enumerate(aligned.sync):
            if source == "photodiode":
                self._edges.append((float(flips[row]), float(aligned.onset_rig_s[row])))
        if len(self._edges) >= MIN_PAIRS:
            pairs = np.array(self._edges)
            self.clock = fit_clock(pairs[:, 0], pairs[:, 1], start)
        else:
            # What the onsets rest on is what the log is told.
            self.clock = start
