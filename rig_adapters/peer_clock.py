"""How the monotonic clock of a peer's machine is related to that of this one.

A peer on another machine stamps its readings with the clock there, which began at another moment
and runs at another speed. Each answered ping was stamped there between two moments here, so half
the time it took is how far the offset can be wrong (Cristian 1989), and more so the older it gets;
the best of the last few counts. Sending the pings is left to `link`.
"""

from collections import deque
from dataclasses import dataclass

from rig_adapters.clocks import DRIFT_PRIOR

N_READINGS = 8


@dataclass(frozen=True)
class Reading:
    """`peer_s` was read there between `asked_s` and `heard_s` here."""

    asked_s: float
    peer_s: float
    heard_s: float

    @property
    def uncertainty_s(self) -> float:
        """How far `offset_s` can be wrong."""
        return (self.heard_s - self.asked_s) / 2

    @property
    def offset_s(self) -> float:
        """From a time here to a time there."""
        return self.peer_s - (self.asked_s + self.heard_s) / 2


class PeerClock:
    """The last few readings of a peer's clock."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=N_READINGS)

    def add(self, asked_s: float, peer_s: float, heard_s: float) -> None:
        """Take one reading in."""
        self._readings.append(Reading(asked_s, peer_s, heard_s))

    def here(self, peer_s: float) -> tuple[float, float]:
        """Turn a time of the peer's machine into one of this machine, and how wrong that can be.

        On one machine there is one clock: a time stays as it is, to the last bit.
        """
        if not self._readings:
            return peer_s, 0.0
        now_s = self._readings[-1].heard_s
        error_s, best = min(
            ((r.uncertainty_s + DRIFT_PRIOR * (now_s - r.heard_s), r) for r in self._readings),
            key=lambda rated: rated[0],
        )
        if abs(best.offset_s) <= best.uncertainty_s:
            return peer_s, 0.0
        return peer_s - best.offset_s, error_s
