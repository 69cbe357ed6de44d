"""One block of a log at a time, cut out of tables that were read once.

To open a column again for each block takes longer than all that an inspection computes. Whoever
follows a log that grows reads single blocks instead (`LogReader.block`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, TypeVar

from sessions.reader import LogReader
from sessions.tables import BlockRows

Rows = TypeVar("Rows")

_TABLES = (
    "images",
    "scores",
    "presentations",
    "spikes",
    "sync",
    "generations",
    "clock",
    "reported",
    "replies",
)


def blocks_of(reader: LogReader) -> Iterator[BlockRows]:
    """Yield every committed block in order: the same as `reader.block` gives."""
    tables = {name: getattr(reader, name) for name in _TABLES}
    codes = {thread.thread_id: reader.code_ids(thread.thread_id) for thread in reader.threads}
    for block in range(reader.generations_committed):
        cut: dict[str, Any] = {
            name: _cut(rows, reader.rows_of_block(block, name)) for name, rows in tables.items()
        }
        code_ids = {
            thread_id: ids[reader.rows_of_block(block, f"codes/thread_{thread_id}")]
            for thread_id, ids in codes.items()
        }
        yield BlockRows(block=block, code_ids=code_ids, **cut)


def _cut(rows: Rows, chosen: slice) -> Rows:
    """Return some rows of a table; the columns are views."""
    columns = {item.name: getattr(rows, item.name)[chosen] for item in fields(rows)}  # type: ignore[arg-type]  # every table is a dataclass
    return type(rows)(**columns)
