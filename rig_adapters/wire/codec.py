"""Message ↔ frames: a protocol tag, a JSON header, and the arrays as raw frames. No I/O, no pickle.

    frame 0   b"neuroloop/<version>"
    frame 1   {"type": name, "body": {…}, "arrays": [[field, dtype, shape], …]}
    frame 2…  the bytes of each array, C order, little endian

Everything that comes in is bounded in size and validated before anyone sees it; what does not fit
is a `RemoteProtocolError` that says why, in one short line whatever the message held. Numbers of
more than 4,300 digits and JSON nested deeper than 200 levels are refused by the JSON reader.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from rig_adapters.errors import LocalProtocolError, Reason, RemoteProtocolError
from rig_adapters.wire.messages import PROTOCOL_VERSION, ArrayType, Message

TAG = b"neuroloop/%d" % PROTOCOL_VERSION
MAX_HEADER_BYTES = 4 * 2**20
MAX_ARRAY_BYTES = 512 * 2**20
MAX_ARRAYS = 8
MAX_FRAMES = 2 + MAX_ARRAYS
MAX_MESSAGE_BYTES = MAX_ARRAY_BYTES + MAX_HEADER_BYTES
MAX_SENTENCE = 300
"""Characters of a refusal: what a stranger writes into a message must not flood a log."""

# After an even number of backslashes it is the character; after an odd one, the text about it.
_NULL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_ArrayHeader = TypeAdapter(list[tuple[str, str, list[int]]])


class Codec:
    """Encodes any message and decodes those of a given vocabulary."""

    def __init__(self, vocabulary: Iterable[type[Message]]) -> None:
        self._types = {kind.wire_name: kind for kind in vocabulary}

    def encode(self, message: Message) -> list[bytes | memoryview]:
        """Return the frames of `message`; arrays are not copied.

        Raises LocalProtocolError where the receiver would refuse the size, or a null character.
        """
        names = _array_fields(type(message))
        arrays = [getattr(message, name) for name in names]
        header = to_json(
            {
                "type": message.wire_name,
                "body": message.model_dump(mode="json", exclude=set(names)),
                "arrays": [
                    [name, array.dtype.str, list(array.shape)]
                    for name, array in zip(names, arrays, strict=True)
                ],
            }
        )
        if _NULL.search(header):
            raise LocalProtocolError(f"{message.wire_name} holds a null character; leave it out")
        if len(header) > MAX_HEADER_BYTES or any(a.nbytes > MAX_ARRAY_BYTES for a in arrays):
            raise LocalProtocolError(f"{message.wire_name} is too large to send")
        return [
            TAG,
            header,
            *(memoryview(array).cast("B") if array.size else b"" for array in arrays),
        ]

    def decode(self, frames: Sequence[bytes | memoryview]) -> Message:
        """Return the message in `frames`; raises RemoteProtocolError where there is none."""
        _check_size(frames)
        if len(frames) < 2 or bytes(frames[0]) != TAG:
            raise _refused(
                Reason.FOREIGN, f"not a {TAG.decode()} message: another program or version"
            )
        header = _read_header(frames[1])
        kind = self._types.get(header["type"]) if isinstance(header["type"], str) else None
        if kind is None:
            name = str(header["type"])[:80]
            raise _refused(Reason.UNKNOWN_TYPE, f"unknown message type {name!r}")
        arrays = _read_arrays(kind, header["arrays"], frames[2:])
        return _read_body(kind, header["body"], arrays)


def _refused(reason: Reason, what: str) -> RemoteProtocolError:
    line = what if what.isprintable() else what[:MAX_SENTENCE].encode("unicode_escape").decode()
    if len(line) > MAX_SENTENCE:
        line = f"{line[: MAX_SENTENCE - 1]}…"
    return RemoteProtocolError(line, reason)


def _check_size(frames: Sequence[bytes | memoryview]) -> None:
    if len(frames) > MAX_FRAMES:
        raise _refused(Reason.OVERSIZE, f"{len(frames)} frames are more than any message has")
    size = sum(map(len, frames))
    if size > MAX_MESSAGE_BYTES:
        raise _refused(Reason.OVERSIZE, f"{size} bytes are more than any message has")


def _read_header(frame: bytes | memoryview) -> dict[str, Any]:
    if len(frame) > MAX_HEADER_BYTES:
        raise _refused(Reason.OVERSIZE, f"header of {len(frame)} bytes is over the limit")
    if _NULL.search(frame):
        raise _refused(Reason.HEADER, "header holds a null character, which no log can keep")
    try:
        header = from_json(bytes(frame), allow_inf_nan=False)
    except ValueError as error:
        raise _refused(Reason.HEADER, f"header is not JSON: {error}") from error
    if not isinstance(header, dict) or header.keys() != {"type", "body", "arrays"}:
        raise _refused(Reason.HEADER, "header lacks type, body or arrays")
    return header


def _read_body(kind: type[Message], body: Any, arrays: dict[str, npt.NDArray[Any]]) -> Message:
    if not isinstance(body, dict) or arrays.keys() & body.keys():
        raise _refused(Reason.BODY, f"{kind.wire_name} has a malformed body")
    # Looked for here because a validator would describe each of a million unknown fields.
    unknown = next((name for name in body if name not in kind.model_fields), None)
    if unknown is not None:
        raise _refused(Reason.BODY, f"{kind.wire_name}.{unknown}: no such field")
    try:
        return kind.model_validate({**body, **arrays})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _refused(Reason.BODY, f"{kind.wire_name}.{where}: {first['msg']}") from error


def _read_arrays(
    kind: type[Message], declared: Any, frames: Sequence[bytes | memoryview]
) -> dict[str, npt.NDArray[Any]]:
    # Looked at first because a validator would describe each of a million wrong ones.
    if not isinstance(declared, list) or len(declared) != len(frames):
        raise _refused(Reason.ARRAY, f"{kind.wire_name} came with {len(frames)} array frames")
    try:
        rows = _ArrayHeader.validate_python(declared)
    except ValidationError as error:
        raise _refused(Reason.ARRAY, f"{kind.wire_name} declares its arrays wrongly") from error
    expected = _array_fields(kind)
    if [row[0] for row in rows] != list(expected):
        raise _refused(Reason.ARRAY, f"{kind.wire_name} came with other arrays than it has")
    return {
        name: _read_array(f"{kind.wire_name}.{name}", expected[name], dtype, shape, frame)
        for (name, dtype, shape), frame in zip(rows, frames, strict=True)
    }


def _read_array(
    name: str, expected: ArrayType, dtype: str, shape: list[int], frame: bytes | memoryview
) -> npt.NDArray[Any]:
    if dtype != expected.dtype.str or len(shape) != expected.ndim:
        raise _refused(Reason.ARRAY, f"{name} has dtype {dtype[:20]}, {len(shape)}-d")
    if not all(0 <= side <= MAX_ARRAY_BYTES for side in shape):
        # Said without the numbers, which may be longer than Python is willing to print.
        raise _refused(Reason.ARRAY, f"{name} has a side that no array has")
    size = math.prod(shape) * expected.dtype.itemsize
    if size != len(frame) or size > MAX_ARRAY_BYTES:
        raise _refused(Reason.ARRAY, f"{name} has {len(frame)} bytes, not {size}")
    try:
        return np.frombuffer(frame, dtype=expected.dtype).reshape(shape)
    except ValueError as error:
        # An empty array whose other dimensions are beyond what can be addressed.
        raise _refused(Reason.ARRAY, f"{name} has shape {shape}") from error


def _array_fields(kind: type[Message]) -> dict[str, ArrayType]:
    return {
        name: next(m for m in field.metadata if isinstance(m, ArrayType))
        for name, field in kind.model_fields.items()
        if any(isinstance(m, ArrayType) for m in field.metadata)
    }
