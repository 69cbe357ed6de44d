"""The way of datagrams to whoever listens on this machine."""

import socket
import time
from pathlib import Path

HOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below those that systems give away by themselves."""
LONGEST_QUEUE = 64_000
"""Bytes in a listener's socket, beyond which is waited for it."""
LONGEST_WAIT_S = 2.0
_TABLE = Path("/proc/net/udp")


class Way:
    """Sends from a socket of its own, so that it looks like another machine."""

    def __init__(self, port: int, waits: bool) -> None:
        self._waits = waits
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((HOST, 0))
            self.port = port or _free_port(self._socket.getsockname()[1])
        except OSError:
            self._socket.close()
            raise
        self._since_look = 0

    def send(self, data: bytes) -> None:
        """Send a datagram, whether anybody listens or not."""
        self._socket.sendto(data, (HOST, self.port))
        self._since_look += len(data) + 512  # what the kernel needs beside it
        if self._waits and self._since_look > LONGEST_QUEUE // 2:
            self._since_look = 0
            self._wait()

    def close(self) -> None:
        """Send no more."""
        self._socket.close()

    def _wait(self) -> None:
        until_s = time.monotonic() + LONGEST_WAIT_S
        while _queued(self.port) > LONGEST_QUEUE and time.monotonic() < until_s:
            time.sleep(0.001)


def _queued(port: int) -> int:
    """Return how many bytes wait in sockets that are bound to a port; 0 where nobody can say."""
    try:
        lines = _TABLE.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return 0
    ending = f":{port:04X}"
    rows = (line.split() for line in lines)
    return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(ending))


def _free_port(start: int) -> int:
    """Return a port that nobody listens at; emulators that start together look elsewhere."""
    for n in range(len(_PORTS)):
        port = _PORTS[(start + n) % len(_PORTS)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
