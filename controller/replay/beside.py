"""A logged session and its rehearsal, figure by figure."""

from dataclasses import dataclass

import numpy as np

from sessions.reader import LogReader
from sessions.report import summary


@dataclass(frozen=True)
class Row:
    """One figure of both; None where a session does not have it."""

    name: str
    unit: str
    original: float | None
    rehearsal: float | None


def side_by_side(original: LogReader, rehearsal: LogReader) -> list[Row]:
    """Return what both came to, by thread and as a whole."""
    one, other = figures(original), figures(rehearsal)
    return [Row(*key, one.get(key), other.get(key)) for key in dict.fromkeys([*one, *other])]


def figures(reader: LogReader) -> dict[tuple[str, str], float]:
    """Return what a session came to, by the name and the unit of each figure."""
    found: dict[tuple[str, str], float] = {}
    told = summary(reader)
    for thread in told.threads:
        rate, name = "spikes/s", f"thread {thread.thread.thread_id}"
        evolution = thread.evolution
        found[f"{name} began at", rate] = evolution.first
        found[f"{name} ended at", rate] = evolution.last
        found[f"{name} gain", rate] = evolution.gain.value
        found[f"{name} references", rate] = evolution.reference
        found[f"{name} images without score", ""] = thread.missing_scores
    found["generations", ""] = told.generations_committed
    found["presentations", ""] = told.presentations
    found["completed presentations", "%"] = 100 * told.completed / max(told.presentations, 1)
    trials = reader.trials
    begun = np.isfinite(trials.acquired_host_s)
    if begun.any():
        found["correct trials", ""] = int(trials.completed.sum())
        found["of begun trials", "%"] = 100 * float(trials.completed[begun].mean())
        found["reward", "ml"] = float(trials.reward_ml.sum())
    flips = reader.presentations.flip_on_host_s
    if np.isfinite(flips).any():
        found["time at the screen", "min"] = float(np.nanmax(flips) - np.nanmin(flips)) / 60
    return {key: float(value) for key, value in found.items() if np.isfinite(value)}
