"""Synthetic sessions with a rig that reports rates in files: `synthetic` ones without their spikes.

What the neurons fired is told in replies beside the log, as MATLAB would write them, and scored as
it was reported. For tests and examples only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sessions.analysis.responses import ScoringRule, score_references, score_thread
from sessions.log import SessionLog
from sessions.records import (
    NO_COUNT,
    ClockFit,
    GenerationRecord,
    ReplyTable,
    ReportedTable,
    SessionStart,
    SpikeTable,
    no_trials,
)
from sessions.testing.synthetic import ENDED, SyntheticSession, synthetic_record, synthetic_start
from sessions.xdream import write_reply

COUNTED_S = 0.15
RULE = ScoringRule(None, None, "none")


def write_reported_log(
    folder: Path,
    wanted: SyntheticSession,
    alter: Callable[[GenerationRecord], GenerationRecord] = lambda record: record,
) -> Path:
    """Write a whole session below `folder`, its replies too, and return the path of its log."""
    start = replace(
        synthetic_start(wanted),
        response_window_s=None,
        baseline_window_s=None,
        baseline_mode="none",
    )
    rng = np.random.default_rng(wanted.seed)
    log = SessionLog.create(folder, start)
    for block in range(wanted.generations):
        counted = synthetic_record(wanted, synthetic_start(wanted), block, rng)
        log.commit_generation(alter(as_reported(counted, start, folder)))
    log.finish(ENDED)
    log.close()
    return log.path


def as_reported(record: GenerationRecord, start: SessionStart, folder: Path) -> GenerationRecord:
    """Return a generation as a rig that counts by itself would have it; writes its reply."""
    shown = record.presentations
    n = len(shown.presentation_id)
    answered = np.array([outcome == "completed" for outcome in shown.outcome])
    rates = np.where(answered[:, None], shown.response_counts / COUNTED_S, np.nan)
    names = tuple(f"block{record.block:03d}_{row:03d}_p{row:06d}.png" for row in range(n))
    told = [name for name, known in zip(names, answered, strict=True) if known]
    reply = write_reply("mat", told, rates[answered])
    sha256 = hashlib.sha256(reply).hexdigest()
    (folder / "replies").mkdir(exist_ok=True)
    (folder / "replies" / f"{sha256}.mat").write_bytes(reply)
    none = np.full(n, np.nan)
    presentations = replace(
        shown,
        part=np.zeros(n, np.int64),
        flip_on_host_s=none,
        flip_off_host_s=none,
        frames_shown=np.zeros(n, np.int64),
        dropped_frames=np.zeros(n, np.int64),
        onset_rig_s=none,
        onset_uncertainty_s=none,
        sync=("none",) * n,
        marked_by=("",) * n,
        response_counts=np.full_like(shown.response_counts, NO_COUNT),
        baseline_counts=np.full_like(shown.baseline_counts, NO_COUNT),
    )
    reported = ReportedTable(shown.presentation_id, names, ("0" * 64,) * n, rates)
    block = np.array([record.block])
    replies = ReplyTable(
        part=np.zeros(1, np.int64),
        folder_block=block,
        file=(f"block{record.block:03d}.mat",),
        sha256=(sha256,),
        n_bytes=np.array([len(reply)]),
        modified_ns=np.ones(1, np.int64),
        arrived_wall=(record.ended_wall,),
    )
    return _scored(replace(record, presentations=presentations), reported, replies, start)


def _scored(
    record: GenerationRecord, reported: ReportedTable, replies: ReplyTable, start: SessionStart
) -> GenerationRecord:
    unit_ids = [unit.unit_id for unit in start.units]
    threads = []
    for info, thread in zip(start.threads, record.threads, strict=True):
        own = score_thread(info, thread.image_ids, record.presentations, unit_ids, RULE, reported)
        threads.append(
            replace(thread, scores=own.scores, told_scores=own.scores, n_valid=own.n_valid)
        )
    nan = float("nan")
    return replace(
        record,
        threads=tuple(threads),
        reference_scores=score_references(start, record.presentations, unit_ids, RULE, reported),
        spikes=SpikeTable(np.zeros(0), np.zeros(0, np.int64), np.zeros(0)),
        clock=ClockFit(nan, nan, nan, 0),
        trials=no_trials(),
        reported=reported,
        replies=replies,
    )
