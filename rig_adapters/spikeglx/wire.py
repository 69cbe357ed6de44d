"""What SpikeGLX's command server replies, as values. No I/O.

A reply is lines of text that end with `OK`, or one line `ERROR` with the reason. Only that to FETCH
also has samples in it: a line `BINARY_DATA channels samples uint64(first)`, then as many little-
endian 16-bit integers, one time point after the other, then `OK`.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.int16]

LONGEST_LINE = 65_536
MOST_LINES = 10_000
LARGEST_BLOCK = 256 * 2**20
TOO_LATE = "Too late"
"""How SpikeGLX says that it no longer has a sample."""
_HEAD = re.compile(rb"BINARY_DATA (\d{1,9}) (\d{1,9}) uint64\((\d{1,19})\)")


class Unreadable(ValueError):
    """What came is no reply of SpikeGLX; says what is wrong with it."""


@dataclass(frozen=True)
class Answer:
    """It was done; `lines` is what was asked for, if anything was."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """It was not done, and why."""

    why: str


@dataclass(frozen=True, eq=False)
class Block:
    """Samples (n_samples, n_channels) from `first_sample` on, as the converter counts them."""

    first_sample: int
    values: Bits


Reply = Answer | Refused | Block


class Replies:
    """Cuts what comes on a connection into replies, wherever it was cut on its way."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lines: list[str] = []
        self._head: tuple[int, int, int] | None = None
        """Channels, samples and first sample of a block whose samples are still to come."""
        self._block: Block | None = None

    def feed(self, data: bytes) -> None:
        """Take in what has come."""
        self._data += data

    def next(self) -> Reply | None:
        """Return the next reply; None while it is not whole. Raises Unreadable."""
        while True:
            if self._head is not None and not self._take_samples(*self._head):
                return None
            line = self._take_line()
            if line is None:
                return None
            if self._block is not None and line != b"OK":
                raise Unreadable(f"samples are followed by {line[:40]!r}")
            if line == b"OK":
                return self._done()
            if line == b"ERROR" or line.startswith(b"ERROR "):
                self._lines.clear()
                return Refused(line[6:].decode("utf-8", "replace").strip())
            self._take_in(line)

    def _take_in(self, line: bytes) -> None:
        found = _HEAD.fullmatch(line)
        if found is not None:
            n_channels, n_samples, first = (int(number) for number in found.groups())
            if 2 * n_channels * n_samples > LARGEST_BLOCK or first > 2**62:
                raise Unreadable(f"it sends {line[:80].decode('ascii', 'replace')}")
            self._head = n_channels, n_samples, first
            return
        if len(self._lines) >= MOST_LINES:
            raise Unreadable("its reply does not end")
        self._lines.append(line.decode("utf-8", "replace"))

    def _take_samples(self, n_channels: int, n_samples: int, first: int) -> bool:
        size = 2 * n_channels * n_samples
        if len(self._data) < size:
            return False
        values = np.frombuffer(bytes(self._data[:size]), "<i2").reshape(n_samples, n_channels)
        del self._data[:size]
        self._head, self._block = None, Block(first, values)
        return True

    def _take_line(self) -> bytes | None:
        end = self._data.find(b"\n", 0, LONGEST_LINE + 1)
        if end < 0:
            if len(self._data) > LONGEST_LINE:
                raise Unreadable("it sends a line without an end")
            return None
        line = bytes(self._data[:end]).rstrip(b"\r")
        del self._data[: end + 1]
        return line

    def _done(self) -> Reply:
        lines, self._lines = tuple(self._lines), []
        block, self._block = self._block, None
        return Answer(lines) if block is None else block


def fetch(js: int, ip: int, first_sample: int, n_samples: int, channels: tuple[int, ...]) -> str:
    """Return the command that fetches up to `n_samples` of `channels`, which are ascending."""
    subset = "".join(f"{channel}#" for channel in channels)
    return f"FETCH {js} {ip} {first_sample} {n_samples} {subset}"
