"""What an instrument of Blackrock's Cerebus family broadcasts, as arrays. No I/O.

A datagram is packets one behind the other, each a header of 16 bytes and a payload of as many
32-bit words as the header says; all numbers are little-endian. Layout of the protocols 4.1 and
later:

    time u64 | channel u16 | type u16 | payload words u16 | instrument u8 | reserved u8

What a packet is follows from channel and type: on the channel of configuration (0x8000) the type
says what it is; on the channel of an electrode it is a spike, and the type is its unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIGURATION = 0x8000
HEARTBEAT, MONITOR = 0x00, 0x01
"""Types of packets on the channel of configuration."""
LONGEST_PAYLOAD = 252
"""In 32-bit words: a packet has 1024 bytes at most."""
LARGEST_DATAGRAM = 65_535
_HEADER = 8
_TIME, _CHANNEL, _TYPE, _LENGTH = 0, 4, 5, 6
"""Places in a header, and its length, in 16-bit words."""

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Packets:
    """Packets (n,) in the order in which they came.

    times: as the instrument counts it. lengths: of the payloads, in 32-bit words. words: of all
    datagrams together; starts: where in them each packet begins.
    """

    times: Ints
    channels: Words
    types: Words
    lengths: Words
    words: Words
    starts: Ints

    def payload(self, rows: Ints, n: int) -> Ints:
        """Return the first `n` numbers (k, n) of the payloads of some packets, as 32-bit ones.

        What is beyond the end of a payload reads as 0.
        """
        at = self.starts[rows, None] + _HEADER + 2 * np.arange(n)
        inside = np.arange(n) < self.lengths[rows, None]
        low, high = np.where(inside, at, 0), np.where(inside, at + 1, 0)
        numbers: Ints = self.words[low].astype(np.int64) + (self.words[high].astype(np.int64) << 16)
        return np.where(inside, numbers, 0)


def parse(datagrams: Sequence[bytes]) -> tuple[Packets, int]:
    """Return all packets of some datagrams, and how many datagrams are none of this protocol."""
    starts: list[int] = []
    whole: list[bytes] = []
    begin = 0
    for datagram in datagrams:
        found = _starts(datagram, begin)
        if found is not None:
            starts += found
            whole.append(datagram)
            begin += len(datagram) // 2
    words = np.frombuffer(b"".join(whole), "<u2")
    at = np.array(starts, np.int64)
    quarters = words[at[:, None] + _TIME + np.arange(4)].astype(np.int64)
    # A time beyond 2**63 is of no instrument.
    times = (quarters << np.array([0, 16, 32, 48])).sum(axis=1)
    packets = Packets(
        times, words[at + _CHANNEL], words[at + _TYPE], words[at + _LENGTH], words, at
    )
    return packets, len(datagrams) - len(whole)


def _starts(datagram: bytes, begin: int) -> list[int] | None:
    """Return where each packet begins, counted on from `begin`; None where they do not fit."""
    n_words = len(datagram) // 2
    if len(datagram) % 4 or not datagram:
        return None
    words = memoryview(datagram).cast("H")
    found, at = [], 0
    while at + _HEADER <= n_words:
        length = words[at + _LENGTH]
        if length > LONGEST_PAYLOAD:
            return None
        found.append(begin + at)
        at += _HEADER + 2 * length
    return found if at == n_words else None
