"""After a session was cut off: the log completed, and what is known of the block that was open.

A generation is durable when its journal says so, and in the log a moment later; a process that dies
in between leaves it in the journal alone. `complete_log` brings it in. The log itself needs no
repair, since it is replaced whole at each change. Going on with the session is the controller's
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.committed import finished_parts, generation_of, last_of
from sessions.errors import LogClosedError
from sessions.journal import blocks_with_journals, read_journal, remove_empty_folder, segment_path
from sessions.log import SessionLog
from sessions.open_block import (
    CommittedBlock,
    FinishedPart,
    NumberedEvent,
    OpenedBlock,
    PlannedPart,
    PresentedRow,
    TrialRow,
)
from sessions.reader import LogReader, open_log
from sessions.records import Event, GenerationRecord


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
    trials: tuple[TrialRow, ...] = ()
    """Of that part, what its trials came to by then."""


@dataclass(frozen=True, eq=False)
class CutOff:
    """A session that can go on: its committed log, and the block that was open, if any."""

    reader: LogReader
    interrupted: InterruptedBlock | None


def recover(folder: Path) -> CutOff:
    """Complete the log of a session that was cut off, and read where it stood.

    Raises:
        LogClosedError: the session was completed, and there is nothing to go on with.
        JournalError: a journal is damaged.

    """
    reader = open_log(folder)
    if reader.end is not None and reader.end.exit_status == "success":
        raise LogClosedError(
            f"{folder} ended well ({reader.end.reason}); start a new session to record more."
        )
    complete_log(folder)
    reader = reader.refresh()
    path = segment_path(folder, reader.generations_committed)
    return CutOff(reader, _interrupted(read_journal(path)) if path.exists() else None)


def missing_from_log(folder: Path) -> int:
    """Return how many durable generations are in the journals alone; 0 unless a process died."""
    reader = open_log(folder)
    return len(_missing_generations(reader, _journals(folder)))


def complete_log(folder: Path) -> int:
    """Write to the log what only the journals hold; return how many generations those were.

    No session may be running in the folder. How the session ended, if it did, stays as it is.

    Raises:
        JournalError: a journal is damaged.

    """
    reader, journals = open_log(folder), _journals(folder)
    generations = _missing_generations(reader, journals)
    events = _missing_events(reader, journals)
    if generations or events:
        log = SessionLog.resume(folder, reader.start)
        for event in events:
            log.append_event(event)
        for generation in generations:
            log.commit_generation(generation)
        if reader.end is not None:
            log.finish(reader.end)
        log.close()
    for block, facts in journals.items():
        if last_of(facts, CommittedBlock) or not last_of(facts, OpenedBlock):
            segment_path(folder, block).unlink()
    remove_empty_folder(folder)
    return len(generations)


def _journals(folder: Path) -> Mapping[int, list[Any]]:
    return {b: read_journal(segment_path(folder, b)) for b in blocks_with_journals(folder)}


def _missing_generations(
    reader: LogReader, journals: Mapping[int, list[Any]]
) -> list[GenerationRecord]:
    later = (facts for b, facts in journals.items() if b >= reader.generations_committed)
    found = (generation_of(facts) for facts in later)
    return [generation for generation in found if generation is not None]


def _missing_events(reader: LogReader, journals: Mapping[int, list[Any]]) -> list[Event]:
    known = len(reader.events.kind)
    facts = (fact for facts in journals.values() for fact in facts)
    numbered = (fact for fact in facts if isinstance(fact, NumberedEvent))
    return [e.event for e in sorted(numbered, key=lambda e: e.number) if e.number >= known]


def _interrupted(facts: list[Any]) -> InterruptedBlock | None:
    opened = last_of(facts, OpenedBlock)
    if opened is None:
        return None
    finished = finished_parts(facts)
    done = {part.part for part in finished}
    open_parts = [f for f in facts if isinstance(f, PlannedPart) and f.part not in done]
    planned = open_parts[-1] if open_parts else None
    ids = {row.presentation_id for row in planned.rows} if planned else set()
    presented = {
        fact.presentation_id: fact
        for fact in facts
        if isinstance(fact, PresentedRow) and fact.presentation_id in ids
    }
    trial_ids = {row.trial_id for row in planned.rows} if planned else set()
    trials = tuple(f for f in facts if isinstance(f, TrialRow) and f.trial_id in trial_ids)
    return InterruptedBlock(opened, finished, planned, presented, trials)
