"""Records ↔ bytes, for the journal: a JSON tree followed by the arrays as they are. No pickle.

Knows every frozen record of `sessions.records` and `sessions.open_block` by its class name, and
nothing else: bytes from somebody else cannot name a class to build. Tuples stay tuples, NaN stays
NaN, and every array comes back with its bits.

    {"tree": …, "arrays": [[dtype, shape], …]} NUL bytes of the arrays
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from sessions import open_block, records
from sessions.errors import RecordError

_KINDS = {
    name: kind
    for module in (records, open_block)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
}

_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS.values()}
_PLAIN = frozenset({str, int, float, bool, type(None)})


def encode(record: Any) -> bytes:
    """Return the bytes of a record; RecordError where it holds what no record may hold."""
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _to_tree(record, arrays)
    head = {"tree": tree, "arrays": [[a.dtype.str, list(a.shape)] for a in arrays]}
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"\0".join((text, b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)))


def decode(data: bytes | memoryview) -> Any:
    """Return the record that `encode` was given; RecordError where there is none."""
    blob = bytes(data)
    text, separator, rest = blob.partition(b"\0")
    try:
        if not separator:
            raise ValueError("no end of the tree")
        head = json.loads(text)
        return _from_tree(head["tree"], _arrays(head["arrays"], rest))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise RecordError(f"these bytes hold no record: {error}") from error


def _to_tree(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "iufb":
            raise RecordError(f"an array of {value.dtype} is no part of a record")
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if kind in _FIELDS:
        tree = {}
        for name in _FIELDS[kind]:
            item = getattr(value, name)
            # Nearly all fields of nearly all facts, so they are not worth a call.
            tree[name] = item if type(item) in _PLAIN else _to_tree(item, arrays)
        return {"record": kind.__name__, "fields": tree}
    if isinstance(value, Mapping):
        return {"mapping": [[str(k), _to_tree(v, arrays)] for k, v in value.items()]}
    if isinstance(value, tuple | list):
        return [_to_tree(item, arrays) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str | int | float):
        return value
    raise RecordError(f"a {kind.__name__} is no part of a record")


def _from_tree(tree: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(tree, list):
        return tuple(_from_tree(item, arrays) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]]
    if "mapping" in tree:
        return {key: _from_tree(value, arrays) for key, value in tree["mapping"]}
    kind = _KINDS[tree["record"]]
    return kind(**{name: _from_tree(value, arrays) for name, value in tree["fields"].items()})


def _arrays(declared: list[Any], rest: bytes) -> list[np.ndarray[Any, Any]]:
    arrays, offset = [], 0
    for dtype_name, shape in declared:
        dtype = np.dtype(dtype_name)
        if dtype.kind not in "iufb":
            raise ValueError(f"arrays of {dtype} are refused")
        size = math.prod(shape) * dtype.itemsize
        part = rest[offset : offset + size]
        if len(part) != size or size < 0:
            raise ValueError("an array is cut off")
        arrays.append(np.frombuffer(part, dtype=dtype).reshape(shape))
        offset += size
    if offset != len(rest):
        raise ValueError("there is more than the arrays")
    return arrays
