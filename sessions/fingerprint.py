"""One number for all that a session has committed, by which a branch knows what it comes from."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from sessions.reader import LogReader


def committed_sha256(reader: LogReader) -> str:
    """Return the hex SHA-256 of every committed row; pixels count by their hashes in /images."""
    digest = hashlib.sha256(reader.start.config_json.encode())
    tables: tuple[Any, ...] = (
        reader.images,
        *(reader.codes(thread.thread_id) for thread in reader.threads),
        reader.scores,
        reader.presentations,
        reader.spikes,
        reader.reported,
    )
    for table in tables:
        for item in fields(table):
            _add(digest, item.name, getattr(table, item.name))
    return digest.hexdigest()


def _add(digest: Any, name: str, column: np.ndarray[Any, Any]) -> None:
    digest.update(f"{name} {column.shape}".encode())
    if column.dtype.kind in "UO":
        digest.update("\0".join(map(str, column.tolist())).encode())
    else:
        digest.update(np.ascontiguousarray(column).tobytes())
