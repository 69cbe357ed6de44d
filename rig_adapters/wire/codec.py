"""Message ↔ frames: a protocol tag, a JSON header, and the arrays as raw frames. No I/O, no pickle.

    frame 0   b"neuroloop/<version>"
    frame 1   {"type": name, "body": {…}, "arrays": [[field, dtype, shape], …]}
    frame 2…  the bytes of each array, C order, little endian

Everything that comes in is bounded in size and validated before anyone sees it; what does not fit
is a `RemoteProtocolError` that says why.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from rig_adapters.errors import LocalProtocolError, RemoteProtocolError
from rig_adapters.wire.messages import PROTOCOL_VERSION, ArrayType, Message

TAG = b"neuroloop/%d" % PROTOCOL_VERSION
MAX_HEADER_BYTES = 4 * 2**20
MAX_ARRAY_BYTES = 512 * 2**20
MAX_ARRAYS = 8

_ArrayHeader = TypeAdapter(list[tuple[str, str, list[int]]])


class Codec:
    """Encodes any message and decodes those of a given vocabulary."""

    def __init__(self, vocabulary: Iterable[type[Message]]) -> None:
        self._types = {kind.wire_name: kind for kind in vocabulary}

    def encode(self, message: Message) -> list[bytes | memoryview]:
        """Return the frames of `message`; arrays are not copied.

        Raises LocalProtocolError where the receiver would refuse the size.
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
        if len(header) > MAX_HEADER_BYTES or any(a.nbytes > MAX_ARRAY_BYTES for a in arrays):
            raise LocalProtocolError(f"{message.wire_name} is too large to send")
        return [
            TAG,
            header,
            *(memoryview(array).cast("B") if array.size else b"" for array in arrays),
        ]

    def decode(self, frames: Sequence[bytes | memoryview]) -> Message:
        """Return the message in `frames`; raises RemoteProtocolError where there is none."""
        if len(frames) < 2 or bytes(frames[0]) != TAG:
            raise RemoteProtocolError(f"not a {TAG.decode()} message: another program or version")
        header = _read_header(frames[1])
        kind = self._types.get(header["type"]) if isinstance(header["type"], str) else None
        if kind is None:
            raise RemoteProtocolError(f"unknown message type {str(header['type'])[:80]!r}")
        arrays = _read_arrays(kind, header["arrays"], frames[2:])
        if not isinstance(header["body"], dict) or arrays.keys() & header["body"].keys():
            raise RemoteProtocolError(f"{kind.wire_name} has a malformed body")
        try:
            return kind.model_validate({**header["body"], **arrays})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise RemoteProtocolError(f"{kind.wire_name}.{where}: {first['msg']}") from error


def _read_header(frame: bytes | memoryview) -> dict[str, Any]:
    if len(frame) > MAX_HEADER_BYTES:
        raise RemoteProtocolError(f"header of {len(frame)} bytes is over the limit")
    try:
        header = from_json(bytes(frame), allow_inf_nan=False)
    except ValueError as error:
        raise RemoteProtocolError(f"header is not JSON: {error}") from error
    if not isinstance(header, dict) or header.keys() != {"type", "body", "arrays"}:
        raise RemoteProtocolError("header lacks type, body or arrays")
    return header


def _read_arrays(
    kind: type[Message], declared: Any, frames: Sequence[bytes | memoryview]
) -> dict[str, npt.NDArray[Any]]:
    try:
        rows = _ArrayHeader.validate_python(declared)
    except ValidationError as error:
        raise RemoteProtocolError(f"{kind.wire_name} declares its arrays wrongly") from error
    expected = _array_fields(kind)
    if (
        len(rows) != len(frames)
        or len(rows) > MAX_ARRAYS
        or [row[0] for row in rows] != list(expected)
    ):
        raise RemoteProtocolError(f"{kind.wire_name} came with {len(frames)} array frames")
    arrays = {}
    for (name, dtype, shape), frame in zip(rows, frames, strict=True):
        array_type = expected[name]
        if (
            dtype != array_type.dtype.str
            or len(shape) != array_type.ndim
            or min(shape, default=0) < 0
        ):
            raise RemoteProtocolError(
                f"{kind.wire_name}.{name} has dtype {dtype[:20]} shape {shape}"
            )
        size = math.prod(shape) * array_type.dtype.itemsize
        if size != len(frame) or size > MAX_ARRAY_BYTES:
            raise RemoteProtocolError(f"{kind.wire_name}.{name} has {len(frame)} bytes, not {size}")
        try:
            arrays[name] = np.frombuffer(frame, dtype=array_type.dtype).reshape(shape)
        except ValueError as error:
            # An empty array whose other dimensions are beyond what can be addressed.
            raise RemoteProtocolError(f"{kind.wire_name}.{name} has shape {shape}") from error
    return arrays


def _array_fields(kind: type[Message]) -> dict[str, ArrayType]:
    return {
        name: next(m for m in field.metadata if isinstance(m, ArrayType))
        for name, field in kind.model_fields.items()
        if any(isinstance(m, ArrayType) for m in field.metadata)
    }
