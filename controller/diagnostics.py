"""What a log says of its evolutions, each figure beside what a search without a signal would give.

`neuroloop inspect` prints it. What is left out: the statistics (`sessions.analysis.beside_nulls`),
and the twin that is told shuffled scores (`controller.twin`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from controller.optimizers.base import Floats
from controller.optimizers.ranking import rank_weights, share_by_rank
from sessions.analysis.beside_nulls import (
    BeyondDrift,
    Drift,
    Path,
    Reliability,
    drift_beside_walk,
    path_beside_walk,
    reliability,
)
from sessions.analysis.responses import driver_columns, rates_of
from sessions.reader import LogReader
from sessions.records import Counts, Direction, Ints, ReportedTable, ThreadInfo, Window
from sessions.report import thread_rate
from sessions.storage import json_value

RANK_WEIGHTED = frozenset({"cholesky_cma", "cma", "diagonal_cma", "pycma"})
"""Whose mean is that of the better half by logarithmic weights, and whose codes scatter alike along
all axes, so that the drift without a signal follows from their sigma."""


@dataclass(frozen=True)
class ThreadDiagnostics:
    """One evolution thread beside its null models; only `rate` decides whether a neuron answered.

    optimizer: its kind. drift: None where `no_drift` says why not. path: None for a short run.
    reliability: None where no image was shown twice.
    """

    thread_id: int
    name: str
    optimizer: str
    direction: Direction
    rate: BeyondDrift
    drift: Drift | None
    no_drift: str
    path: Path | None
    reliability: Reliability | None


@dataclass(frozen=True)
class Diagnostics:
    """All threads of a session. `control`: as in the log."""

    control: str
    threads: tuple[ThreadDiagnostics, ...]


@dataclass(frozen=True)
class Steps:
    """How a search around a mean moved, all (g,); see `beside_nulls.drift_beside_walk`.

    Tied scores share their weights, so spike counts, which tie often, make for shorter steps.
    """

    mean_norms: Floats
    sigmas: Floats
    spreads: Floats


def diagnose(reader: LogReader) -> Diagnostics:
    """Return what the committed part of a log says."""
    threads = tuple(_of_thread(reader, thread) for thread in reader.threads)
    return Diagnostics(reader.start.control, threads)


def generation_means(reader: LogReader, thread_id: int) -> Floats:
    """Mean codes (g, d) of the generations after the first one, which holds initial codes."""
    rows = reader.codes(thread_id)
    later = [rows.code[rows.generation == g] for g in np.unique(rows.generation)[1:]]
    means = [codes.mean(axis=0, dtype=np.float64) for codes in later]
    return np.stack(means) if means else np.zeros((0, rows.code.shape[1]))


def steps_of(reader: LogReader, thread: ThreadInfo) -> Steps | str:
    """Return the steps of a thread, or why nothing is predicted of them."""
    kind = kind_of(thread)
    if kind not in RANK_WEIGHTED:
        return f"not applicable to {kind}, whose steps do not follow from a sigma"
    rows = reader.generations
    mine = np.flatnonzero(rows.thread_id == thread.thread_id)
    mine = mine[np.argsort(rows.generation[mine])]
    mine = mine[np.isfinite(rows.sigma[mine]) & np.isfinite(rows.mean_norm[mine])]
    if len(mine) < 2:
        return "too few generations"
    spreads = [_spread(reader, thread, int(g)) for g in rows.generation[mine]]
    return Steps(rows.mean_norm[mine], rows.sigma[mine], np.array(spreads))


def kind_of(thread: ThreadInfo) -> str:
    """Kind of a thread's optimizer; its name in logs that do not hold its settings."""
    settings = json_value(thread.optimizer_settings_json, "optimizer settings")
    return str(settings.get("kind", thread.optimizer))


def sentences(found: ThreadDiagnostics) -> Iterator[str]:
    """Say it in short lines that cannot be read as success where there is none."""
    yield f"Thread {found.thread_id} ({found.name}), each figure beside no signal at all:"
    yield f"  rate, the one that decides: {_rate_sentence(found)}"
    if found.drift is not None:
        drift = found.drift
        yield (
            f"  norm of the mean code: {drift.norm:.1f}; a random walk of these steps: "
            f"{drift.expected:.1f} ± {drift.sd:.1f}"
        )
    else:
        yield f"  norm of the mean code, beside a random walk: {found.no_drift}"
    if found.path is not None:
        path = found.path
        yield (
            f"  principal components: {_shares(path.shares)}; a random walk: "
            f"{_shares(path.walk_shares)} (endless: .608, .152, .068)"
        )
        yield (
            f"  cosine of consecutive steps: {path.step_cosine:+.3f}; a random walk: 0 ± "
            f"{path.step_cosine_sd:.3f}"
        )
    if found.reliability is not None:
        told = found.reliability
        yield (
            f"  correlation of scores with the truth within a generation: {told.rho:.2f}; of "
            f"images that make no difference: below {told.null_rho:.2f}"
        )


def _of_thread(reader: LogReader, thread: ThreadInfo) -> ThreadDiagnostics:
    steps = steps_of(reader, thread)
    drift = None
    if isinstance(steps, Steps):
        drift = drift_beside_walk(steps.mean_norms, steps.sigmas, steps.spreads, thread.code_dim)
    return ThreadDiagnostics(
        thread_id=thread.thread_id,
        name=thread.name,
        optimizer=kind_of(thread),
        direction=thread.direction,
        rate=thread_rate(reader, thread),
        drift=drift,
        no_drift=steps if isinstance(steps, str) else "",
        path=path_beside_walk(generation_means(reader, thread.thread_id)),
        reliability=_reliability(reader, thread),
    )


def _spread(reader: LogReader, thread: ThreadInfo, generation: int) -> float:
    """Sum of the squared weights that a generation's codes got; 0 where none had a score."""
    rows = reader.scores
    mine = (rows.thread_id == thread.thread_id) & (rows.generation == generation)
    sign = 1.0 if thread.direction == "maximise" else -1.0
    scores = sign * rows.told_score[mine & (rows.kind == "generated")]
    valid = np.isfinite(scores)
    if not valid.any():
        return 0.0
    weights = rank_weights(max(1, min(len(scores) // 2, int(valid.sum()))))
    return float(np.square(share_by_rank(scores, valid, weights)).sum())


def _reliability(reader: LogReader, thread: ThreadInfo) -> Reliability | None:
    shown, rule, images = reader.presentations, reader.rule, reader.images
    mine = (images.thread_id == thread.thread_id) & (images.kind == "generated")
    generation_of = dict(zip(images.image_id[mine], images.generation[mine], strict=True))
    chosen = np.flatnonzero(
        (shown.outcome == "completed")
        & np.isin(shown.image_id, images.image_id[mine])
        & (shown.x_deg == thread.position_deg[0])
        & (shown.y_deg == thread.position_deg[1])
        & (shown.size_deg == thread.size_deg)
    )
    columns = driver_columns(reader.unit_ids, thread.driver_unit_ids)
    if rule.response_window_s is None:
        rows = reader.reported
        table = ReportedTable(
            rows.presentation_id, tuple(rows.file), tuple(rows.file_sha256), rows.rates
        )
        rates = rates_of(shown.presentation_id[chosen], table, len(reader.unit_ids))[:, columns]
    else:
        rates = _rates(shown.response_counts[chosen][:, columns], rule.response_window_s)
        if rule.baseline_mode == "presentation" and rule.baseline_window_s is not None:
            rates -= _rates(shown.baseline_counts[chosen][:, columns], rule.baseline_window_s)
    image_ids = shown.image_id[chosen]
    generations: Ints = np.array([generation_of[i] for i in image_ids.tolist()], dtype=np.int64)
    return reliability(rates.mean(axis=1), image_ids, generations)


def _rates(counts: Counts, window_s: Window) -> Floats:
    rates: Floats = counts / (window_s[1] - window_s[0])
    return rates


def _rate_sentence(found: ThreadDiagnostics) -> str:
    rate, gain = found.rate, found.rate.gain
    if math.isnan(gain.value):
        return f"cannot be judged, {rate.verdict}"
    meant = "as it was meant to" if rate.achieved(found.direction) else "so no success is shown"
    drift = f"; these end at {rate.drift:.2f} of their first" if math.isfinite(rate.drift) else ""
    return (
        f"{rate.verdict}, {meant}: {gain.value:+.1f} spikes/s beyond the drift of the references "
        f"(95 % interval {gain.low:+.1f} to {gain.high:+.1f}{drift})"
    )


def _shares(shares: tuple[float, ...]) -> str:
    return ", ".join(f"{share:.3f}".removeprefix("0") for share in shares)
