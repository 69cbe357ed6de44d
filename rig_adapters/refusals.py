"""Counts what a socket refused, by reason, and writes of it at a limited rate.

The first few are written at once; of a flood there is one line every ten seconds, so that it cannot
fill a disk. The total stands in the log of the process when the socket is closed. Deciding what is
refused is left to the sockets, and the wording to the codec. Messages and, where there are keys,
connections are counted apart.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from rig_adapters.errors import Reason, RemoteProtocolError

logger = logging.getLogger(__name__)

AT_ONCE = 5
"""Refusals that are written as they come."""
INTERVAL_S = 10.0
"""Then one line in this time."""


class Refusals:
    """What one socket, called `where` in the log, has refused so far."""

    def __init__(self, where: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._where = where
        self._clock = clock
        self._counts: Counter[Reason] = Counter()
        self._unwritten = 0
        self._written = 0
        self._written_at_s = clock()
        self._told = 0

    @property
    def total(self) -> int:
        """All that was refused."""
        return self._counts.total()

    @property
    def counts(self) -> dict[Reason, int]:
        """How many were refused, by reason."""
        return dict(self._counts)

    def add(self, refused: RemoteProtocolError) -> None:
        """Count one message or connection, and write of it where that is not too much."""
        self._counts[refused.reason] += 1
        now_s = self._clock()
        if self._written >= AT_ONCE and now_s - self._written_at_s < INTERVAL_S:
            self._unwritten += 1
            return
        more = f" (and {self._unwritten} more before it)" if self._unwritten else ""
        what = "connection" if refused.reason.concerns_connection else "message"
        logger.warning("%s refused a %s: %s%s", self._where, what, refused, more)
        self._unwritten, self._written, self._written_at_s = 0, self._written + 1, now_s

    def summary(self) -> str:
        """Return the counts in words, e.g. "display: refused 3 messages (2 header, 1 stranger)"."""
        counts = sorted(self._counts.items())
        connections = [(r, n) for r, n in counts if r.concerns_connection]
        messages = [(r, n) for r, n in counts if not r.concerns_connection]
        parts = [_words(messages, "message")] if messages or not connections else []
        parts += [_words(connections, "connection")] if connections else []
        return f"{self._where}: refused {' and '.join(parts)}"

    def write_total(self) -> None:
        """Write the counts, where there are any that have not been written."""
        if self.total > self._told:
            self._told = self.total
            logger.warning("%s", self.summary())


def _words(counts: list[tuple[Reason, int]], noun: str) -> str:
    total = sum(count for _, count in counts)
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
    return f"{total} {noun}{'' if total == 1 else 's'}" + (f" ({reasons})" if reasons else "")
