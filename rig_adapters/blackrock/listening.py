"""The socket at which an instrument's packets arrive, and what it turns out to be.

Nothing is ever sent. A datagram that comes twice is taken once.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.blackrock.clock import DeviceClock, clock_of
from rig_adapters.blackrock.settings import BlackrockSettings
from rig_adapters.blackrock.wire import (
    CONFIGURATION,
    HEARTBEAT,
    LARGEST_DATAGRAM,
    MONITOR,
    Packets,
    parse,
)

KERNEL_BUFFER = 16 * 2**20
"""For some hundred ms of everything; the system allows less where net.core.rmem_max is smaller."""
MOST_AT_ONCE = 512
REMEMBERED = 1024
"""Datagrams that are known again when they come twice."""
PATIENCE_S = 2.0
HEARTBEATS = 10
"""So many show how the instrument counts time."""


def bound(address: str, port: int, shared: bool) -> socket.socket:
    """Return a socket at which datagrams arrive; `shared` with others that say so too."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(shared))
        opened.bind((address, port))
    except OSError:
        opened.close()
        raise
    return opened


class Listening:
    """Listens to one instrument."""

    def __init__(self, settings: BlackrockSettings) -> None:
        self._from = str(settings.host)
        self.strangers: set[str] = set()
        """Who else sends to this port."""
        self.unreadable = 0
        self._seen: set[int] = set()
        self._order: deque[int] = deque()
        try:
            # Of a broadcast everybody gets a copy, also Central or CereLink on this machine.
            shared = not settings.listen.is_loopback
            self._socket = bound(str(settings.listen), settings.port, shared)
        except OSError as error:
            raise RecorderError(
                f"packets cannot be listened for at {settings.listen}:{settings.port} "
                f"({error.strerror}): give this machine an address on the instrument's network, "
                "end other programs that listen there, and see rig.settings.listen and port"
            ) from error

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def take(self) -> Packets | None:
        """Return what has come, None where nothing has; never waits."""
        datagrams: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            while len(datagrams) < MOST_AT_ONCE:
                datagram, (sender, _) = self._socket.recvfrom(LARGEST_DATAGRAM)
                if sender != self._from:
                    self.strangers.add(sender)
                elif self._is_new(datagram):
                    datagrams.append(datagram)
        if not datagrams:
            return None
        packets, unreadable = parse(datagrams)
        self.unreadable += unreadable
        return packets

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _is_new(self, datagram: bytes) -> bool:
        mark = hash(datagram)
        if mark in self._seen:
            return False
        self._seen.add(mark)
        self._order.append(mark)
        if len(self._order) > REMEMBERED:
            self._seen.discard(self._order.popleft())
        return True


def measure(settings: BlackrockSettings) -> DeviceClock:
    """Listen until it is clear how the instrument counts time. Raises RecorderError."""
    listening = Listening(settings)
    try:
        heartbeats: list[int] = []
        n_monitors = 0
        for packets in _heard(listening, PATIENCE_S):
            system = packets.channels == CONFIGURATION
            heartbeats += packets.times[system & (packets.types == HEARTBEAT)].tolist()
            n_monitors += int(np.sum(system & (packets.types == MONITOR)))
            if len(heartbeats) >= HEARTBEATS and n_monitors:
                return clock_of(heartbeats)
        raise RecorderError(_why(settings, listening, len(heartbeats)))
    finally:
        listening.close()


def _heard(listening: Listening, patience_s: float) -> Iterator[Packets]:
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        packets = listening.take()
        if packets is not None:
            yield packets
        else:
            time.sleep(0.005)


def _why(settings: BlackrockSettings, listening: Listening, n_heartbeats: int) -> str:
    where = f"{settings.listen}:{settings.port}"
    if n_heartbeats:
        return (
            f"the instrument at {settings.host} sends heartbeats, but no monitor packets that can "
            "be read, and without them a loss would be silence: update it to protocol 4.1 or "
            "later, or use a relay"
        )
    if listening.unreadable:
        return (
            f"what {settings.host} sends to {where} is not of protocol 4.1 or later, and in an "
            "older one a loss cannot be proved: update the instrument, or use a relay"
        )
    if listening.strangers:
        return (
            f"nothing comes from {settings.host} at {where}, but from "
            f"{', '.join(sorted(listening.strangers)[:4])}: correct rig.settings.host"
        )
    return (
        f"nothing comes from an instrument at {where}: see that Central shows {settings.host} as "
        "running, that this machine is on its network, and that no firewall is in between"
    )
