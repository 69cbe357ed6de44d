"""The questions of the running audit, asked of a whole log: see `sessions.audit`.

They recompute counts and scores by code of their own, so they find what checks that call the same
functions as the session could not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from sessions.audit import REMEDIES, Auditor, BlockAudit
from sessions.blocks import blocks_of
from sessions.checks.base import Check
from sessions.reader import LogReader


@lru_cache(maxsize=1)
def _audited(reader: LogReader) -> tuple[BlockAudit, ...]:
    """Audit every block once for all questions about the same snapshot."""
    auditor = Auditor(reader.start, reader.path.parent)
    return tuple(auditor.audit(block) for block in blocks_of(reader))


def _differences(name: str) -> Callable[[LogReader], Iterator[str]]:
    def find(reader: LogReader) -> Iterator[str]:
        for audited in _audited(reader):
            for difference in audited.differences:
                if difference.check == name:
                    yield f"In block {audited.block}, {difference.message}."

    return find


AUDIT_CHECKS = tuple(
    Check(name, "error", remedy, _differences(name)) for name, remedy in REMEDIES.items()
)
