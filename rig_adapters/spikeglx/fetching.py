"""Fetches every sample of a stream, one request after the other, and never waits.

SpikeGLX keeps the last seconds of what it has acquired, and numbers samples from the start of its
run. So a connection that breaks loses nothing: what was next is fetched on a new one. What is lost
is what SpikeGLX no longer has. Now and then, and after everything unusual, it is asked how many
samples there are: fewer than were fetched, and the run is another one.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted
from rig_adapters.spikeglx.connection import Broken, Connection
from rig_adapters.spikeglx.wire import TOO_LATE, Answer, Bits, Block, Refused, Reply, fetch

SILENCE_S = 5.0
CHECK_S = 1.0
"""How often the count of samples is asked for, and how far it may be behind where it should be."""
BEHIND_S = 2.0
"""How long it may be behind: SpikeGLX may have stood still, and catches up."""
PAUSE_S = 0.1
"""Between two tries of what has just failed."""
MOST_S = 0.1
"""What is fetched at once, at most."""
MOST_AT_ONCE = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Fetched:
    """Samples (n, c) from `first_sample` on, and when they came, on `time.monotonic()`."""

    first_sample: int
    values: Bits
    heard_host_s: float


@dataclass(frozen=True)
class Stream:
    """What is fetched: the stream's numbers, and its channels in ascending order."""

    js: int
    ip: int
    channels: tuple[int, ...]
    sample_rate_hz: float


class Fetching:
    """One recording of one stream, from the newest sample on.

    connection: one on which nothing is asked.
    """

    def __init__(
        self, address: tuple[int, tuple[str, int]], stream: Stream, connection: Connection
    ) -> None:
        self._address, self._stream = address, stream
        self._most = max(1, round(MOST_S * stream.sample_rate_hz))
        self._connection: Connection | None = connection
        self._asked: str | None = None
        """What the next reply is to: count, or samples."""
        self._wait_until_s = 0.0
        self._next: int | None = None
        """The sample that is fetched next; None where it is the newest one."""
        self._counted: tuple[int, float] | None = None
        """How many samples there were, and when that was heard."""
        self._behind_s: float | None = None
        """Since when there are fewer samples than there should be."""
        self._count_next = True
        self._stopped = False
        self._trouble = ""
        self._grew_s = time.monotonic()
        """When samples came last."""

    def take(self) -> Iterator[Fetched]:
        """Yield what has come since. Raises RecorderRestarted, and RecorderError in silence."""
        try:
            for _ in range(MOST_AT_ONCE):
                self._ask()
                reply = self._connection.receive() if self._connection is not None else None
                if reply is None:
                    break
                fetched = self._understand(reply, time.monotonic())
                if fetched is not None:
                    yield fetched
                if fetched is not None and len(fetched.values) < self._most:
                    # It has no more now. What comes meanwhile is asked for, and taken next time.
                    self._ask()
                    break
        except Broken as error:
            self._reconnect_later(str(error))
        self._check_silence()

    def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self) -> None:
        now_s = time.monotonic()
        if now_s < self._wait_until_s:
            return
        if self._connection is None:
            self._connection = Connection(*self._address)
            self._asked, self._count_next = None, True
        if self._asked is not None:
            return
        js, ip = self._stream.js, self._stream.ip
        is_due = self._counted is None or now_s - self._counted[1] > CHECK_S
        if self._count_next or is_due or self._next is None:
            self._asked, self._count_next = "count", False
            self._connection.send(f"GETSTREAMSAMPLECOUNT {js} {ip}")
        else:
            self._asked = "samples"
            self._connection.send(fetch(js, ip, self._next, self._most, self._stream.channels))

    def _understand(self, reply: Reply, now_s: float) -> Fetched | None:
        asked, self._asked = self._asked, None
        if isinstance(reply, Refused):
            self._refused(reply.why)
        elif isinstance(reply, Block) and asked == "samples":
            return self._fetched(reply, now_s)
        elif isinstance(reply, Answer) and asked == "count" and len(reply.lines) == 1:
            self._count(reply.lines[0], now_s)
        else:
            raise Broken(f"SpikeGLX replied something else than {asked}")
        return None

    def _fetched(self, block: Block, now_s: float) -> Fetched | None:
        n_samples, n_channels = block.values.shape
        if not n_samples:
            # Either the newest sample has been fetched, or the run is another one.
            self._count_next = True
            return None
        if block.first_sample != self._next or n_channels != len(self._stream.channels):
            raise Broken("SpikeGLX sent other samples than were asked for")
        if n_samples > self._most:
            raise Broken("SpikeGLX sent more samples than were asked for")
        self._next = block.first_sample + n_samples
        self._grew_s = now_s
        return Fetched(block.first_sample, block.values, now_s)

    def _refused(self, why: str) -> None:
        self._count_next = True
        if TOO_LATE in why:
            logger.warning("SpikeGLX no longer has sample %s: a gap", self._next)
            self._next = None
            return
        if "ot running" not in why and "Low mem" not in why:
            raise RecorderError(f"SpikeGLX refuses to hand over samples: {why}")
        self._stopped = self._stopped or "ot running" in why
        self._pause(why)

    def _count(self, line: str, now_s: float) -> None:
        try:
            count = int(line)
        except ValueError:
            raise Broken(f"SpikeGLX counts {line[:40]!r} samples") from None
        if count == 0:
            self._stopped = True
            self._pause("its run was stopped")
            return
        is_behind = self._is_behind(count, now_s)
        self._behind_s = (self._behind_s or now_s) if is_behind else None
        is_another = is_behind and now_s - (self._behind_s or now_s) > BEHIND_S
        if self._stopped or count < (self._next or 0) or is_another:
            raise RecorderRestarted(
                f"SpikeGLX counts samples anew (there are {count} now): its run was started anew"
            )
        if is_behind:
            # Until it is known whether the run is another one, its samples are not believed.
            self._pause("it acquires fewer samples than it should")
            return
        self._counted = count, now_s
        if self._next is None:
            self._next = count

    def _is_behind(self, count: int, now_s: float) -> bool:
        if self._counted is None:
            return False
        before, counted_s = self._counted
        return count - before < (now_s - counted_s - CHECK_S) * self._stream.sample_rate_hz

    def _pause(self, why: str) -> None:
        self._count_next, self._trouble = True, why
        self._wait_until_s = time.monotonic() + PAUSE_S

    def _reconnect_later(self, why: str) -> None:
        logger.warning("the connection to SpikeGLX broke: %s", why)
        self.close()
        self._asked = None
        self._pause(why)

    def _check_silence(self) -> None:
        if time.monotonic() - self._grew_s > SILENCE_S:
            why = f" ({self._trouble})" if self._trouble else ""
            raise RecorderError(
                f"no samples have come from SpikeGLX for {SILENCE_S:.0f} s{why}: see that it runs "
                "and that its run goes on; press Run in Configure Acquisition"
            )
