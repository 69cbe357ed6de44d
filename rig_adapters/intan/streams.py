"""RHX's two data connections, read without ever waiting, in the order on which completeness rests.

Waveforms are read first, then spikes: so whatever spikes were sent before the waveforms that were
read, and were not held up on the way, are there.
"""

import logging
import math
import socket
import time

from rig_adapters.acquisition.source import Stretch
from rig_adapters.intan.telling import Telling
from rig_adapters.intan.wire import SpikeDecoder, WaveformDecoder

MOST_AT_ONCE = 1 << 22
"""Bytes that are read of a connection in one call."""
_READ = 1 << 18
WARN_EVERY_S = 10.0

logger = logging.getLogger(__name__)


class ConnectionLost(Exception):
    """RHX has closed a data connection."""


class Streams:
    """Both data connections, from when they were opened to when one is lost."""

    def __init__(self, waveforms: socket.socket, spikes: socket.socket, n_words: int) -> None:
        self.connections = (waveforms, spikes)
        for each in self.connections:
            each.setblocking(False)
        self._waveforms = WaveformDecoder(n_words)
        self._spikes = SpikeDecoder()
        self._warned = 0
        """Discarded bytes of which was warned, the last time at `_warned_s`."""
        self._warned_s = -math.inf

    def read(self, telling: Telling) -> list[Stretch]:
        """Take in what has come, and return what is certain now.

        Raises ConnectionLost, and what `Telling.hear_blocks` raises.
        """
        waveforms, spikes = self.connections
        data, _ = _drained(waveforms)
        heard_s = time.monotonic()
        telling.hear_blocks(self._waveforms.feed(data), heard_s)
        if data and telling.has_heard:
            ahead = self._waveforms.arrived_after(telling.expected)
            telling.newest_is(telling.expected + ahead, heard_s)
        looked_s = time.monotonic()
        data, has_all = _drained(spikes)
        before = self._spikes.discarded
        telling.hear_spikes(self._spikes.feed(data))
        if self._spikes.discarded > before:
            telling.doubt(time.monotonic())
        self._warn()
        return telling.tell(looked_s) if has_all else []

    def close(self) -> None:
        """Disconnect."""
        for each in self.connections:
            each.close()

    def _warn(self) -> None:
        """Warn of what was discarded, but not of every piece of it."""
        discarded, now_s = self._waveforms.discarded + self._spikes.discarded, time.monotonic()
        if discarded > self._warned and now_s > self._warned_s + WARN_EVERY_S:
            logger.warning(
                "%d bytes of RHX were discarded: they were of no block or spike; are outputs "
                "being switched in its Data Output tab?",
                discarded - self._warned,
            )
            self._warned, self._warned_s = discarded, now_s


def _drained(connection: socket.socket) -> tuple[bytes, bool]:
    """Return what there is to read, up to a limit, and whether that was all."""
    parts: list[bytes] = []
    n = 0
    while n < MOST_AT_ONCE:
        try:
            part = connection.recv(_READ)
        except BlockingIOError:
            return b"".join(parts), True
        except OSError as error:
            raise ConnectionLost from error
        if not part:
            raise ConnectionLost
        parts.append(part)
        n += len(part)
    return b"".join(parts), False
