"""Spikes to counts, counts to scores, scores to what was told: computed a second time.

Written from the text of the log's reference page ("From spikes to a score") alone, one spike train
and one image at a time, in plain Python. It shares no line with `sessions.analysis.responses`, of
which it is there to doubt the results. The arithmetic is float64 in the same order, so scores must
agree to the last bit.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sessions.audit.block import LoggedBlock, listed, place_of
from sessions.audit.replies import reread
from sessions.records import ThreadInfo, Window

NOT_COUNTED = -1
UNHEARD = ("not_heard", "not_shown", "wrong_image")
MIN_DISTINCT_SCORES = 10
"""From so many distinct scores on, a shuffle that changes nothing is no chance (1 in 10!)."""

CountRows = list[list[int]]
"""Spikes of each unit, in the order of /units, for each presentation."""


@dataclass(frozen=True, eq=False)
class Recount:
    """Counts of all presentations of a block with a known onset; [] where it is unknown."""

    response: CountRows
    baseline: CountRows


CountColumn = Literal["response_counts", "baseline_counts"]
CountFault = Literal["unheard", "uncounted", "other"]


@dataclass(frozen=True)
class WrongCount:
    """Counts of one presentation that are there though nobody heard it, lacking, or others."""

    presentation_id: int
    image_id: int
    column: CountColumn
    fault: CountFault
    logged: list[int]
    counted: list[int]
    """What the spikes give; [] where the onset is unknown."""


@dataclass(frozen=True)
class WrongScore:
    """A score of one image with the driver units of one thread that the spikes do not give."""

    image_id: int
    thread_id: int
    kind: str
    logged: float
    expected: float
    logged_n_valid: int
    n_valid: int


@lru_cache(maxsize=1)
def recount(logged: LoggedBlock) -> Recount:
    """Count the spikes of a block again; the last block is remembered."""
    trains: dict[int, list[float]] = {unit.unit_id: [] for unit in logged.start.units}
    spikes = logged.rows.spikes
    for unit_id, time_s in zip(spikes.unit_id.tolist(), spikes.rig_time_s.tolist(), strict=True):
        # A spike of a unit that is not in /units belongs to no column.
        if unit_id in trains:
            trains[unit_id].append(time_s)
    sorted_trains = [sorted(train) for train in trains.values()]
    onsets = logged.rows.presentations.onset_rig_s.tolist()

    def counted(window_s: Window | None) -> CountRows:
        if window_s is None:
            return [[] for _ in onsets]
        return [_in_window(sorted_trains, onset, *window_s) for onset in onsets]

    return Recount(counted(logged.start.response_window_s), counted(logged.start.baseline_window_s))


def wrong_counts(logged: LoggedBlock) -> Iterator[WrongCount]:
    """Find counts that the spikes do not give, and counts of what nobody heard."""
    shown, start, again = logged.rows.presentations, logged.start, recount(logged)
    columns: tuple[tuple[CountColumn, CountRows, CountRows, Window | None], ...] = (
        (
            "response_counts",
            shown.response_counts.tolist(),
            again.response,
            start.response_window_s,
        ),
        (
            "baseline_counts",
            shown.baseline_counts.tolist(),
            again.baseline,
            start.baseline_window_s,
        ),
    )
    none = [NOT_COUNTED] * len(start.units)
    names = (shown.presentation_id.tolist(), shown.image_id.tolist(), shown.outcome.tolist())
    for name, stored, counted, window in columns:
        for row, (presentation_id, image_id, outcome) in enumerate(zip(*names, strict=True)):
            fault: CountFault
            if outcome in UNHEARD or window is None:
                if stored[row] == none:
                    continue
                fault = "unheard"
            elif outcome == "completed" and NOT_COUNTED in stored[row]:
                fault = "uncounted"
            elif stored[row] != counted[row] and stored[row] != none:
                fault = "other"
            else:
                continue
            yield WrongCount(presentation_id, image_id, name, fault, stored[row], counted[row])


def counts_differ(logged: LoggedBlock) -> Iterator[str]:
    """Tell which counts are wrong."""
    wrong: dict[tuple[str, str], list[int]] = {}
    for found in wrong_counts(logged):
        wrong.setdefault((found.column, found.fault), []).append(found.presentation_id)
    for name in ("response_counts", "baseline_counts"):
        if ids := wrong.get((name, "unheard")):
            yield f"presentations {listed(ids)} were not heard, yet have {name}"
        if ids := wrong.get((name, "uncounted")):
            yield f"presentations {listed(ids)} completed without {name}"
        if ids := wrong.get((name, "other")):
            yield f"{name} of presentations {listed(ids)} are not what the spikes give"


def wrong_scores(logged: LoggedBlock) -> Iterator[WrongScore]:
    """Find scores that are not, to the last bit, what the spikes give, and a wrong n_valid."""
    scores, again = logged.rows.scores, recount(logged)
    threads = {thread.thread_id: thread for thread in logged.start.threads}
    completed: dict[int, list[int]] = {}
    shown = logged.rows.presentations
    for row, (image_id, outcome) in enumerate(
        zip(shown.image_id.tolist(), shown.outcome.tolist(), strict=True)
    ):
        if outcome == "completed":
            completed.setdefault(image_id, []).append(row)
    everything = [row for rows in completed.values() for row in rows]
    columns = (scores.image_id, scores.thread_id, scores.kind, scores.score, scores.n_valid)
    for image_id, thread_id, kind, score, n_valid in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        thread = threads[thread_id]
        mine = [
            row for row in completed.get(image_id, []) if logged.places[row] == place_of(thread)
        ]
        expected = _score(logged, again, thread, mine, everything)
        if n_valid != len(mine) or not equal(score, expected):
            yield WrongScore(image_id, thread_id, kind, score, expected, n_valid, len(mine))


def scores_differ(logged: LoggedBlock) -> Iterator[str]:
    """Tell which scores are wrong."""
    wrong: dict[tuple[int, str], list[int]] = {}
    for found in wrong_scores(logged):
        wrong.setdefault((found.thread_id, found.kind), []).append(found.image_id)
    for (thread_id, kind), image_ids in wrong.items():
        yield (
            f"scores of {kind} images {listed(image_ids)} of thread {thread_id} are not what the "
            "spikes give"
        )


def told_scores_differ(logged: LoggedBlock) -> Iterator[str]:
    """Find threads whose optimizer was told anything but its scores.

    In a shuffled control it must be the same scores in another order.
    """
    scores, shuffled = logged.rows.scores, logged.start.control == "shuffled"
    for thread in logged.start.threads:
        mine = (scores.thread_id == thread.thread_id) & (scores.kind == "generated")
        own, told = scores.score[mine].tolist(), scores.told_score[mine].tolist()
        ids = scores.image_id[mine].tolist()
        if shuffled:
            if _in_order(own) != _in_order(told):
                yield f"scores told to thread {thread.thread_id} are no permutation of its scores"
            elif _same(own, told) and len(set(own)) >= MIN_DISTINCT_SCORES:
                yield (
                    f"thread {thread.thread_id} of a shuffled control was told its own scores, "
                    "unshuffled"
                )
            continue
        wrong = [i for i, a, b in zip(ids, own, told, strict=True) if not equal(a, b)]
        if wrong:
            yield f"scores told to thread {thread.thread_id} for images {listed(wrong)} are others"


def _in_window(trains: list[list[float]], onset: float, begin: float, end: float) -> list[int]:
    """Spikes of each train with `onset + begin <= t < onset + end`."""
    if math.isnan(onset):
        return []
    return [bisect_left(train, onset + end) - bisect_left(train, onset + begin) for train in trains]


def _score(
    logged: LoggedBlock,
    again: Recount,
    thread: ThreadInfo,
    mine: list[int],
    all_completed: list[int],
) -> float:
    start = logged.start
    order = [unit.unit_id for unit in start.units]
    drivers = [order.index(unit_id) for unit_id in thread.driver_unit_ids]
    if not mine:
        return math.nan
    if start.response_window_s is None:
        rates = reread(logged)
        shown = logged.rows.presentations.presentation_id.tolist()
        values = [rates[shown[row]][driver] for row in mine for driver in drivers]
        return math.fsum(values) / len(values)
    score = _rate(again.response, mine, drivers, start.response_window_s)
    if start.baseline_window_s is None or start.baseline_mode == "none":
        return score
    rows = mine if start.baseline_mode == "presentation" else all_completed
    return score - _rate(again.baseline, rows, drivers, start.baseline_window_s)


def _rate(counts: CountRows, rows: list[int], drivers: list[int], window_s: Window) -> float:
    total = sum(counts[row][driver] for row in rows for driver in drivers)
    begin, end = window_s
    return total / ((len(rows) * len(drivers)) * (end - begin))


def equal(a: float, b: float) -> bool:
    """Whether two scores are the same; none is the same as none."""
    return a == b or (math.isnan(a) and math.isnan(b))


def _same(a: list[float], b: list[float]) -> bool:
    return all(equal(x, y) for x, y in zip(a, b, strict=True))


def _in_order(values: list[float]) -> tuple[list[float], int]:
    """Sorted values, and how many are missing: equal for two orders of the same values."""
    known = [value for value in values if not math.isnan(value)]
    return sorted(known), len(values) - len(known)
