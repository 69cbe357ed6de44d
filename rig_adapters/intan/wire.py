"""Bytes of RHX's two data connections and what they say; no sockets, no clock.

The waveform connection sends blocks: a magic number and 128 frames, each a timestamp and a word for
every output that is enabled. How many words there are is not said; the reader has enabled them. The
spike connection sends chunks of 14 bytes. Neither has lengths or counters. A block is believed only
where the next one begins right behind it and its own timestamps count up by one. What the samples
mean for a recording is left to `telling`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FRAMES = 128
"""In one block."""
_WAVEFORM_MAGIC = (0x2EF07A08).to_bytes(4, "little")
_SPIKE_MAGIC = (0x3AE2710F).to_bytes(4, "little")
_MAGIC_BYTES = 4
_CHUNK = np.dtype([("magic", "<u4"), ("name", "S5"), ("timestamp", "<u4"), ("id", "u1")])
_U32 = 1 << 32
_MOST_BLOCKS, _MOST_CHUNKS = 256, 4096
"""What is looked at in one step, so that a stream without any sense costs little."""

UNSORTED, ARTIFACT = 0x40, 0x80
UNIT_OF_ID = {UNSORTED: 0, 0x01: 1, 0x02: 2, 0x04: 3, 0x08: 4}
"""Which unit of its channel a spike is of; what is likely an artifact is of none."""
_IDS = np.array([*UNIT_OF_ID, ARTIFACT], np.uint8)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks that are believed, by their first timestamps and the words of their frames.

    firsts (b,) uint32, words (b, 128, w) uint16.
    """

    firsts: npt.NDArray[np.uint32]
    words: npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Chunks:
    """Spikes as they came: `names` (k,) S5, `timestamps` (k,) uint32, `ids` (k,) uint8."""

    names: npt.NDArray[np.bytes_]
    timestamps: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint8]


class WaveformDecoder:
    """Finds the blocks in a stream of frames with `n_words` words each."""

    def __init__(self, n_words: int) -> None:
        self.discarded = 0
        """Bytes that were of no block that can be believed."""
        self._frame = np.dtype([("timestamp", "<u4"), ("words", "<u2", (n_words,))])
        self._block = np.dtype([("magic", "<u4"), ("frames", self._frame, (FRAMES,))])
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Blocks:
        """Take in more of the stream; return the blocks that can be believed by now."""
        self._waiting += data
        found: list[npt.NDArray[np.void]] = []
        size = self._block.itemsize
        # A block needs the magic number of the next.
        while len(self._waiting) >= size + _MAGIC_BYTES:
            n = self._well_placed()
            if n:
                blocks = np.frombuffer(bytes(self._waiting[: n * size]), self._block)
                timestamps = blocks["frames"]["timestamp"]
                # In 32 bits, so that they may begin anew within a block.
                sound = (timestamps[:, 1:] - timestamps[:, :-1] == 1).all(axis=1)
                self.discarded += int((~sound).sum()) * size
                found.append(blocks[sound])
                del self._waiting[: n * size]
            else:
                self.discarded += _drop_to(self._waiting, _WAVEFORM_MAGIC)
        blocks = np.concatenate([np.zeros(0, self._block), *found])
        return Blocks(blocks["frames"]["timestamp"][:, 0], blocks["frames"]["words"])

    def arrived_after(self, first: int) -> int:
        """Return how many frames have come of a block that cannot be believed yet.

        It is one that begins at the timestamp `first`; 0 where another has come, or none.
        """
        head = bytes(self._waiting[: 2 * _MAGIC_BYTES])
        if head != _WAVEFORM_MAGIC + (first % _U32).to_bytes(4, "little"):
            return 0
        return min(FRAMES, (len(self._waiting) - _MAGIC_BYTES) // self._frame.itemsize)

    def _well_placed(self) -> int:
        """Return how many blocks from the start on are each followed by a magic number.

        No more than some: where many are not, the rest is not looked at again and again.
        """
        size = self._block.itemsize
        most = min(_MOST_BLOCKS, (len(self._waiting) - _MAGIC_BYTES) // size)
        n = -1
        while n < most and self._waiting.startswith(_WAVEFORM_MAGIC, (n + 1) * size):
            n += 1
        return max(0, n)


class SpikeDecoder:
    """Finds the chunks in a stream of spikes."""

    def __init__(self) -> None:
        self.discarded = 0
        """Bytes that were of no spike."""
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Chunks:
        """Take in more of the stream; return the spikes that are whole by now."""
        self._waiting += data
        found = []
        while len(self._waiting) >= _CHUNK.itemsize:
            n = min(_MOST_CHUNKS, len(self._waiting) // _CHUNK.itemsize)
            chunks = np.frombuffer(bytes(self._waiting[: n * _CHUNK.itemsize]), _CHUNK)
            wrong = np.flatnonzero(~_is_spike(chunks))
            n = int(wrong[0]) if wrong.size else n
            found.append(chunks[:n])
            del self._waiting[: n * _CHUNK.itemsize]
            if wrong.size:
                self.discarded += _drop_to(self._waiting, _SPIKE_MAGIC)
        chunks = np.concatenate([np.zeros(0, _CHUNK), *found])
        return Chunks(chunks["name"], chunks["timestamp"], chunks["id"])


def unwrapped(timestamps: npt.NDArray[np.uint32], near: int) -> npt.NDArray[np.int64]:
    """Return the samples (k,) that these timestamps (k,) stand for: the ones nearest to `near`.

    Timestamps have 32 bits, so at 30 kHz they begin anew after 39.8 hours.
    """
    ahead = (timestamps.astype(np.int64) - near) % _U32
    return near + np.where(ahead < _U32 // 2, ahead, ahead - _U32)


def _is_spike(chunks: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    magic = chunks["magic"] == int.from_bytes(_SPIKE_MAGIC, "little")
    right: npt.NDArray[np.bool_] = magic & np.isin(chunks["id"], _IDS)
    return right


def _drop_to(waiting: bytearray, magic: bytes) -> int:
    """Drop at least one byte, up to where the next magic number is or may begin; return how many.

    The first bytes were found not to begin anything.
    """
    at = waiting.find(magic, 1)
    # The last three bytes may be the beginning of one.
    dropped = at if at >= 0 else max(1, len(waiting) - len(magic) + 1)
    del waiting[:dropped]
    return dropped
