"""How images were evolved, and how what came of it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sessions.analysis.evolution import BOOTSTRAP_DRAWS, FIRST_GENERATIONS, LAST_GENERATIONS
from sessions.lab_report.given import Given
from sessions.lab_report.methods.words import counted, listed, number
from sessions.reader import LogReader
from sessions.records import ThreadInfo
from sessions.storage import json_value


def search(reader: LogReader, given: Given) -> Iterator[str]:
    """Say which optimizer searched the codes of which generator, and with what settings."""
    n = len(reader.threads)
    if n > 1:
        yield f"{n} evolutions ran interleaved, one generation of each in every block."
    for thread in reader.threads:
        known = given.of(thread.thread_id)
        goal = "higher" if thread.direction == "maximise" else "lower"
        about = f": {known.about.rstrip('.')}" if known.about else ""
        cited = f" ({known.citation})" if known.citation else ""
        yield (
            f"Thread {thread.thread_id} ({thread.name}) searched codes of {thread.code_dim} "
            f"numbers for {goal} scores with the optimizer {_kind(thread)}{about}{cited}."
        )
        if told := _settings(thread):
            yield f"Its settings: {told}."
        provenance = thread.generator_provenance.rstrip(".")
        yield (
            f"Codes became images by the generator {thread.generator} (SHA-256 of its weights "
            f"{thread.generator_sha256[:16]}…)" + (f": {provenance}." if provenance else ".")
        )
    if reader.start.control == "shuffled":
        yield (
            "This was a shuffled control: within each generation the optimizer was told the scores "
            "of other images, so nothing should have evolved."
        )


def _kind(thread: ThreadInfo) -> str:
    return str(_table(thread).get("kind", thread.optimizer))


def _table(thread: ThreadInfo) -> Mapping[str, Any]:
    found = json_value(thread.optimizer_settings_json, "optimizer settings")
    return found if isinstance(found, Mapping) else {}


def _settings(thread: ThreadInfo) -> str:
    """Return what is set, without what is left to its default of nothing."""
    told = []
    for key, value in _table(thread).items():
        if key == "kind" or value is None:
            continue
        told.append(f"{key} = {_value(value)}")
    return ", ".join(told)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return listed(value)
    return value if isinstance(value, str) else repr(value)


def statistics(reader: LogReader, given: Given) -> Iterator[str]:
    """Say how intervals were made and what decides."""
    yield (
        f"The first {FIRST_GENERATIONS} and the last {LAST_GENERATIONS} generations are compared "
        "(fewer in a short session). Intervals are 95 %: of means by Student's t over scores, of "
        f"gains by a percentile bootstrap ({counted(BOOTSTRAP_DRAWS, 'draw')}; Efron & Tibshirani "
        "1993) over scores and, for drift, over whole references. SEM is the standard error over "
        "images."
    )
    yield (
        "An evolution is judged by its gain beyond the drift of the references alone: "
        "responsiveness drifts by a factor that evolved images and references share, and where "
        "references do not surely respond their change is subtracted instead."
    )
    yield (
        "Norms, steps and principal components of codes are shown beside random walks of the same "
        "step sizes, since a search on a dead channel gives the same."
    )
    if reader.start.rig_simulated:
        yield "All responses behind these numbers were simulated."
    if any(thread.no_drift for thread in given.threads.values()):
        reasons = [
            f"thread {thread_id}: {thread.no_drift}"
            for thread_id, thread in given.threads.items()
            if thread.no_drift
        ]
        yield f"No random walk by step size: {'; '.join(reasons)}."
