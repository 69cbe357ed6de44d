"""What a session came to: numbers, plain sentences, and one figure.

Says nothing that the log does not hold; the drawing itself is in `sessions.figure`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from sessions.analysis.beside_nulls import BeyondDrift, beyond_drift
from sessions.analysis.evolution import Evolution, ScoreCurve, judge_evolution, score_curve
from sessions.reader import LogReader
from sessions.records import NO_THREAD, TIMING_STAGES, ThreadInfo

_BOOTSTRAP_SEED = 0
"""Fixed, so that the same log always gives the same interval."""


@dataclass(frozen=True)
class ThreadSummary:
    """What one evolution thread came to; rates are in spikes/s."""

    thread: ThreadInfo
    generations: int
    images: int
    missing_scores: int
    best_score: float
    best_image_id: int
    evolution: Evolution
    rate: BeyondDrift
    succeeded: bool
    """Whether images drove the neuron beyond its references, and beyond what these share."""


@dataclass(frozen=True)
class Summary:
    """What a session came to; `time_split_s` maps stages to seconds over the whole session.

    `exit_status` is "" while the session is live or when it was cut off.
    """

    session_id: str
    subject_id: str
    time: str
    rig_simulated: bool
    display_label: str
    control: str
    exit_status: str
    reason: str
    started_at: str
    """ISO 8601 with zone."""
    ended_at: str
    """Likewise; where the session has no end, that of its last block; empty without any."""
    duration_s: float
    """From start to end by the clock on the wall; NaN where either is unknown."""
    trials: int
    """Times that a fixation spot came on; 0 in a session without fixation."""
    correct_trials: int
    """Those of them in which fixation was held to the end."""
    generations_committed: int
    presentations: int
    completed: int
    outcome_counts: dict[str, int]
    spikes: int
    time_split_s: dict[str, float]
    audit: str
    """What the audit beside the session came to; empty where there was none, or not yet."""
    alarms: int
    """Differences that it found."""
    threads: tuple[ThreadSummary, ...]


def summary(reader: LogReader) -> Summary:
    """Summarise the committed part of a session."""
    start, end = reader.start, reader.end
    outcomes, counts = np.unique(reader.presentations.outcome, return_counts=True)
    outcome_counts = dict(zip(outcomes.tolist(), counts.tolist(), strict=True))
    timing, events = reader.timing, reader.events
    spent = {stage: float(np.nansum(getattr(timing, stage))) for stage in TIMING_STAGES}
    return Summary(
        session_id=start.session_id,
        subject_id=start.subject_id,
        time=start.time,
        rig_simulated=start.rig_simulated,
        display_label=start.display_label,
        control=start.control,
        exit_status=end.exit_status if end else "",
        reason=end.reason if end else "",
        started_at=start.started_at,
        ended_at=ended_at(reader),
        duration_s=duration_s(reader),
        trials=len(reader.trials.trial_id),
        correct_trials=int(np.count_nonzero(reader.trials.completed)),
        generations_committed=reader.generations_committed,
        presentations=len(reader.presentations.presentation_id),
        completed=outcome_counts.get("completed", 0),
        outcome_counts=outcome_counts,
        spikes=len(reader.spikes.unit_id),
        time_split_s={stage: value for stage, value in spent.items() if value},
        audit=next((str(text) for text in reversed(events.text[events.kind == "audit"])), ""),
        alarms=int(np.count_nonzero(events.kind == "audit alarm")),
        threads=tuple(_thread_summary(reader, thread) for thread in start.threads),
    )


def thread_curve(reader: LogReader, thread_id: int) -> ScoreCurve:
    """Score curve of one thread, with the references scored for it."""
    scores = reader.scores
    mine = scores.thread_id == thread_id
    made, shown = mine & (scores.kind == "generated"), mine & (scores.kind == "reference")
    return score_curve(
        scores.score[made],
        scores.generation[made],
        scores.score[shown],
        scores.generation[shown],
    )


def thread_rate(reader: LogReader, thread: ThreadInfo) -> BeyondDrift:
    """Change of one thread's scores beyond the drift of the references that were scored for it."""
    scores = reader.scores
    mine = scores.thread_id == thread.thread_id
    made, shown = mine & (scores.kind == "generated"), mine & (scores.kind == "reference")
    generations = np.unique(scores.generation[made])
    images = np.unique(scores.image_id[shown])
    references = np.full((len(images), len(generations)), np.nan)
    for row in np.flatnonzero(shown):
        column = np.flatnonzero(generations == scores.generation[row])
        references[np.searchsorted(images, scores.image_id[row]), column] = scores.score[row]
    return beyond_drift(
        scores.score[made], scores.generation[made], references, _bootstrap_rng(thread, 1)
    )


def _bootstrap_rng(thread: ThreadInfo, *which: int) -> np.random.Generator:
    seeds = np.random.SeedSequence(_BOOTSTRAP_SEED, spawn_key=(thread.thread_id, *which))
    return np.random.default_rng(seeds)


def _thread_summary(reader: LogReader, thread: ThreadInfo) -> ThreadSummary:
    scores = reader.scores
    mine = scores.thread_id == thread.thread_id
    made, shown = mine & (scores.kind == "generated"), mine & (scores.kind == "reference")
    values = scores.score[made]
    sign = 1.0 if thread.direction == "maximise" else -1.0
    known = np.isfinite(values)
    best = int(np.nanargmax(sign * values)) if known.any() else -1
    evolution = judge_evolution(
        values,
        scores.generation[made],
        scores.score[shown],
        scores.generation[shown],
        thread.direction,
        _bootstrap_rng(thread),
    )
    rate = thread_rate(reader, thread)
    return ThreadSummary(
        thread=thread,
        generations=len(np.unique(scores.generation[made])),
        images=len(values),
        missing_scores=int(np.count_nonzero(~known)),
        best_score=float(values[best]) if known.any() else math.nan,
        best_image_id=int(scores.image_id[made][best]) if known.any() else NO_THREAD,
        evolution=evolution,
        rate=rate,
        succeeded=evolution.beyond_references and rate.achieved(thread.direction),
    )


def summary_sentences(found: Summary) -> list[str]:
    """Say in plain words what a session came to, one sentence to an item."""
    sentences = [_headline(found), *_when(found)]
    sentences += [_thread_sentence(thread) for thread in found.threads]
    others = {name: n for name, n in found.outcome_counts.items() if name != "completed"}
    told = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(others.items()))
    sentences.append(
        f"{found.completed} of {found.presentations} presentations completed"
        + (f" ({told})." if told else ".")
    )
    total = found.time_split_s.get("total", 0.0)
    if total:
        split = sorted(
            ((s, stage) for stage, s in found.time_split_s.items() if stage != "total"),
            reverse=True,
        )
        told = ", ".join(f"{stage} {100 * s / total:.0f} %" for s, stage in split[:3])
        sentences.append(f"The blocks took {_duration(total)}" + (f": {told}." if told else "."))
    if found.audit:
        sentences.append(f"{found.audit[0].upper()}{found.audit[1:]}.")
    if found.control == "shuffled":
        sentences.append(
            "This is a control: every optimizer was told the scores of other images, so nothing "
            "should have evolved."
        )
    return sentences


def draw_summary(reader: LogReader, path: Path | str) -> None:
    """Draw the figure of a session into an image file; its ending names the format (png, pdf)."""
    # Imported here because drawing is slow to load and most callers only read numbers.
    with _without_help_texts():
        from sessions.figure import draw

    draw(reader, summary(reader), Path(path))


@contextmanager
def _without_help_texts() -> Iterator[None]:
    """Import matplotlib in two thirds of the time: it writes the help texts of all its classes."""
    import matplotlib.artist

    kwdoc = matplotlib.artist.kwdoc
    matplotlib.artist.kwdoc = lambda _: ""  # type: ignore[assignment]  # called by position
    try:
        yield
    finally:
        matplotlib.artist.kwdoc = kwdoc


def _headline(found: Summary) -> str:
    kind = "simulated neurons" if found.rig_simulated else f"subject {found.subject_id}"
    if found.exit_status:
        words = {"success": "ended well", "abort": "was stopped", "fail": "failed"}
        ending = f"{words[found.exit_status]}: {found.reason.rstrip('.')}"
    else:
        ending = "has no end in its log: it is still running, or was cut off"
    n = found.generations_committed
    return (
        f"Session {found.session_id} ({kind}) {ending}; {n} "
        f"{'generation is' if n == 1 else 'generations are'} in the log."
    )


def _when(found: Summary) -> list[str]:
    """Say when it was, how long it took, and how many trials were correct."""
    told = f"It began at {found.started_at}"
    if math.isfinite(found.duration_s):
        told += f" and took {_duration(found.duration_s)} by the clock on the wall"
    if found.trials:
        told += f"; {found.correct_trials} of {found.trials} trials were correct"
    return [f"{told}."]


def ended_at(reader: LogReader) -> str:
    """Return when the session ended, or its last block where it has no end; "" without a block."""
    walls = reader.generations.ended_wall
    last = str(walls[-1]) if len(walls) else ""
    return reader.end.ended_at if reader.end else last


def duration_s(reader: LogReader) -> float:
    """Return how long the session took until it `ended_at`; NaN where that is not known."""
    try:
        began = datetime.fromisoformat(reader.start.started_at)
        ended = datetime.fromisoformat(ended_at(reader))
        return (ended - began).total_seconds()
    except (ValueError, TypeError):
        # An empty text, or one moment with a zone and one without.
        return math.nan


def _thread_sentence(found: ThreadSummary) -> str:
    name = f"Thread {found.thread.thread_id} ({found.thread.name})"
    evolution = found.evolution
    if math.isnan(evolution.gain.value):
        return f"{name} has too few scores to say whether images evolved."
    verdict = "The evolution succeeded" if found.succeeded else "No success is shown"
    if evolution.beyond_references and not found.succeeded:
        verdict += " beyond the drift of the references"
    gain, over = evolution.gain, evolution.over_reference
    compared = (
        f"reference images {evolution.reference:.1f}, so the evolved ones are "
        f"{abs(over.value):.1f} {'above' if over.value > 0 else 'below'} them "
        f"(95 % interval {over.low:+.1f} to {over.high:+.1f})"
        if math.isfinite(over.value)
        else "and there are no reference images to compare with"
    )
    return (
        f"{name}: evolved images began at {evolution.first:.1f} and ended at {evolution.last:.1f} "
        f"spikes/s, a gain of {gain.value:+.1f} (95 % interval {gain.low:+.1f} to "
        f"{gain.high:+.1f}); {compared}. {verdict}."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
