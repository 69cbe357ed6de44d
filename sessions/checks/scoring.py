"""Checks that recompute: spikes to counts, counts to scores, scores to what the optimizer heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sessions.analysis.responses import Flags, count_spikes, score_thread
from sessions.checks.base import Check, listed
from sessions.reader import LogReader
from sessions.records import NO_COUNT, Counts, Floats, PresentationTable, ThreadInfo, Window
from sessions.replay import read_presentations, read_spikes


def counts_differ(reader: LogReader) -> Iterator[str]:
    """Find counts that the logged spikes do not give, and completed presentations without one."""
    for block in range(reader.generations_committed):
        logged = read_presentations(reader, block)
        recounted = recount(reader, block, logged)
        for name in ("response_counts", "baseline_counts"):
            differ = (getattr(logged, name) != getattr(recounted, name)).any(axis=1)
            if differ.any():
                ids = logged.presentation_id[differ].tolist()
                yield f"{name} of presentations {listed(ids)} in block {block} differ from spikes."
        completed = np.array(logged.outcome) == "completed"
        without = completed & (logged.response_counts == NO_COUNT).any(axis=1)
        if without.any():
            ids = logged.presentation_id[without].tolist()
            yield f"Presentations {listed(ids)} in block {block} completed without counts."


def scores_differ(reader: LogReader) -> Iterator[str]:
    """Find scores that are not, to the last bit, what the logged spikes give."""
    scores = reader.scores
    for block in range(reader.generations_committed):
        table = recount(reader, block, read_presentations(reader, block))
        for thread in reader.threads:
            rows = (scores.block == block) & (scores.thread_id == thread.thread_id)
            ids = scores.image_id[rows]
            again = score_thread(thread, ids, table, reader.unit_ids, reader.rule)
            wrong = ~_same(scores.score[rows], again.scores)
            wrong |= scores.n_valid[rows] != again.n_valid
            if wrong.any():
                yield (
                    f"Scores of images {listed(ids[wrong].tolist())} of thread {thread.thread_id} "
                    f"in block {block} differ from those recomputed from spikes."
                )


def told_scores_differ(reader: LogReader) -> Iterator[str]:
    """Find generations whose optimizer was told anything but its scores.

    In a shuffled control they must be the same scores in another order. A thread that minimises
    may be told scores of opposite sign.
    """
    scores = reader.scores
    shuffled = reader.start.control == "shuffled"
    for thread in reader.threads:
        mine = (scores.thread_id == thread.thread_id) & (scores.kind == "generated")
        for generation in np.unique(scores.generation[mine]):
            rows = mine & (scores.generation == generation)
            if not _told(thread, scores.score[rows], scores.told_score[rows], shuffled):
                relation = "are no permutation of" if shuffled else "differ from"
                yield (
                    f"The scores told to thread {thread.thread_id} in generation {generation} "
                    f"{relation} the logged ones."
                )


def recount(reader: LogReader, block: int, logged: PresentationTable) -> PresentationTable:
    """Count the spikes of a block again, for every presentation that has counts."""
    start, spikes = reader.start, read_spikes(reader, block)
    windows: dict[str, Window | None] = {
        "response_counts": start.response_window_s,
        "baseline_counts": start.baseline_window_s,
    }
    again: dict[str, Counts] = {}
    for name, window_s in windows.items():
        counts: Counts = getattr(logged, name)
        again[name] = counts
        if window_s is not None:
            fresh = count_spikes(
                spikes.rig_time_s,
                spikes.unit_id,
                reader.unit_ids,
                logged.onset_rig_s,
                window_s,
            )
            again[name] = np.where(counts == NO_COUNT, counts, fresh)
    return replace(
        logged,
        response_counts=again["response_counts"],
        baseline_counts=again["baseline_counts"],
    )


def _told(thread: ThreadInfo, scores: Floats, told: Floats, shuffled: bool) -> bool:
    signs = (1.0,) if thread.direction == "maximise" else (1.0, -1.0)
    if shuffled:
        return any(_same(np.sort(sign * scores), np.sort(told)).all() for sign in signs)
    return any(bool(_same(sign * scores, told).all()) for sign in signs)


def _same(a: Floats, b: Floats) -> Flags:
    """Whether float64 values are equal, or both missing."""
    same: Flags = (a == b) | (np.isnan(a) & np.isnan(b))
    return same


_RECOMPUTE = "Recompute from /spikes and use that; report how the log was made."

SCORING_CHECKS = (
    Check("counts from spikes", "error", _RECOMPUTE, counts_differ),
    Check("scores from spikes", "error", _RECOMPUTE, scores_differ),
    Check(
        "told scores",
        "error",
        "The evolution did not follow its scores; leave this thread out, and report it.",
        told_scores_differ,
    ),
)
