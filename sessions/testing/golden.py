"""Golden logs: sessions of one schema version, kept for good, and what was read from them then.

A later program must read the same from them. So a file of a version is made once, when the version
is new, and never again: `scripts/golden` makes it, `tests/golden` keeps it. An archive holds a
session's folder, since a journal and the replies of a rig belong to it.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sessions.reader import LogReader

TABLES = (
    "images",
    "scores",
    "presentations",
    "trials",
    "reported",
    "replies",
    "spikes",
    "sync",
    "generations",
    "clock",
    "timing",
    "events",
)

_SEPARATOR = b"\0"


def pack(folder: Path, archive: Path) -> None:
    """Pack a session's folder, without whose it was and when."""

    def anonymous(item: tarfile.TarInfo) -> tarfile.TarInfo:
        item.uid = item.gid = item.mtime = 0
        item.uname = item.gname = ""
        return item

    with tarfile.open(archive, "x:xz", preset=9) as tar:
        tar.add(folder, arcname=".", filter=anonymous)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a golden log into `folder`, and return that."""
    with tarfile.open(archive, "r:xz") as tar:
        tar.extractall(folder, filter="data")
    return folder


def describe(log: LogReader) -> dict[str, Any]:
    """Return what a program reads from a log: a few values, and a hash of every column."""
    generations = log.generations
    return {
        "schema_version": log.schema_version,
        "session_id": log.start.session_id,
        "started_at": log.start.started_at,
        "exit_status": log.end.exit_status if log.end else "",
        "generations_committed": log.generations_committed,
        "thread_names": [thread.name for thread in log.threads],
        "unit_ids": log.unit_ids.tolist(),
        "score_mean": generations.score_mean.tolist(),
        "reference_mean": generations.reference_mean.tolist(),
        "columns": {
            name: {"rows": len(values), "sha256": column_sha256(values)}
            for name, values in _columns(log)
        },
    }


def column_sha256(values: np.ndarray[Any, Any]) -> str:
    """Return the hash of a column: of UTF-8 texts ended by zero bytes, or little-endian numbers."""
    if values.dtype.kind in "UO":
        data = b"".join(str(text).encode() + _SEPARATOR for text in values.tolist())
    else:
        data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    return hashlib.sha256(data).hexdigest()


def _columns(log: LogReader) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    tables: dict[str, Any] = {name: getattr(log, name) for name in TABLES}
    for thread in log.threads:
        tables[f"codes/thread_{thread.thread_id}"] = log.codes(thread.thread_id)
    for name, rows in tables.items():
        for item in fields(rows):
            yield f"/{name}/{item.name}", getattr(rows, item.name)
    for pixels in sorted(set(log.images.pixels_dataset.tolist()) - {""}):
        stored = np.flatnonzero(log.images.pixels_dataset == pixels)
        yield pixels, np.stack(list(log.stored_pixels(stored)))
