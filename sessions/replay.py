"""A committed generation read back as the record that was committed.

What a resumed session replays and what recomputations start from. Needs only the log.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from sessions.errors import RecordError
from sessions.reader import LogReader
from sessions.records import (
    TIMING_STAGES,
    ClockFit,
    GenerationRecord,
    PresentationTable,
    ReferenceScores,
    RenderTimes,
    ReplyTable,
    ReportedTable,
    SpikeTable,
    ThreadGeneration,
    TrialTable,
)
from sessions.storage import json_value


def read_record(reader: LogReader, block: int, *, with_pixels: bool = True) -> GenerationRecord:
    """Read one committed block; `images` are None where pixels were not kept or not wanted.

    Raises:
        RecordError: that block was not committed.

    """
    if not 0 <= block < reader.generations_committed:
        raise RecordError(
            f"Block {block} was not committed; this log holds {reader.generations_committed}."
        )
    generations = reader.generations
    mine = np.flatnonzero(generations.block == block)
    scores = reader.scores
    references = (scores.block == block) & (scores.kind == "reference")
    row = int(mine[0])
    return GenerationRecord(
        block=block,
        started_host_s=float(generations.started_host_s[row]),
        ended_host_s=float(generations.ended_host_s[row]),
        started_wall=str(generations.started_wall[row]),
        ended_wall=str(generations.ended_wall[row]),
        threads=tuple(_thread_generation(reader, int(row), with_pixels) for row in mine),
        reference_scores=ReferenceScores(
            scores.image_id[references],
            scores.thread_id[references],
            scores.score[references],
            scores.n_valid[references],
        ),
        presentations=read_presentations(reader, block),
        spikes=read_spikes(reader, block),
        clock=_clock(reader, block),
        timing=_timing(reader, block),
        trials=read_trials(reader, block),
        reported=read_reported(reader, block),
        replies=read_replies(reader, block),
    )


def read_presentations(reader: LogReader, block: int) -> PresentationTable:
    """Read the presentations of one block as they were committed."""
    rows = reader.presentations
    chosen = rows.block == block
    columns = {item.name: getattr(rows, item.name)[chosen] for item in fields(PresentationTable)}
    texts = {
        name: tuple(columns[name].tolist())
        for name in ("sync", "marked_by", "outcome", "reason", "shown_sha256")
    }
    return PresentationTable(**{**columns, **texts})


def read_trials(reader: LogReader, block: int) -> TrialTable:
    """Read the trials of one block as they were committed."""
    rows = reader.trials
    chosen = rows.block == block
    return TrialTable(**{f.name: getattr(rows, f.name)[chosen] for f in fields(TrialTable)})


def read_reported(reader: LogReader, block: int) -> ReportedTable:
    """Read what a rig reported of the presentations of one block."""
    rows = reader.reported
    chosen = rows.block == block
    return ReportedTable(
        rows.presentation_id[chosen],
        tuple(rows.file[chosen].tolist()),
        tuple(rows.file_sha256[chosen].tolist()),
        rows.rates[chosen],
    )


def read_replies(reader: LogReader, block: int) -> ReplyTable:
    """Read which files reported the responses of one block."""
    rows = reader.replies
    chosen = rows.block == block
    columns = {item.name: getattr(rows, item.name)[chosen] for item in fields(ReplyTable)}
    texts = {name: tuple(columns[name].tolist()) for name in ("file", "sha256", "arrived_wall")}
    return ReplyTable(**{**columns, **texts})


def read_spikes(reader: LogReader, block: int) -> SpikeTable:
    """Read the spikes and sync edges of one block as they were committed."""
    spikes, sync = reader.spikes, reader.sync
    chosen = spikes.block == block
    return SpikeTable(
        spikes.rig_time_s[chosen], spikes.unit_id[chosen], sync.rig_time_s[sync.block == block]
    )


def _thread_generation(reader: LogReader, row: int, with_pixels: bool) -> ThreadGeneration:
    generations, scores, images = reader.generations, reader.scores, reader.images
    thread_id, generation = int(generations.thread_id[row]), int(generations.generation[row])
    codes = reader.codes(thread_id)
    of_codes = codes.generation == generation
    of_images = (images.thread_id == thread_id) & (images.generation == generation)
    of_scores = (
        (scores.thread_id == thread_id)
        & (scores.generation == generation)
        & (scores.kind == "generated")
    )
    ids = images.image_id[of_images]
    kept = bool((images.pixels_row[of_images] >= 0).all())
    return ThreadGeneration(
        thread_id=thread_id,
        generation=generation,
        image_ids=ids,
        codes=codes.code[of_codes],
        image_sha256s=tuple(images.sha256[of_images].tolist()),
        images=np.stack([reader.pixels(int(i)) for i in ids]) if kept and with_pixels else None,
        scores=scores.score[of_scores],
        told_scores=scores.told_score[of_scores],
        n_valid=scores.n_valid[of_scores],
        optimizer_summary=json_value(
            str(generations.optimizer_summary_json[row]), "optimizer summary"
        ),
        render_times=RenderTimes(
            float(generations.render_first_s[row]),
            float(generations.render_p50_s[row]),
            float(generations.render_p99_s[row]),
        ),
    )


def _clock(reader: LogReader, block: int) -> ClockFit:
    clock = reader.clock
    row = int(np.flatnonzero(clock.block == block)[0])
    return ClockFit(
        float(clock.offset_s[row]),
        float(clock.drift[row]),
        float(clock.residual_s[row]),
        int(clock.n_pairs[row]),
    )


def _timing(reader: LogReader, block: int) -> dict[str, float]:
    timing = reader.timing
    row = int(np.flatnonzero(timing.block == block)[0])
    values = {stage: float(getattr(timing, stage)[row]) for stage in TIMING_STAGES}
    return {stage: value for stage, value in values.items() if np.isfinite(value)}
