"""A campaign of hostile messages: how many, from which random numbers, and what became of them.

Knows how to throw at a socket and how to count; which sockets there are is left to `floods`, which
floods the peers, and to `scripts/fuzz`, which floods whole sessions.
"""

import contextlib
import logging
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zmq

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.keys import Keys
from rig_adapters.testing.hostile import Frames, Hostile, frames_of
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec

DEADLINE_MS = 30_000
"""A socket that takes or answers nothing for so long has given way."""


class Gave(Exception):
    """Something gave way."""


@dataclass
class Row:
    """What was thrown at one socket, and what became of it."""

    socket: str
    sent: int = 0
    counted: int | None = None
    """Refusals that the receiver reports, plus answers; None where nothing can be counted."""
    uncountable: int = 0
    seconds: float = 0.0
    note: str = ""

    def check(self) -> None:
        """Raise where what can be counted was not all counted."""
        if self.counted is not None and self.counted != self.sent:
            raise Gave(
                f"{self.socket}: {self.sent} messages were sent but {self.counted} accounted for"
            )


@dataclass
class Campaign:
    """How much, from which random numbers, into which rows."""

    messages: int
    seconds: float
    rng: np.random.Generator
    folder: Path
    rows: list[Row] = field(default_factory=list)

    @contextlib.contextmanager
    def row(self, socket: str) -> Iterator[Row]:
        """Time one row, and check its sum when all is counted."""
        row = Row(socket)
        self.rows.append(row)
        begun_s = time.monotonic()
        yield row
        row.seconds = time.monotonic() - begun_s
        row.check()
        say(f"{socket}: {row.sent} messages in {row.seconds:.0f} s")

    def numbers(self, row: Row, share: float = 1.0) -> Iterator[int]:
        """Count to the number of messages, until the time is up, with a sign of progress."""
        total = max(1, round(self.messages * share))
        until_s = time.monotonic() + self.seconds
        for number in range(total):
            if time.monotonic() > until_s:
                row.note = "cut short by --seconds"
                return
            if sys.stderr.isatty() and number % 1000 == 0:
                sys.stderr.write(f"\r{row.socket}: {number}/{total} ")
            yield number

    def hostile(self, codec: Codec, samples: Sequence[m.Message]) -> Hostile:
        """Return a maker of hostile messages out of `samples`."""
        return Hostile(frames_of(codec, samples), self.rng)


def say(text: str) -> None:
    """Tell how it goes."""
    sys.stderr.write(("\r" if sys.stderr.isatty() else "") + text + "\n")


def read(codec: Codec, frames: Frames) -> m.Message | None:
    """Return the message, or None where there is none."""
    try:
        return codec.decode(frames)
    except RemoteProtocolError:
        return None


def dealer(
    context: "zmq.Context[zmq.Socket[bytes]]",
    endpoint: str,
    name: bytes = b"",
    keys: Keys | None = None,
) -> "zmq.Socket[bytes]":
    """Return a connected DEALER that gives up, loudly, when it is not heard for half a minute."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, -1)
    socket.setsockopt(zmq.SNDTIMEO, DEADLINE_MS)
    socket.setsockopt(zmq.RCVTIMEO, DEADLINE_MS)
    if name:
        socket.setsockopt(zmq.ROUTING_ID, name)
    if keys is not None:
        socket.curve_publickey, socket.curve_secretkey = keys.public, keys.secret
        socket.curve_serverkey = keys.other
    socket.connect(endpoint)
    return socket


def total_in(log: Path, where: str) -> int:
    """Return the total of refusals that a process wrote at its end."""
    found = re.findall(rf"{where}: refused (\d+) message", log.read_text(encoding="utf-8"))
    return int(found[-1]) if found else 0


def throw_oversize(row: Row, where: Path | tuple[str, int], limit: int) -> None:
    """Claim, in raw bytes on the socket, frames that are far too long, and talk other nonsense."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16 + 32)
    ready = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
    claims = [b"\x02" + size.to_bytes(8, "big") + bytes(999) for size in (limit + 1, 2**40, 2**63)]
    for data in (
        b"GET / HTTP/1.1\r\n\r\n",
        greeting[:20],
        *(greeting + ready + claim for claim in claims),
    ):
        family = socket.AF_UNIX if isinstance(where, Path) else socket.AF_INET
        with socket.socket(family) as raw, contextlib.suppress(OSError):
            raw.connect(str(where) if isinstance(where, Path) else where)
            raw.sendall(data)
            row.uncountable += 1


def throw_unreadable(
    campaign: Campaign,
    row: Row,
    maker: Hostile,
    codec: Codec,
    socket: "zmq.Socket[bytes]",
    share: float = 1.0,
) -> Iterator[None]:
    """Throw messages that cannot be read; give way after each thousand."""
    for number in campaign.numbers(row, share):
        frames = maker.message()
        while read(codec, frames) is not None:
            frames = maker.message()
        socket.send_multipart(frames)
        row.sent += 1
        if number % 1000 == 0:
            yield
    yield


def pinged(codec: Codec, daemon: "zmq.Socket[bytes]") -> None:
    """Ask for a sign of life, and get it."""
    token = secrets.randbelow(2**31)
    daemon.send_multipart(codec.encode(m.Ping(token=token)))
    pong = read(codec, daemon.recv_multipart())
    if not isinstance(pong, m.Pong) or pong.token != token:
        raise Gave(f"a ping was answered by {pong}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the refusals of sockets in this process off the screen."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'socket':<26}{'thrown':>9}{'accounted':>11}{'uncountable':>13}{'seconds':>9}"]
    for row in rows:
        counted = "–" if row.counted is None else str(row.counted)
        lines.append(
            f"{row.socket:<26}{row.sent:>9}{counted:>11}{row.uncountable:>13}{row.seconds:>9.1f}"
            + (f"  {row.note}" if row.note else "")
        )
    sent, more = sum(r.sent for r in rows), sum(r.uncountable for r in rows)
    lines.append(f"{'all':<26}{sent:>9}{'':>11}{more:>13}")
    return "\n".join(lines)
