"""After a session was cut off: what is committed, and what is known of the block that was open.

The log itself needs no repair, since it is replaced whole at each commit. The journal of the open
block gives what was asked, shown and heard since. Going on with the session is the controller's
business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.errors import LogClosedError
from sessions.journal import blocks_with_journals, read_journal, segment_path
from sessions.open_block import (
    FinishedPart,
    OpenedBlock,
    PlannedPart,
    PresentedRow,
)
from sessions.reader import LogReader, open_log


@dataclass(frozen=True, eq=False)
class InterruptedBlock:
    """What the journal knows of a block that was not committed.

    `finished` are the parts with outcomes; `planned` is the part that was being shown, with
    `presented` what was reported of it by then, by presentation id; None where no part was open.
    """

    opened: OpenedBlock
    finished: tuple[FinishedPart, ...]
    planned: PlannedPart | None
    presented: dict[int, PresentedRow]


@dataclass(frozen=True, eq=False)
class CutOff:
    """A session that can go on: its committed log, and the block that was open, if any."""

    reader: LogReader
    interrupted: InterruptedBlock | None


def recover(folder: Path) -> CutOff:
    """Read a session that was cut off; removes journals of blocks that are committed.

    Raises:
        LogClosedError: the session was completed, and there is nothing to go on with.
        JournalError: the open block's journal is damaged.

    """
    reader = open_log(folder)
    if reader.end is not None and reader.end.exit_status == "success":
        raise LogClosedError(
            f"{folder} ended well ({reader.end.reason}); start a new session to record more."
        )
    interrupted = None
    for block in blocks_with_journals(folder):
        path = segment_path(folder, block)
        if block < reader.generations_committed:
            path.unlink()
        else:
            interrupted = _interrupted(read_journal(path))
    return CutOff(reader, interrupted)


def _interrupted(facts: list[Any]) -> InterruptedBlock | None:
    opened = next((fact for fact in facts if isinstance(fact, OpenedBlock)), None)
    if opened is None:
        return None
    finished = tuple(fact for fact in facts if isinstance(fact, FinishedPart))
    done = {part.part for part in finished}
    open_parts = [f for f in facts if isinstance(f, PlannedPart) and f.part not in done]
    planned = open_parts[-1] if open_parts else None
    ids = {row.presentation_id for row in planned.rows} if planned else set()
    presented = {
        fact.presentation_id: fact
        for fact in facts
        if isinstance(fact, PresentedRow) and fact.presentation_id in ids
    }
    return InterruptedBlock(opened, finished, planned, presented)
