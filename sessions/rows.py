"""Records turned into the columns of their tables.

The one place that knows which field of a record becomes which column. No file is touched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from sessions.analysis.evolution import describe
from sessions.records import (
    NO_THREAD,
    TIMING_STAGES,
    ClockFit,
    Event,
    GenerationRecord,
    Ints,
    PresentationTable,
    ReferenceImages,
    ReplyTable,
    ThreadGeneration,
    ThreadInfo,
    TrialTable,
    UnitInfo,
)
from sessions.storage import Values

Columns = dict[str, Values]


def thread_rows(threads: Sequence[ThreadInfo]) -> Columns:
    """Columns of /threads."""
    names = [item.name for item in fields(ThreadInfo)]
    columns: Columns = {}
    for name in names:
        values = [getattr(thread, name) for thread in threads]
        if name == "driver_unit_ids":
            columns[name] = tuple(json.dumps(list(ids)) for ids in values)
        elif isinstance(values[0], str):
            columns[name] = tuple(values)
        else:
            columns[name] = np.array(values)
    return columns


def unit_rows(units: Sequence[UnitInfo]) -> Columns:
    """Columns of /units."""
    return {
        "unit_id": _ints([unit.unit_id for unit in units]),
        "channel_id": _ints([unit.channel_id for unit in units]),
        "label": tuple(unit.label for unit in units),
    }


def pixels_path(height: int, width: int) -> str:
    """Dataset that holds images of one size."""
    return f"/pixels/{height}x{width}"


def reference_rows(references: ReferenceImages, first_rows: Sequence[int]) -> Columns:
    """Columns of /images for the reference images; `first_rows` are their rows in /pixels."""
    n = len(references.image_ids)
    return {
        "image_id": references.image_ids,
        "kind": ("reference",) * n,
        "thread_id": np.full(n, NO_THREAD),
        "generation": np.full(n, NO_THREAD),
        "name": references.names,
        "sha256": references.sha256s,
        "pixels_dataset": tuple(pixels_path(*image.shape[:2]) for image in references.images),
        "pixels_row": _ints(first_rows),
    }


def image_name(thread_id: int, generation: int, image_id: int) -> str:
    """Name of a generated image for people."""
    return f"thread{thread_id:02d}_gen{generation:03d}_{image_id:06d}"


def image_rows(thread: ThreadGeneration, first_row: int) -> Columns:
    """Columns of /images for one generation; its pixels begin at `first_row`, if it has any."""
    n = len(thread.image_ids)
    has_pixels = thread.images is not None
    path = "" if thread.images is None else pixels_path(*thread.images.shape[1:3])
    return {
        "image_id": thread.image_ids,
        "kind": ("generated",) * n,
        "thread_id": np.full(n, thread.thread_id),
        "generation": np.full(n, thread.generation),
        "name": tuple(
            image_name(thread.thread_id, thread.generation, int(image_id))
            for image_id in thread.image_ids
        ),
        "sha256": thread.image_sha256s,
        "pixels_dataset": (path,) * n,
        "pixels_row": np.arange(first_row, first_row + n) if has_pixels else np.full(n, -1),
    }


def score_rows(record: GenerationRecord) -> Columns:
    """Columns of /scores for one block: generated images of each thread, then references."""
    parts: list[Columns] = []
    for thread in record.threads:
        n = len(thread.image_ids)
        parts.append(
            {
                "image_id": thread.image_ids,
                "thread_id": np.full(n, thread.thread_id),
                "generation": np.full(n, thread.generation),
                "block": np.full(n, record.block),
                "kind": ("generated",) * n,
                "score": thread.scores,
                "told_score": thread.told_scores,
                "n_valid": thread.n_valid,
            }
        )
    references = record.reference_scores
    generation_of = {thread.thread_id: thread.generation for thread in record.threads}
    n = len(references.image_id)
    parts.append(
        {
            "image_id": references.image_id,
            "thread_id": references.thread_id,
            "generation": _ints([generation_of[int(i)] for i in references.thread_id]),
            "block": np.full(n, record.block),
            "kind": ("reference",) * n,
            "score": references.score,
            "told_score": np.full(n, np.nan),
            "n_valid": references.n_valid,
        }
    )
    return join(parts)


def presentation_rows(block: int, table: PresentationTable) -> Columns:
    """Columns of /presentations for one block."""
    columns: Columns = {item.name: getattr(table, item.name) for item in fields(table)}
    columns["block"] = np.full(len(table.presentation_id), block)
    return columns


def trial_rows(block: int, table: TrialTable) -> Columns:
    """Columns of /trials for one block."""
    columns: Columns = {item.name: getattr(table, item.name) for item in fields(table)}
    columns["block"] = np.full(len(table.trial_id), block)
    return columns


def reported_rows(record: GenerationRecord) -> Columns:
    """Columns of /reported for one block."""
    table, n_units = record.reported, record.presentations.response_counts.shape[1]
    n = len(table.presentation_id)
    columns: Columns = {item.name: getattr(table, item.name) for item in fields(table)}
    return {**columns, "rates": table.rates.reshape(n, n_units), "block": np.full(n, record.block)}


def reply_rows(block: int, table: ReplyTable) -> Columns:
    """Columns of /replies for one block."""
    columns: Columns = {item.name: getattr(table, item.name) for item in fields(table)}
    columns["block"] = np.full(len(table.part), block)
    return columns


def generation_rows(record: GenerationRecord) -> Columns:
    """Columns of /generations for one block, one row for each thread."""
    return join([_generation_row(record, thread) for thread in record.threads])


def _generation_row(record: GenerationRecord, thread: ThreadGeneration) -> Columns:
    references = record.reference_scores
    mean, sem, best, n_scored = describe(thread.scores)
    mine = references.score[references.thread_id == thread.thread_id]
    reference_mean, reference_sem, _, _ = describe(mine)
    summary = dict(thread.optimizer_summary)
    return {
        "thread_id": _ints([thread.thread_id]),
        "generation": _ints([thread.generation]),
        "block": _ints([record.block]),
        "n_images": _ints([len(thread.image_ids)]),
        "n_scored": _ints([n_scored]),
        "score_mean": _floats(mean),
        "score_sem": _floats(sem),
        "score_max": _floats(best),
        "reference_mean": _floats(reference_mean),
        "reference_sem": _floats(reference_sem),
        "started_host_s": _floats(record.started_host_s),
        "ended_host_s": _floats(record.ended_host_s),
        "started_wall": (record.started_wall,),
        "ended_wall": (record.ended_wall,),
        "sigma": _floats(summary.get("sigma", math.nan)),
        "mean_norm": _floats(summary.get("mean_norm", math.nan)),
        "code_norm": _floats(summary.get("code_norm", math.nan)),
        "render_first_s": _floats(thread.render_times.first_s),
        "render_p50_s": _floats(thread.render_times.p50_s),
        "render_p99_s": _floats(thread.render_times.p99_s),
        "optimizer_summary_json": (json.dumps(summary, sort_keys=True),),
    }


def clock_rows(block: int, clock: ClockFit) -> Columns:
    """Columns of /clock for one block."""
    return {
        "block": _ints([block]),
        "offset_s": _floats(clock.offset_s),
        "drift": _floats(clock.drift),
        "residual_s": _floats(clock.residual_s),
        "n_pairs": _ints([clock.n_pairs]),
    }


def timing_rows(block: int, timing: Mapping[str, float]) -> Columns:
    """Columns of /timing for one block; a stage that was not measured is NaN."""
    columns: Columns = {stage: _floats(timing.get(stage, math.nan)) for stage in TIMING_STAGES}
    columns["block"] = _ints([block])
    return columns


def event_rows(event: Event) -> Columns:
    """Columns of /events for one event."""
    return {
        "host_time_s": _floats(event.host_time_s),
        "wall_time": (event.wall_time,),
        "kind": (event.kind,),
        "text": (event.text,),
    }


def join(parts: Sequence[Columns]) -> Columns:
    """Tables of the same columns, one below the other."""
    joined: Columns = {}
    for name, first in parts[0].items():
        if isinstance(first, tuple):
            joined[name] = tuple(text for part in parts for text in part[name])
        else:
            joined[name] = np.concatenate([part[name] for part in parts])
    return joined


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _floats(value: float) -> npt.NDArray[np.float64]:
    return np.array([value], dtype=np.float64)
