"""A small but real session log, made from a seed: two threads, references, and all that goes wrong.

Neurons are Poisson with a rate that rises over generations, so that analyses have something to
find. Counts and scores come from `sessions.analysis`, as in a real session. It stands in for a
session in tests and in the documentation, not for the simulated rig.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sessions.analysis.responses import Flags, ScoringRule, count_spikes, score_thread
from sessions.log import SessionLog
from sessions.open_block import AskedGeneration, FinishedPart, OpenedBlock, RenderedImages
from sessions.records import (
    NO_COUNT,
    NO_THREAD,
    BaselineMode,
    ClockFit,
    Codes,
    Control,
    Counts,
    Event,
    Floats,
    GenerationRecord,
    Ints,
    Pixels,
    PresentationTable,
    ReferenceImages,
    ReferenceScores,
    RenderTimes,
    SessionEnd,
    SessionStart,
    SpikeTable,
    ThreadGeneration,
    ThreadInfo,
    TrialTable,
    UnitInfo,
    image_sha256,
    no_reported,
)
from sessions.tables import Strings

CLOCK_OFFSET_S = 12.5
CLOCK_DRIFT = 2e-5
UNCERTAINTY_S = 1e-4
FRAME_S = 1 / 60
ON_FRAMES = 6
OFF_FRAMES = 9
LATENCY_S = 0.06
ENDED = SessionEnd("2026-01-05T10:00:00+00:00", "success", "All generations were shown.")


@dataclass(frozen=True)
class SyntheticSession:
    """What to make; the defaults take a fraction of a second."""

    seed: int = 1
    generations: int = 6
    population_size: int = 8
    n_references: int = 10
    image_size: int = 16
    code_dim: int = 12
    baseline_mode: BaselineMode = "presentation"
    control: Control = "none"
    keep_pixels: bool = True
    fail_rate: float = 0.1
    reference_rate_hz: float = 20.0
    first_rate_hz: float = 15.0
    last_rate_hz: float = 60.0
    second_last_rate_hz: float | None = None
    """Of thread 1; None where it is that of thread 0."""


def synthetic_start(wanted: SyntheticSession) -> SessionStart:
    """Return the start of the session: two threads on four units, at one place."""
    size = wanted.image_size
    images = tuple(_grating(size, k, wanted.n_references) for k in range(wanted.n_references))
    thread = ThreadInfo(
        thread_id=0,
        name="cma",
        optimizer="cma_es",
        optimizer_settings_json='{"sigma": 3.0}',
        generator="blobs",
        generator_sha256="0" * 64,
        generator_provenance="computed",
        code_dim=wanted.code_dim,
        image_shape=(size, size, 3),
        driver_unit_ids=(11,),
        direction="maximise",
        position_deg=(0.5, -1.0),
        size_deg=3.0,
    )
    return SessionStart(
        session_id=f"synthetic-{wanted.seed}",
        subject_id="nobody",
        started_at="2026-01-05T09:00:00+00:00",
        config_toml='# Größe in °\nname = "synthetic"\n',
        config_json=json.dumps({"name": "synthetic"}),
        seed=wanted.seed,
        time="virtual",
        rig_adapter="synthetic",
        rig_simulated=True,
        display_label="virtual screen: no timing",
        control=wanted.control,
        response_window_s=(0.05, 0.2),
        baseline_window_s=None if wanted.baseline_mode == "none" else (0.0, 0.04),
        baseline_mode=wanted.baseline_mode,
        threads=(thread, replace(thread, thread_id=1, name="ga", driver_unit_ids=(12, 14))),
        units=tuple(
            UnitInfo(unit_id, unit_id // 2, f"unit {unit_id}") for unit_id in range(11, 15)
        ),
        references=ReferenceImages(
            image_ids=np.arange(1, wanted.n_references + 1),
            names=tuple(f"grating_{k:02d}.png" for k in range(wanted.n_references)),
            sha256s=tuple(image_sha256(image) for image in images),
            images=images,
        ),
        versions={"neuroloop": "0.1.0"},
        extra={"display": json.dumps({"refresh_hz": 60})},
    )


def synthetic_record(
    wanted: SyntheticSession, start: SessionStart, block: int, rng: np.random.Generator
) -> GenerationRecord:
    """Return block `block`: one generation of each thread, shown, heard and scored."""
    made = [_made_generation(wanted, start, info, block, rng) for info in start.threads]
    shown = _show(wanted, start, block, made, rng)
    rule = ScoringRule(start.response_window_s, start.baseline_window_s, start.baseline_mode)
    unit_ids = [unit.unit_id for unit in start.units]
    threads, references = [], []
    for info, generation in zip(start.threads, made, strict=True):
        own = score_thread(info, generation.image_ids, shown.presentations, unit_ids, rule)
        told = own.scores.copy()
        if start.control == "shuffled":
            told = rng.permutation(told)
        threads.append(
            replace(generation, scores=own.scores, told_scores=told, n_valid=own.n_valid)
        )
        ids = start.references.image_ids
        other = score_thread(info, ids, shown.presentations, unit_ids, rule)
        references.append((ids, np.full(len(ids), info.thread_id), other.scores, other.n_valid))
    columns = [np.concatenate(column) for column in zip(*references, strict=True)]
    return GenerationRecord(
        block=block,
        started_host_s=_block_start_s(block),
        ended_host_s=_block_start_s(block) + 55.0,
        started_wall=f"2026-01-05T09:{block:02d}:00+00:00",
        ended_wall=f"2026-01-05T09:{block:02d}:55+00:00",
        threads=tuple(threads),
        reference_scores=ReferenceScores(columns[0], columns[1], columns[2], columns[3]),
        presentations=shown.presentations,
        spikes=shown.spikes,
        clock=ClockFit(
            CLOCK_OFFSET_S, CLOCK_DRIFT, 1e-6, shown.presentations.sync.count("photodiode")
        ),
        timing={"optimizer": 0.02, "render": 0.4, "display": 30.0, "log": 0.01, "total": 31.0},
        trials=_trials(shown.presentations),
        reported=replace(no_reported(), rates=np.zeros((0, len(unit_ids)))),
    )


def facts_of(record: GenerationRecord) -> tuple[OpenedBlock | RenderedImages | FinishedPart, ...]:
    """Return what a session would have journalled of a generation before it was committed."""
    asked = tuple(
        AskedGeneration(
            thread.thread_id,
            thread.generation,
            thread.image_ids,
            thread.codes,
            thread.image_sha256s,
            thread.optimizer_summary,
            thread.render_times,
        )
        for thread in record.threads
    )
    opened = OpenedBlock(record.block, record.started_host_s, record.started_wall, asked)
    images = [
        RenderedImages(thread.thread_id, thread.images)
        for thread in record.threads
        if thread.images is not None
    ]
    part = FinishedPart(
        record.block,
        0,
        record.presentations,
        record.spikes,
        record.clock,
        trials=record.trials,
        reported=record.reported,
        replies=record.replies,
    )
    return (opened, *images, part)


def write_synthetic_log(
    folder: Path,
    wanted: SyntheticSession | None = None,
    alter: Callable[[GenerationRecord], GenerationRecord] = lambda record: record,
    end: SessionEnd | None = ENDED,
    start: SessionStart | None = None,
) -> Path:
    """Write a whole session below `folder` and return the path of its log.

    `alter` changes each record before it is committed, to plant a fault; with `end` None the
    session is left unfinished; `start` is for one that differs from that of `synthetic_start`.
    """
    wanted = wanted or SyntheticSession()
    start = start or synthetic_start(wanted)
    rng = np.random.default_rng(wanted.seed)
    log = SessionLog.create(folder, start)
    log.append_event(
        Event(99.0, "2026-01-05T09:00:00+00:00", "note", "Unit 11 sounds clean; sehr schön.")
    )
    for block in range(wanted.generations):
        log.commit_generation(alter(synthetic_record(wanted, start, block, rng)))
    if end is not None:
        log.finish(end)
    return log.path


@dataclass(frozen=True, eq=False)
class _Shown:
    presentations: PresentationTable
    spikes: SpikeTable


def _block_start_s(block: int) -> float:
    return 100.0 + 60.0 * block


def _made_generation(
    wanted: SyntheticSession,
    start: SessionStart,
    info: ThreadInfo,
    block: int,
    rng: np.random.Generator,
) -> ThreadGeneration:
    n = wanted.population_size
    codes = rng.standard_normal((n, wanted.code_dim)).astype(np.float32)
    images = np.stack([_blob(wanted.image_size, code, block) for code in codes])
    per_block = n * len(start.threads)
    first = 1000 + block * per_block + n * start.threads.index(info)
    return ThreadGeneration(
        thread_id=info.thread_id,
        generation=block,
        image_ids=np.arange(first, first + n),
        codes=codes,
        image_sha256s=tuple(image_sha256(image) for image in images),
        images=images if wanted.keep_pixels else None,
        scores=np.full(n, np.nan),
        told_scores=np.full(n, np.nan),
        n_valid=np.zeros(n, dtype=np.int64),
        optimizer_summary={"sigma": 3.0 * 0.98**block, "mean_norm": 10.0 + block},
        render_times=RenderTimes(0.02, 0.01, 0.015 + 0.001 * block),
    )


def _show(
    wanted: SyntheticSession,
    start: SessionStart,
    block: int,
    made: list[ThreadGeneration],
    rng: np.random.Generator,
) -> _Shown:
    """Show everything once, show again what failed, and hear the neurons."""
    hash_of = dict(zip(start.references.image_ids.tolist(), start.references.sha256s, strict=True))
    thread_of = dict.fromkeys(hash_of, NO_THREAD)
    for generation in made:
        ids = generation.image_ids.tolist()
        hash_of.update(zip(ids, generation.image_sha256s, strict=True))
        thread_of.update(dict.fromkeys(ids, generation.thread_id))
    order = rng.permutation(list(hash_of))
    outcomes = _outcomes(len(order), wanted.fail_rate, rng)
    again = order[outcomes == "failed_trial"]
    image_id = np.concatenate([order, again]).astype(np.int64)
    outcome = np.concatenate([outcomes, np.full(len(again), "completed")])
    part = np.repeat([0, 1], [len(order), len(again)])
    p = len(image_id)
    shown = outcome != "not_shown"
    period_s = (ON_FRAMES + OFF_FRAMES) * FRAME_S
    flip_s = np.where(shown, _block_start_s(block) + 1.0 + period_s * np.arange(p), np.nan)
    onset_s = CLOCK_OFFSET_S + (1 + CLOCK_DRIFT) * flip_s
    thread_id = np.array([thread_of[int(i)] for i in image_id], dtype=np.int64)
    spikes = _hear(wanted, start, block, onset_s, thread_id, rng)
    heard_onset_s = np.where(outcome == "not_heard", np.nan, onset_s)
    heard = np.isin(outcome, ("completed", "failed_trial"))
    info = start.threads[0]
    table = PresentationTable(
        presentation_id=10_000 * block + np.arange(p),
        trial_id=1_000 * block + np.arange(p) // 5,
        part=part,
        attempt=part.copy(),
        image_id=image_id,
        thread_id=thread_id,
        x_deg=np.full(p, info.position_deg[0]),
        y_deg=np.full(p, info.position_deg[1]),
        size_deg=np.full(p, info.size_deg),
        on_frames=np.full(p, ON_FRAMES),
        off_frames=np.full(p, OFF_FRAMES),
        flip_on_host_s=flip_s,
        flip_off_host_s=flip_s + ON_FRAMES * FRAME_S,
        frames_shown=np.where(shown, ON_FRAMES, 0),
        dropped_frames=np.zeros(p, dtype=np.int64),
        onset_rig_s=heard_onset_s,
        onset_uncertainty_s=np.where(np.isnan(heard_onset_s), np.nan, UNCERTAINTY_S),
        marked_by=("photodiode",) * len(heard_onset_s),
        sync=tuple("none" if np.isnan(onset) else "photodiode" for onset in heard_onset_s),
        outcome=tuple(outcome.tolist()),
        reason=tuple("" if name == "completed" else f"planted: {name}" for name in outcome),
        shown_sha256=tuple(
            hash_of[int(i)] if was else "" for i, was in zip(image_id, shown, strict=True)
        ),
        response_counts=_counts(start, spikes, heard_onset_s, heard, start.response_window_s),
        baseline_counts=_counts(start, spikes, heard_onset_s, heard, start.baseline_window_s),
    )
    return _Shown(table, spikes)


def _trials(shown: PresentationTable) -> TrialTable:
    """Return what the animal did: it began each trial, and broke those that failed."""
    ids = np.unique(shown.trial_id)
    flips = [shown.flip_on_host_s[shown.trial_id == trial_id] for trial_id in ids]
    outcomes = np.array(shown.outcome)
    broken = np.array([(outcomes[shown.trial_id == i] == "failed_trial").any() for i in ids])
    spot_on_s = np.array([np.nanmin(times) - 0.5 for times in flips])
    spot_off_s = np.array([np.nanmax(times) + 0.25 for times in flips])
    pulse_s = np.where(broken, 0.0, 0.1)
    return TrialTable(
        trial_id=ids,
        spot_on_host_s=spot_on_s,
        acquired_host_s=spot_on_s + 0.2,
        broken_host_s=np.where(broken, spot_off_s - 0.01, np.nan),
        spot_off_host_s=spot_off_s,
        completed=(~broken).astype(np.int64),
        reward_pulses=(~broken).astype(np.int64),
        reward_pulse_s=pulse_s,
        reward_ml=1.5 * pulse_s,
    )


def _outcomes(n: int, fail_rate: float, rng: np.random.Generator) -> Strings:
    outcomes = np.full(n, "completed", dtype="<U16")
    outcomes[rng.random(n) < fail_rate] = "failed_trial"
    if fail_rate and n > 6:
        outcomes[:4] = ("failed_trial", "not_heard", "not_shown", "late")
    return outcomes


def _counts(
    start: SessionStart,
    spikes: SpikeTable,
    onset_s: Floats,
    heard: Flags,
    window_s: tuple[float, float] | None,
) -> Counts:
    unit_ids = [unit.unit_id for unit in start.units]
    if window_s is None:
        return np.full((len(onset_s), len(unit_ids)), NO_COUNT, dtype=np.int32)
    counts = count_spikes(spikes.rig_time_s, spikes.unit_id, unit_ids, onset_s, window_s)
    return np.where(heard[:, None], counts, NO_COUNT).astype(np.int32)


def _hear(
    wanted: SyntheticSession,
    start: SessionStart,
    block: int,
    onset_s: Floats,
    thread_id: Ints,
    rng: np.random.Generator,
) -> SpikeTable:
    """Draw Poisson spikes: 5/s in the background, and a response after each onset."""
    progress = block / max(wanted.generations - 1, 1)
    second_hz = wanted.second_last_rate_hz
    last_hz = np.where(
        (thread_id == 1) & (second_hz is not None), second_hz or 0.0, wanted.last_rate_hz
    )
    evolved_hz = wanted.first_rate_hz + progress * (last_hz - wanted.first_rate_hz)
    rate_hz = np.where(thread_id == NO_THREAD, wanted.reference_rate_hz, evolved_hz)
    known = np.isfinite(onset_s)
    begin_s = CLOCK_OFFSET_S + _block_start_s(block)
    times, units = [], []
    for unit in start.units:
        background = rng.uniform(begin_s, begin_s + 55.0, rng.poisson(5.0 * 55.0))
        # A gamma-shaped response: fast rise at the latency, slow decay, as visual neurons do.
        n_spikes = rng.poisson(rate_hz[known] * 0.15)
        responses = np.repeat(onset_s[known], n_spikes) + LATENCY_S
        own = np.concatenate([background, responses + rng.gamma(2.0, 0.02, len(responses))])
        times.append(own)
        units.append(np.full(len(own), unit.unit_id))
    time_s, unit_id = np.concatenate(times), np.concatenate(units)
    order = np.argsort(time_s, kind="stable")
    return SpikeTable(time_s[order], unit_id[order], onset_s[known])


def _grating(size: int, index: int, count: int) -> Pixels:
    """Return one sine grating; orientations are spread over `count` images."""
    y, x = np.mgrid[:size, :size] / size
    angle = np.pi * index / max(count, 1)
    wave = np.sin(6 * np.pi * (x * np.cos(angle) + y * np.sin(angle)))
    return np.repeat((127.5 + 120 * wave)[:, :, None], 3, axis=2).astype(np.uint8)


def _blob(size: int, code: Codes, block: int) -> Pixels:
    """Return a few coloured blobs that a code places; they gain contrast with the block."""
    y, x = np.mgrid[:size, :size] / size
    image = np.full((size, size, 3), 127.5)
    for k in range(3):
        cx, cy, width, hue = code[4 * k : 4 * k + 4]
        bump = np.exp(-((x - 0.5 - 0.2 * cx) ** 2 + (y - 0.5 - 0.2 * cy) ** 2) / 0.03)
        colour = np.cos(hue + np.array([0.0, 2.1, 4.2])) * (60 + 10 * min(block, 12))
        image += bump[:, :, None] * colour * (1 + 0.2 * np.tanh(width))
    pixels: Pixels = np.clip(image, 0, 255).astype(np.uint8)
    return pixels
