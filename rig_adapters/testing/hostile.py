"""Messages that no honest program sends: damaged, foreign, oversize, absurd or out of order.

Made from valid frames by a random number generator that is passed in. Pure: who throws them at
which socket, and what must not happen then, is left to the tests and to `scripts/fuzz`.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rig_adapters.wire.codec import MAX_FRAMES, TAG, Codec
from rig_adapters.wire.messages import PROTOCOL_VERSION, Message

Frames = list[bytes]

_WORDS: tuple[bytes, ...] = (b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\x80\x04N.", b"null", TAG)
_VALUES: tuple[Any, ...] = (
    None,
    -1,
    2**63,
    10**3000,
    1e300,
    "",
    "a\n\x1b[2J\x00",
    "x" * 2000,
    [],
    {},
    [[[]]],
    {"type": "Ping"},
    [0] * 300,
    True,
)


def frames_of(codec: Codec, messages: Sequence[Message]) -> list[Frames]:
    """Return the frames of each message, as bytes."""
    return [[bytes(frame) for frame in codec.encode(message)] for message in messages]


class Hostile:
    """Makes hostile messages out of `samples`, the frames of valid ones."""

    def __init__(self, samples: Sequence[Frames], rng: np.random.Generator) -> None:
        self._samples = samples
        self._rng = rng
        self._ways: tuple[Callable[[Frames], Frames], ...] = (
            self._noise,
            self._other_tag,
            self._truncated,
            self._bits_flipped,
            self._frames_moved,
            self._too_many_frames,
            self._deep,
            self._absurd_shape,
            self._absurd_header,
            self._absurd_field,
            self._field_too_many,
            self._replayed,
        )

    def message(self) -> Frames:
        """Return the frames of the next message, at least one; some are valid, but replayed."""
        sample = list(self._samples[self._below(len(self._samples))])
        way = self._ways[self._below(len(self._ways))]
        return way(sample)

    def _below(self, limit: int) -> int:
        return int(self._rng.integers(limit))

    def _noise(self, sample: Frames) -> Frames:
        words = [*_WORDS, self._rng.bytes(1 + self._below(40)), sample[1]]
        return [words[self._below(len(words))] for _ in range(1 + self._below(4))]

    def _other_tag(self, sample: Frames) -> Frames:
        tags = (b"neuroloop/%d" % (PROTOCOL_VERSION + 1), b"neuroloop/0", b"", TAG + b" ")
        return [tags[self._below(len(tags))], *sample[1:]]

    def _truncated(self, sample: Frames) -> Frames:
        which = self._below(len(sample))
        sample[which] = sample[which][: self._below(len(sample[which]) + 1)]
        return sample if self._below(2) else sample[: which + 1]

    def _bits_flipped(self, sample: Frames) -> Frames:
        which = self._below(len(sample))
        damaged = bytearray(sample[which] or b"\0")
        for _ in range(1 + self._below(3)):
            damaged[self._below(len(damaged))] ^= 1 << self._below(8)
        sample[which] = bytes(damaged)
        return sample

    def _frames_moved(self, sample: Frames) -> Frames:
        order = self._rng.integers(len(sample), size=1 + self._below(len(sample) + 2))
        return [sample[which] for which in order.tolist()]

    def _too_many_frames(self, sample: Frames) -> Frames:
        return sample + [b""] * (MAX_FRAMES + self._below(300))

    def _deep(self, sample: Frames) -> Frames:
        depth = 150 + self._below(5000)
        opened, closed = (b"[", b"]") if self._below(2) else (b'{"a":', b"}")
        body = opened * depth + b"1" + (closed * depth if self._below(2) else b"")
        return [TAG, b'{"type":"ConfigureRig","arrays":[],"body":' + body + b"}", *sample[2:]]

    def _absurd_shape(self, sample: Frames) -> Frames:
        header = json.loads(sample[1])
        sides = (0, -1, 1, 2**31, 2**62, 2**70, 10**4000)
        for declared in header["arrays"]:
            declared[2] = [sides[self._below(len(sides))] for _ in declared[2]]
        if not header["arrays"]:
            header["arrays"] = [["images", "|u1", [sides[self._below(len(sides))]] * 4]]
        return [TAG, _json(header), *sample[2:]]

    def _absurd_header(self, sample: Frames) -> Frames:
        header = json.loads(sample[1])
        header[("type", "body", "arrays")[self._below(3)]] = self._value()
        return [TAG, _json(header), *sample[2:]]

    def _absurd_field(self, sample: Frames) -> Frames:
        header = json.loads(sample[1])
        names = sorted(header["body"]) or ["nothing"]
        header["body"][names[self._below(len(names))]] = self._value()
        return [TAG, _json(header), *sample[2:]]

    def _field_too_many(self, sample: Frames) -> Frames:
        header = json.loads(sample[1])
        for _ in range(1 + self._below(20)):
            header["body"]["\n" * self._below(2) + "k" * self._below(1000)] = self._value()
        return [TAG, _json(header), *sample[2:]]

    def _replayed(self, sample: Frames) -> Frames:
        return sample

    def _value(self) -> Any:
        return _VALUES[self._below(len(_VALUES))]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
