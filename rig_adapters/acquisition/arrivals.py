"""What the arrival of samples says about the acquisition clock. Pure; reads no clock.

Samples cannot arrive before they were taken, and the quickest of the last half minute have
waited least: their delay is taken as that of all (the lower envelope, as in Moon et al. 1999). How
long the quickest have waited no software can know, so it is guessed and belongs to the uncertainty;
sync edges tell it later, in `rig_adapters.alignment`.
"""

from collections import deque
from dataclasses import dataclass

from rig_adapters.clocks import DRIFT_PRIOR

MEMORY_S = 30.0
"""Over this a crystal drifts by a few milliseconds at most."""
LATELY_S = 2.0
STEP_S = 0.1
"""When all of `LATELY_S` comes later by this than before, the clock has stood still or stepped."""
HELD_BACK_S = 0.06
"""For so long at most a recorder, a network and this machine hold back every sample, beside the
lumps in which it comes: Open Ephys speaks of 20 to 30 ms. Half of it is the guess."""


@dataclass(frozen=True)
class Reading:
    """The same moment on both clocks, and how wrong that can be."""

    host_s: float
    rig_s: float
    uncertainty_s: float


class ArrivalClock:
    """Follows one acquisition clock by its arrivals.

    delivery_s: how long the lumps are in which samples arrive.
    """

    def __init__(self, delivery_s: float) -> None:
        self._delivery_s = delivery_s
        self._arrivals: deque[tuple[float, float]] = deque()
        """Host time of an arrival, and how much later that is than what the sample's time reads;
        only those that none after them has undercut."""
        self._lately: deque[tuple[float, float]] = deque()

    def read(self, heard_host_s: float, rig_s: float) -> Reading:
        """Take in that the sample of `rig_s` has arrived at `heard_host_s`; return what follows."""
        lag_s = heard_host_s - rig_s
        for memory, length_s in ((self._arrivals, MEMORY_S), (self._lately, LATELY_S)):
            while memory and memory[-1][1] >= lag_s:
                memory.pop()
            memory.append((heard_host_s, lag_s))
            while memory[0][0] < heard_host_s - length_s:
                memory.popleft()
        if self._lately[0][1] - self._arrivals[0][1] > STEP_S:
            # What was quick before is of a clock that is no more.
            self._arrivals = deque(self._lately)
        quick_host_s, quick_lag_s = self._arrivals[0]
        drifted_s = DRIFT_PRIOR * (heard_host_s - quick_host_s)
        return Reading(
            host_s=rig_s + quick_lag_s - HELD_BACK_S / 2,
            rig_s=rig_s,
            uncertainty_s=self._delivery_s + HELD_BACK_S / 2 + drifted_s,
        )
