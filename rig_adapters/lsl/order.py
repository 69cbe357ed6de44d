"""Which samples of a stream follow one another without loss. Pure.

Samples are in the order of their time stamps, and a counter, where there is one, rises by one with
each. So between two samples that follow one another nothing is missing; before and after a loss,
nothing is known from the last sample to the first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import RecorderRestarted

Ints = npt.NDArray[np.int64]
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Sequence:
    """What came since, without what came late or twice.

    rows (k,): which of the samples. ticks (k,): their times. broken (k,): whether something was
    lost between a sample and the one before it, which may have come earlier; also where there is
    none before it.
    """

    rows: Ints
    ticks: Ints
    broken: npt.NDArray[np.bool_]


class Order:
    """Follows one stream.

    A step of time from sample to sample that is not within [shortest, longest] ticks is a loss.
    """

    def __init__(self, name: str, shortest: int, longest: int) -> None:
        self._name = name
        self._shortest = shortest
        self._longest = longest
        self._tick = self._counter = 0
        self._begun = False

    def follow(self, ticks: Ints, counters: Ints | None) -> Sequence:
        """Take in samples (n,), in the order of arrival; raises RecorderRestarted."""
        if not ticks.size:
            return Sequence(np.zeros(0, np.int64), ticks, np.zeros(0, np.bool_))
        begun, self._begun = self._begun, True
        if counters is None:
            last = self._counter if begun else 0
            counters = np.arange(last + 1, last + 1 + ticks.size)
        before = (self._tick, self._counter) if begun else (int(ticks[0]), int(counters[0]) - 1)
        rows = self._in_order(ticks, counters, *before)
        ticks, counters = ticks[rows], counters[rows]
        # What came late or twice is in a loss that was told of already, or was told already.
        steps = np.diff(ticks, prepend=before[0])
        broken = np.diff(counters, prepend=before[1]) != 1
        broken |= (steps < self._shortest) | (steps > self._longest)
        if not begun:
            broken[0] = True
        if rows.size:
            self._tick, self._counter = int(ticks[-1]), int(counters[-1])
        return Sequence(rows, ticks, broken)

    def _in_order(self, ticks: Ints, counters: Ints, tick: int, counter: int) -> Ints:
        highest = np.maximum.accumulate(np.append(counter, counters))[:-1]
        fresh = counters > highest
        latest = np.maximum.accumulate(np.append(tick, np.where(fresh, ticks, _NEVER)))[:-1]
        if np.any(fresh & (ticks < latest)):
            raise RecorderRestarted(
                f"the time stamps of {self._name} went back: its program was started anew, or its "
                "clock was set, or it does not send in the order of time; see that it does"
            )
        if np.any(~fresh & (ticks > latest)):
            raise RecorderRestarted(
                f"the counter of {self._name} began anew: its program has started another "
                "acquisition"
            )
        rows: Ints = np.flatnonzero(fresh)
        return rows
