"""How the session went, what was left out, and which software did it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sessions.lab_report.config import LoggedConfig
from sessions.lab_report.given import Given
from sessions.lab_report.methods.words import counted, duration, listed, number
from sessions.reader import LogReader


def course(reader: LogReader, config: LoggedConfig) -> Iterator[str]:
    """Say when it was, how long it took, how it ended, and what was excluded."""
    start, end = reader.start, reader.end
    virtual = start.time == "virtual"
    yield f"The session {start.session_id} began at {_clock(start.started_at)}" + (
        ", in virtual time: it did not wait for a screen." if virtual else "."
    )
    n_blocks = reader.generations_committed
    timing = reader.timing
    took = f", shown in {duration(float(np.nansum(timing.total)))}" if len(timing.total) else ""
    yield f"Its log holds {counted(n_blocks, 'generation')} of each thread{took}."
    yield from _stopping(config)
    if end is None:
        yield "It has no end in its log: it was still running, or was cut off."
    else:
        words = {"success": "ended well", "abort": "was stopped", "fail": "failed"}
        yield f"It {words[end.exit_status]} at {_clock(end.ended_at)}: {end.reason.rstrip('.')}."
    yield from _excluded(reader)
    if start.lineage is not None:
        yield (
            f"It is a branch: its first generation is generation {start.lineage.generation} of "
            f"session {start.lineage.session_id}."
        )


def _stopping(config: LoggedConfig) -> Iterator[str]:
    rules = []
    if generations := config.number("stopping", "max_generations"):
        rules.append(f"{generations:.0f} generations")
    if minutes := config.number("stopping", "max_minutes"):
        rules.append(f"{number(minutes)} min")
    if rules:
        yield f"It was to end after {' or '.join(rules)}."


def _excluded(reader: LogReader) -> Iterator[str]:
    shown = reader.presentations
    n = len(shown.outcome)
    if not n:
        return
    outcomes, counts = np.unique(shown.outcome, return_counts=True)
    other = [
        f"“{outcome.replace('_', ' ')}” {count}"
        for outcome, count in zip(outcomes.tolist(), counts.tolist(), strict=True)
        if outcome != "completed"
    ]
    completed = int(np.count_nonzero(shown.outcome == "completed"))
    yield f"Of {counted(n, 'presentation')}, {completed} completed and were scored" + (
        f"; the others, which are not: {listed(other)}." if other else "."
    )
    scores = reader.scores
    missing = int(np.count_nonzero((scores.kind == "generated") & np.isnan(scores.score)))
    if missing:
        yield f"{counted(missing, 'generated image')} stayed without a score."


def software(reader: LogReader, given: Given) -> Iterator[str]:
    """Say with what the session and this page were made."""
    start = reader.start
    versions = [f"{name} {version}" for name, version in sorted(start.versions.items())]
    if versions:
        yield f"Session: {listed(versions, most=30)}."
    yield (
        f"Seed of all random numbers: {start.seed}. Log: schema version {reader.schema_version}. "
        f"This page: {given.made_by}."
    )


def _clock(stamp: str) -> str:
    """Return an ISO 8601 time as a person writes it, with its zone."""
    date, _, rest = stamp.partition("T")
    return f"{rest[:8]}{rest[8:].lstrip('.0123456789')} on {date}" if rest else stamp
