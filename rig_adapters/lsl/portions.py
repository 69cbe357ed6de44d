"""What is known of a length of time, and what is known of it by two streams together. Pure."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
NO_TICKS: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Portion:
    """All spikes (k,) of `unit_ids` (k,) and all onsets (m,) of `[from_tick, through_tick)`."""

    from_tick: int
    through_tick: int
    spikes: Ints
    unit_ids: Ints
    onsets: Ints

    def within(self, from_tick: int, through_tick: int) -> "Portion":
        """Return what there is of a part of it."""
        inside = (self.spikes >= from_tick) & (self.spikes < through_tick)
        seen = (self.onsets >= from_tick) & (self.onsets < through_tick)
        return Portion(
            from_tick,
            through_tick,
            self.spikes[inside],
            self.unit_ids[inside],
            self.onsets[seen],
        )


class Meeting:
    """Puts the spikes of one stream and the onsets of another together.

    Only what both have told of is known. One that waits for the other for longer than
    `longest_ticks` is given up from its oldest end, and that is a loss.
    """

    def __init__(self, longest_ticks: int) -> None:
        self._longest = longest_ticks
        self._spikes: deque[Portion] = deque()
        self._onsets: deque[Portion] = deque()

    def meet(self, spikes: Sequence[Portion], onsets: Sequence[Portion]) -> Iterator[Portion]:
        """Take in what came since; yield what is known by both, in the order of time."""
        for waiting, new in ((self._spikes, spikes), (self._onsets, onsets)):
            waiting.extend(new)
            while waiting and waiting[-1].through_tick - waiting[0].through_tick > self._longest:
                waiting.popleft()
        while self._spikes and self._onsets:
            a, b = self._spikes[0], self._onsets[0]
            start = max(a.from_tick, b.from_tick)
            end = min(a.through_tick, b.through_tick)
            if start < end:
                seen = b.within(start, end).onsets
                inside = a.within(start, end)
                yield Portion(start, end, inside.spikes, inside.unit_ids, seen)
            if a.through_tick <= end:
                self._spikes.popleft()
            if b.through_tick <= end:
                self._onsets.popleft()
