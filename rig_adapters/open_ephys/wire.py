"""What the ZMQ Interface plugin of Open Ephys sends, as values. No I/O.

A message has two or three frames: an envelope, a header in JSON, and where there is one a payload.
Layouts as in the plugin's source, version 1.0 of 2025, and tolerant of what builds since 2022 did
otherwise: the number is called `message_num` or `message_no`, and keys that are not needed may be
there or not. Everything has a number, whatever it is; which numbers are missing is `order`'s.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ENVELOPES = (b"DATA", b"EVENT")
LONGEST_HEADER = 64_000
"""Bytes; a header has some hundreds, and a few thousand with the thresholds of many channels."""
_TTL = 3
_TTL_PAYLOAD = struct.Struct("<BBQ")
_LARGEST = 2**62


class Unreadable(ValueError):
    """A message that is none, or that came to harm; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Continuous:
    """One channel of one block. `channel` counts from 0; values (n_samples,) float32 in `data`."""

    number: int
    stream: str
    channel: int
    channel_name: str | None
    first_sample: int
    n_samples: int
    sample_rate_hz: float
    data: bytes

    def values(self) -> npt.NDArray[np.float32]:
        """Return the samples (n_samples,), in µV, or V on an analogue input."""
        return np.frombuffer(self.data, "<f4")


@dataclass(frozen=True, slots=True)
class Ttl:
    """A digital line has changed. `line` counts from 1, as everywhere in neuroloop."""

    number: int
    stream: str
    sample: int
    line: int
    state: bool


@dataclass(frozen=True, slots=True)
class Spike:
    """A spike that Open Ephys has detected; `sorted_id` 0 is unsorted."""

    number: int
    stream: str
    electrode: str
    sample: int
    sorted_id: int


@dataclass(frozen=True, slots=True)
class Other:
    """A message that says nothing that is needed, but takes its number."""

    number: int
    stream: str


Message = Continuous | Ttl | Spike | Other


def decode(frames: Sequence[bytes]) -> Message:
    """Return what a message says. Raises Unreadable."""
    if not 2 <= len(frames) <= 3:
        raise Unreadable(f"it has {len(frames)} frames, not 2 or 3")
    if frames[0].rstrip(b"\0") not in ENVELOPES:
        raise Unreadable(f"its envelope is {frames[0][:16]!r}")
    header = _header(frames[1])
    number = _integer(header, "message_num" if "message_num" in header else "message_no")
    payload = frames[2] if len(frames) == 3 else None
    kind = header.get("type")
    if kind == "data":
        return _continuous(number, _table(header, "content"), payload)
    if kind == "spike":
        return _spike(number, _table(header, "spike"), payload)
    if kind == "event":
        return _event(number, header, payload)
    return Other(number, "")


def _header(frame: bytes) -> Mapping[str, Any]:
    if len(frame) > LONGEST_HEADER:
        raise Unreadable(f"its header has {len(frame)} bytes")
    try:
        header = json.loads(frame)
    except (ValueError, RecursionError):
        raise Unreadable("its header is not JSON") from None
    if not isinstance(header, dict):
        raise Unreadable("its header is not a table")
    return header


def _continuous(number: int, content: Mapping[str, Any], payload: bytes | None) -> Continuous:
    n_samples = _integer(content, "num_samples")
    name = content.get("channel_name")
    if name is not None and not isinstance(name, str):
        raise Unreadable("its channel_name is not text")
    return Continuous(
        number,
        _text(content, "stream"),
        _integer(content, "channel_num"),
        name,
        _integer(content, "sample_num"),
        n_samples,
        _rate(content),
        _sized(payload, 4 * n_samples),
    )


def _spike(number: int, spike: Mapping[str, Any], payload: bytes | None) -> Spike:
    # The waveform is of no use here, but a message without it has come to harm.
    _sized(payload, 4 * _integer(spike, "num_channels") * _integer(spike, "num_samples"))
    return Spike(
        number,
        _text(spike, "stream"),
        _text(spike, "electrode"),
        _integer(spike, "sample_num"),
        _integer(spike, "sorted_id"),
    )


def _event(number: int, header: Mapping[str, Any], payload: bytes | None) -> Ttl | Other:
    content = _table(header, "content")
    stream = _text(content, "stream")
    size = _integer(header, "data_size")
    if _integer(content, "type") != _TTL or size == 0:
        return Other(number, stream)
    line, state, _ = _TTL_PAYLOAD.unpack(_sized(payload, _TTL_PAYLOAD.size))
    return Ttl(number, stream, _integer(content, "sample_num"), line + 1, bool(state))


def _sized(payload: bytes | None, size: int) -> bytes:
    found = b"" if payload is None else payload
    if len(found) != size:
        raise Unreadable(f"its payload has {len(found)} bytes, not {size}")
    return found


def _table(header: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = header.get(key)
    if not isinstance(value, dict):
        raise Unreadable(f"it has no table {key!r}")
    return value


def _integer(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key)
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise Unreadable(f"its {key} is no number from 0 on")
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise Unreadable(f"its {key} is not text")
    return value


def _rate(content: Mapping[str, Any]) -> float:
    value: Any = content.get("sample_rate")
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 < value <= 1e7:
        raise Unreadable("its sample_rate is no rate")
    return float(value)
