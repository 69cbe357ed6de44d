"""Whether all packets have come that an instrument sent: monitor packets and what came. Pure.

A monitor packet says how many packets were sent since the last one, itself included. What came less
what was sent, from some monitor packet on, is the *level*. A lost packet lowers it for good; one
that was overtaken lowers or raises it for a moment. So a monitor packet is believed when the next
one finds the same level, and all between two believed ones of the same level has come. A new level
is taken for a loss after `AGREEING` more have found it. The first of them is not believed: what was
overtaken may have lowered it, and have come since, while something else was lost. The last but one
is, since nothing is overtaken for so long.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rig_adapters.acquisition.source import RecorderRestarted

AGREEING = 4
"""How many later monitor packets must agree on a new level."""
MISSING = 6
"""A monitor packet that has not come after so many later ones is lost."""
_BACKWARDS = 3


@dataclass(frozen=True)
class Monitor:
    """A monitor packet as it came.

    number: they are counted. sent: packets since the last one. received: how many packets had come
    with it, since whenever.
    """

    number: int
    sent: int
    received: int


@dataclass(frozen=True)
class Believed:
    """What a monitor packet proves: up to it (`received`) all has come since the last believed one.

    whole: that it is so; otherwise something was lost in between.
    """

    received: int
    whole: bool


class Balance:
    """Follows the monitor packets of one instrument."""

    def __init__(self) -> None:
        self._waiting: dict[int, Monitor] = {}
        """Those that came before one with a smaller number."""
        self._next: int | None = None
        self._backwards = 0
        self._sent = 0
        """Up to the newest one, counted so that levels before the first loss are 0."""
        self._level: int | None = None
        """Of the last one that was believed; None where a monitor packet was lost since."""
        self._open: list[tuple[Monitor, int]] = []
        """Those that are not believed yet, with their levels."""

    def put(self, monitor: Monitor) -> Iterator[Believed]:
        """Take in the next one to come; yield those that are believed now.

        Raises RecorderRestarted where they are numbered anew.
        """
        if self._next is None:
            self._next = monitor.number
            self._sent = monitor.received - monitor.sent
        if monitor.number < self._next:
            self._backwards += 1
            if self._backwards >= _BACKWARDS:
                raise RecorderRestarted(
                    "the instrument numbers its monitor packets anew: it was started anew, or two "
                    "send to the same port; leave it running, and give each a port of its own"
                )
            return
        self._backwards = 0
        self._waiting[monitor.number] = monitor
        if max(self._waiting) - self._next >= MISSING:
            self._give_up_the_missing()
        while (due := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            self._sent += due.sent
            self._open.append((due, due.received - self._sent))
            yield from self._believe()

    def disturb(self) -> None:
        """Take in that something came out of order: a new level may be one of a moment only."""
        self._open = [each for each in self._open if each[1] == self._level]

    def _give_up_the_missing(self) -> None:
        """Go on at the next one that has come; how much was sent before it nobody knows."""
        self._next = min(self._waiting)
        first = self._waiting[self._next]
        self._sent = first.received - first.sent
        self._open.clear()
        self._level = None

    def _believe(self) -> Iterator[Believed]:
        while self._open:
            level = self._open[0][1]
            agreeing = 1 if level == self._level else AGREEING
            later = [each for _, each in self._open[1 : 1 + agreeing]]
            if any(each != level for each in later):
                self._open.pop(0)
            elif len(later) == agreeing:
                believed = agreeing - 1
                yield Believed(self._open[believed][0].received, level == self._level)
                del self._open[: believed + 1]
                self._level = level
            else:
                return
