"""From the facts of a block to the generation that they make, and what is left to say at its end.

A generation is committed by one small fact, `CommittedBlock`, since its codes, images,
presentations and spikes are journalled already. `generation_of` puts the record together again, so
that what a crash kept out of the log can be written to it, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from sessions.errors import JournalError
from sessions.open_block import (
    AskedGeneration,
    CommittedBlock,
    FinishedPart,
    OpenedBlock,
    RenderedImages,
    ScoredThread,
    TrialRow,
)
from sessions.records import (
    GenerationRecord,
    Pixels,
    PresentationTable,
    ReplyTable,
    ReportedTable,
    SpikeTable,
    ThreadGeneration,
    TrialTable,
    no_trials,
)

RowsT = TypeVar("RowsT", PresentationTable, SpikeTable, TrialTable, ReportedTable, ReplyTable)


def commit_of(record: GenerationRecord) -> CommittedBlock:
    """Return the fact that commits a generation whose other facts are journalled."""
    return CommittedBlock(
        block=record.block,
        started_host_s=record.started_host_s,
        ended_host_s=record.ended_host_s,
        started_wall=record.started_wall,
        ended_wall=record.ended_wall,
        threads=tuple(
            ScoredThread(thread.thread_id, thread.scores, thread.told_scores, thread.n_valid)
            for thread in record.threads
        ),
        reference_scores=record.reference_scores,
        clock=record.clock,
        timing=record.timing,
    )


def generation_of(facts: Sequence[object]) -> GenerationRecord | None:
    """Return the generation that a block's facts make; None where it was not committed.

    Raises:
        JournalError: it was committed, but facts that belong to it are missing.

    """
    commit = last_of(facts, CommittedBlock)
    if commit is None:
        return None
    opened = last_of(facts, OpenedBlock)
    parts = finished_parts(facts)
    if opened is None or not parts:
        raise JournalError(
            f"Block {commit.block} is committed in its journal, but what it showed is missing: the "
            "journal was changed by hand; move it away to go on without this block."
        )
    presentations, spikes = join_parts(parts)
    images = {f.thread_id: f.images for f in facts if isinstance(f, RenderedImages)}
    asked = {thread.thread_id: thread for thread in opened.threads}
    return GenerationRecord(
        block=commit.block,
        started_host_s=commit.started_host_s,
        ended_host_s=commit.ended_host_s,
        started_wall=commit.started_wall,
        ended_wall=commit.ended_wall,
        threads=tuple(
            _thread(asked[scored.thread_id], scored, images.get(scored.thread_id))
            for scored in commit.threads
        ),
        reference_scores=commit.reference_scores,
        presentations=presentations,
        spikes=spikes,
        clock=commit.clock,
        timing=commit.timing,
        trials=join_trials(parts),
        reported=join_reported(parts),
        replies=join_replies(parts),
    )


def finished_parts(facts: Sequence[object]) -> tuple[FinishedPart, ...]:
    """Return the finished parts of a block in their order; of each, the last that was said."""
    parts = {fact.part: fact for fact in facts if isinstance(fact, FinishedPart)}
    return tuple(parts[number] for number in sorted(parts))


def join_parts(parts: Sequence[FinishedPart]) -> tuple[PresentationTable, SpikeTable]:
    """Return the rows and spikes of all parts of a block as one table each."""
    return (
        _join(PresentationTable, [part.presentations for part in parts]),
        _join(SpikeTable, [part.spikes for part in parts]),
    )


def trial_table(rows: Sequence[TrialRow]) -> TrialTable:
    """Return the rows of a part's trials, in their order."""
    columns: dict[str, Any] = {
        item.name: np.array([getattr(row, item.name) for row in rows], column.dtype)
        for item in fields(TrialTable)
        for column in (getattr(no_trials(), item.name),)
    }
    return TrialTable(**columns)


def join_trials(parts: Sequence[FinishedPart]) -> TrialTable:
    """Return the trials of all parts of a block as one table."""
    return _join(TrialTable, [part.trials for part in parts])


def join_reported(parts: Sequence[FinishedPart]) -> ReportedTable:
    """Return what a rig reported of all parts of a block as one table."""
    return _join(ReportedTable, [part.reported for part in parts])


def join_replies(parts: Sequence[FinishedPart]) -> ReplyTable:
    """Return the replies to all parts of a block as one table."""
    return _join(ReplyTable, [part.replies for part in parts])


FactT = TypeVar("FactT")


def last_of(facts: Sequence[object], kind: type[FactT]) -> FactT | None:
    """Return the last fact of a kind, or None."""
    return next((fact for fact in reversed(facts) if isinstance(fact, kind)), None)


def _thread(
    asked: AskedGeneration, scored: ScoredThread, images: Pixels | None
) -> ThreadGeneration:
    return ThreadGeneration(
        thread_id=asked.thread_id,
        generation=asked.generation,
        image_ids=asked.image_ids,
        codes=asked.codes,
        image_sha256s=asked.image_sha256s,
        images=images,
        scores=scored.scores,
        told_scores=scored.told_scores,
        n_valid=scored.n_valid,
        optimizer_summary=asked.optimizer_summary,
        render_times=asked.render_times,
    )


def _join(kind: type[RowsT], tables: Sequence[RowsT]) -> RowsT:
    columns: dict[str, Any] = {}
    for field in fields(kind):
        values = [getattr(table, field.name) for table in tables]
        if isinstance(values[0], tuple):
            columns[field.name] = sum(values, ())
            continue
        # A table without rows does not know how many units there are.
        columns[field.name] = np.concatenate([v for v in values if len(v)] or values[:1])
    return kind(**columns)
