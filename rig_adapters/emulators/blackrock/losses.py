"""Which samples a datagram that never came could have told of, for the truth file.

Nobody who listens knows more than this: what came before the monitor packet before the last one is
certain, and after a loss nothing is until five monitor packets have come with all that was sent
between them, each in its turn; the fourth of them is certain. What is unknown begins with the last
heartbeat before the one, and ends with the first heartbeat behind the other, and both a while
earlier or later, by which packets may be out of the order of time.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from rig_adapters.emulators.blackrock.stream import Datagram
from rig_adapters.emulators.truth import TruthWriter

CALM_BEFORE, CALM_AFTER = 1, 4
"""So many monitor packets behind one must be in order, before anything was lost and after."""


@dataclass
class _Monitor:
    """A monitor packet, and what was before it since the last one.

    before: time of the last heartbeat that came before it. behind: of the first one after it.
    """

    came: bool
    harmed: bool
    overtaken: bool
    before: int | None
    behind: int | None = None


class Losses:
    """Follows the datagrams of one acquisition, in the order of sending and of arrival."""

    def __init__(self, truth: TruthWriter, disorder: int, patience: int) -> None:
        self._truth, self._disorder, self._patience = truth, disorder, patience
        self._sent: deque[Datagram] = deque()
        """Those of which it is not certain what has overtaken them."""
        self._lost: set[int] = set()
        self._arrived: deque[int] = deque(maxlen=4 * (patience + 1))
        self._overtaken: set[int] = set()
        self._monitors: list[_Monitor] = []
        self._harm = False
        """In what was sent since the last monitor packet."""
        self._beat: int | None = None
        self._certain: _Monitor | None = None

    def sent(self, datagrams: Sequence[Datagram], lost: set[int]) -> None:
        """Take in what was sent, and the numbers of what is lost of it."""
        self._sent += datagrams
        self._lost |= lost

    def arrived(self, number: int) -> None:
        """Take in the number of a datagram that arrives, in the order of arrival."""
        overtook = [each for each in self._arrived if each > number]
        if overtook:
            self._overtaken |= {number, *overtook}
        self._arrived.append(number)

    def settle(self) -> None:
        """Say what is lost, as far as is certain by now."""
        while len(self._sent) > self._patience:
            datagram = self._sent.popleft()
            came = datagram.number not in self._lost
            self._lost.discard(datagram.number)
            overtaken = datagram.number in self._overtaken
            self._overtaken.discard(datagram.number)
            self._harm |= not came
            for sign in datagram.signs:
                if sign.heartbeat is None:
                    self._monitors.append(_Monitor(came, self._harm, overtaken, self._beat))
                    self._harm = not came
                elif came:
                    self._beat = sign.heartbeat
                    for monitor in self._monitors:
                        if monitor.behind is None:
                            monitor.behind = sign.heartbeat
            self._decide()

    def _decide(self) -> None:
        while self._monitors:
            first, last = self._monitors[0], self._certain
            n_calm = CALM_BEFORE if last is not None and not first.harmed else CALM_AFTER
            calm = self._monitors[1 : 1 + n_calm]
            is_over = any(not _calm(each) for each in calm)
            if not is_over and len(calm) < n_calm:
                return
            self._monitors.pop(0)
            if is_over or not first.came or first.overtaken:
                if self._monitors:
                    # Whatever is wrong with this one's stretch is wrong with the next one's.
                    self._monitors[0].harmed |= first.harmed
                continue
            self._certain = [first, *calm][n_calm - 1]
            del self._monitors[: n_calm - 1]
            if first.harmed:
                self._tell(last, self._certain)

    def _tell(self, before: _Monitor | None, behind: _Monitor) -> None:
        if before is None or before.before is None or behind.behind is None:
            return
        start, through = before.before - self._disorder, behind.behind + self._disorder
        self._truth.lost(start, through, "not received")


def _calm(monitor: _Monitor) -> bool:
    return monitor.came and not monitor.harmed and not monitor.overtaken
