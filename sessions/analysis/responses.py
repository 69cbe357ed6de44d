"""Spikes to counts, counts to scores: the one definition, used online and offline.

The controller scores a block with these functions, and every later recomputation calls the same
ones, so a logged score can be reproduced to the last bit. Nothing here knows where the arrays come
from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sessions.records import (
    NO_COUNT,
    BaselineMode,
    Counts,
    Floats,
    Ints,
    PresentationTable,
    ReferenceScores,
    ReportedTable,
    SessionStart,
    ThreadInfo,
    Window,
    no_reported,
)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ScoringRule:
    """What turns counts into a score; windows are half-open, in seconds from onset.

    `response_window_s` is None where the rig reports rates, which are scored as they are.
    `baseline_window_s` is None exactly when `baseline_mode` is "none".
    """

    response_window_s: Window | None
    baseline_window_s: Window | None
    baseline_mode: BaselineMode

    def __post_init__(self) -> None:
        if (self.baseline_window_s is None) != (self.baseline_mode == "none"):
            raise ValueError(
                f"baseline_mode is {self.baseline_mode!r} and baseline_window_s is "
                f"{self.baseline_window_s}; give a window exactly when a baseline is subtracted."
            )
        if self.response_window_s is None and self.baseline_mode != "none":
            raise ValueError("Nothing can be subtracted from rates as a rig reported them.")


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores `(n,)` in spikes/s, NaN where `n_valid` `(n,)` is 0; rows belong to `image_ids`."""

    image_ids: Ints
    scores: Floats
    n_valid: Ints


@dataclass(frozen=True, eq=False)
class Psth:
    """Mean firing rate `(bins,)` around onset; `edges_s` (bins + 1,), `sem_hz` over rows."""

    edges_s: Floats
    rate_hz: Floats
    sem_hz: Floats
    n_presentations: int


def count_spikes(
    spike_rig_s: Floats,
    spike_unit_ids: Ints,
    unit_ids: Ints | Sequence[int],
    onsets_rig_s: Floats,
    window_s: Window,
) -> Counts:
    """Count the spikes of each unit in a window after each onset.

    A spike at t counts for an onset exactly if `onset + a <= t < onset + b`, all in float64.

    Args:
        spike_rig_s: (k,) spike times on the rig clock, in any order.
        spike_unit_ids: (k,) the unit that fired each.
        unit_ids: (u,) the units to count, which is the order of the columns.
        onsets_rig_s: (p,) onsets on the rig clock; NaN where unknown.
        window_s: (a, b) from onset, a < b.

    Returns:
        (p, u) int32; a row of -1 where the onset is unknown, for no data is not 0 spikes.

    Raises:
        ValueError: the window is empty or reversed.

    """
    start_s, stop_s = _ordered(window_s)
    onsets = np.asarray(onsets_rig_s, dtype=np.float64)
    order = np.lexsort((spike_rig_s, spike_unit_ids))
    times = np.asarray(spike_rig_s, dtype=np.float64)[order]
    units = np.asarray(spike_unit_ids)[order]
    counts = np.empty((len(onsets), len(unit_ids)), dtype=np.int32)
    for column, unit_id in enumerate(unit_ids):
        first, last = np.searchsorted(units, (unit_id, unit_id + 1))
        mine = times[first:last]
        begins = np.searchsorted(mine, onsets + start_s, side="left")
        ends = np.searchsorted(mine, onsets + stop_s, side="left")
        counts[:, column] = ends - begins
    counts[np.isnan(onsets)] = NO_COUNT
    return counts


def score_images(
    image_ids: Ints,
    presented_image_ids: Ints,
    completed: Flags,
    response_counts: Counts,
    baseline_counts: Counts | None,
    rule: ScoringRule,
) -> Scores:
    """Score images by their mean evoked rate over completed presentations and driver units.

    With R and B the sums of integer counts over those presentations and all given columns, m the
    number of presentations, d of columns, [a, b) and [c, e) the response and baseline window, in
    float64 and in this order of operations:

        score = R / ((m * d) * (b - a)) - baseline
        baseline = 0                                    mode "none"
                   B / ((m * d) * (e - c))              mode "presentation"
                   B_all / ((m_all * d) * (e - c))      mode "block", over all completed rows

    Args:
        image_ids: (n,) the images to score.
        presented_image_ids: (p,) the image of each presentation of the block.
        completed: (p,) whether the presentation counts.
        response_counts: (p, d) counts of the driver units alone.
        baseline_counts: (p, d) likewise; may be None in mode "none".
        rule: windows and baseline mode.

    Returns:
        A score for each image; NaN with `n_valid` 0 where no presentation completed.

    Raises:
        ValueError: a completed presentation has no count, or a baseline is missing.

    """
    _require_counts(completed, response_counts)
    per_block = 0.0
    if rule.baseline_mode != "none":
        if baseline_counts is None:
            raise ValueError("A baseline is to be subtracted and no baseline counts were given.")
        _require_counts(completed, baseline_counts)
    if rule.baseline_mode == "block" and baseline_counts is not None and completed.any():
        per_block = _rate(baseline_counts[completed], rule.baseline_window_s)
    scores = np.full(len(image_ids), np.nan)
    n_valid = np.zeros(len(image_ids), dtype=np.int64)
    for row, image_id in enumerate(image_ids):
        chosen = completed & (presented_image_ids == image_id)
        n_valid[row] = np.count_nonzero(chosen)
        if not n_valid[row]:
            continue
        baseline = per_block
        if rule.baseline_mode == "presentation" and baseline_counts is not None:
            baseline = _rate(baseline_counts[chosen], rule.baseline_window_s)
        scores[row] = _rate(response_counts[chosen], rule.response_window_s) - baseline
    return Scores(np.asarray(image_ids, dtype=np.int64), scores, n_valid)


def score_reported(
    image_ids: Ints, presented_image_ids: Ints, completed: Flags, rates: Floats
) -> Scores:
    """Score images by the mean of what a rig reported, over presentations and driver units.

    The sum is exact and rounded once (Shewchuk 1997), so that no order of addition matters.

    Args:
        image_ids: (n,) the images to score.
        presented_image_ids: (p,) the image of each presentation of the block.
        completed: (p,) whether the presentation counts.
        rates: (p, d) as reported, of the driver units alone.

    Returns:
        A score for each image; NaN with `n_valid` 0 where no presentation completed.

    Raises:
        ValueError: a completed presentation has no rate.

    """
    if np.isnan(rates[completed]).any():
        raise ValueError("A completed presentation has no reported rate; no data is not 0.")
    scores = np.full(len(image_ids), np.nan)
    n_valid = np.zeros(len(image_ids), dtype=np.int64)
    for row, image_id in enumerate(image_ids):
        chosen = completed & (presented_image_ids == image_id)
        n_valid[row] = np.count_nonzero(chosen)
        if n_valid[row]:
            scores[row] = math.fsum(rates[chosen].ravel().tolist()) / rates[chosen].size
    return Scores(np.asarray(image_ids, dtype=np.int64), scores, n_valid)


def rates_of(presentation_ids: Ints, reported: ReportedTable, n_units: int) -> Floats:
    """Return what was reported of presentations `(p,)` as (p, u), NaN where nothing was."""
    rates = np.full((len(presentation_ids), n_units), np.nan)
    rows = {int(each): row for row, each in enumerate(reported.presentation_id)}
    for row, presentation_id in enumerate(presentation_ids.tolist()):
        if presentation_id in rows:
            rates[row] = reported.rates[rows[presentation_id]]
    return rates


def score_thread(
    thread: ThreadInfo,
    image_ids: Ints,
    presentations: PresentationTable,
    unit_ids: Ints | Sequence[int],
    rule: ScoringRule,
    reported: ReportedTable | None = None,
) -> Scores:
    """Score images of one block for one thread: its driver units, at its place and size.

    A presentation counts for an image if it completed and its `x_deg`, `y_deg` and `size_deg` are
    those of the thread; so does it for a reference image. The "block" baseline is taken over all
    completed presentations of the block, wherever they were.

    Args:
        thread: whose driver units and place are used.
        image_ids: (n,) images to score, generated or reference.
        presentations: all `p` presentations of the block.
        unit_ids: (u,) units in the column order of the counts.
        rule: windows and baseline mode.
        reported: what the rig reported, where the rule is to score that.

    Raises:
        ValueError: a driver unit has no column, or a completed presentation no count or rate.

    """
    columns = driver_columns(unit_ids, thread.driver_unit_ids)
    completed = np.array([outcome == "completed" for outcome in presentations.outcome], dtype=bool)
    here = (
        (presentations.x_deg == thread.position_deg[0])
        & (presentations.y_deg == thread.position_deg[1])
        & (presentations.size_deg == thread.size_deg)
    )
    # Elsewhere presentations stay in the block baseline, and match no image.
    presented = np.where(here, presentations.image_id, np.iinfo(np.int64).min)
    if rule.response_window_s is None:
        ids = presentations.presentation_id
        rates = rates_of(ids, reported or no_reported(), len(unit_ids))
        return score_reported(image_ids, presented, completed, rates[:, columns])
    return score_images(
        image_ids,
        presented,
        completed,
        presentations.response_counts[:, columns],
        None if rule.baseline_mode == "none" else presentations.baseline_counts[:, columns],
        rule,
    )


def score_references(
    start: SessionStart,
    presentations: PresentationTable,
    unit_ids: Sequence[int],
    rule: ScoringRule,
    reported: ReportedTable | None = None,
) -> ReferenceScores:
    """Score the reference images once for each thread, with its driver units at its place."""
    ids = start.references.image_ids
    scored = [
        (info, score_thread(info, ids, presentations, unit_ids, rule, reported))
        for info in start.threads
    ]
    empty = np.zeros(0, np.int64)
    return ReferenceScores(
        image_id=np.concatenate([empty, *(scores.image_ids for _, scores in scored)]),
        thread_id=np.concatenate(
            [empty, *(np.full(len(ids), info.thread_id) for info, _ in scored)]
        ),
        score=np.concatenate([np.zeros(0), *(scores.scores for _, scores in scored)]),
        n_valid=np.concatenate([empty, *(scores.n_valid for _, scores in scored)]),
    )


def driver_columns(unit_ids: Ints | Sequence[int], driver_unit_ids: Sequence[int]) -> Ints:
    """Columns `(d,)` of the driver units in arrays whose columns are `unit_ids` `(u,)`.

    Raises:
        ValueError: a driver unit is not among the units.

    """
    column_of = {int(unit_id): column for column, unit_id in enumerate(unit_ids)}
    missing = [unit_id for unit_id in driver_unit_ids if unit_id not in column_of]
    if missing:
        raise ValueError(
            f"Driver units {missing} were not recorded; choose among {list(column_of)}."
        )
    return np.array([column_of[unit_id] for unit_id in driver_unit_ids], dtype=np.int64)


def psth(
    spike_rig_s: Floats,
    spike_unit_ids: Ints,
    unit_ids: Ints | Sequence[int],
    onsets_rig_s: Floats,
    window_s: Window,
    bin_s: float,
) -> Psth:
    """Mean rate in bins after onset, over known onsets `(p,)` and the given units `(u,)`.

    Bins are half-open and start at the beginning of the window; a rest shorter than `bin_s` at its
    end is left out. Without onsets the rate is NaN.

    Raises:
        ValueError: the window is empty or holds no whole bin.

    """
    start_s, stop_s = _ordered(window_s)
    bins = math.floor((stop_s - start_s) / bin_s + 1e-9)
    if bins < 1:
        raise ValueError(f"A window of {stop_s - start_s} s holds no bin of {bin_s} s.")
    edges = np.asarray(start_s + bin_s * np.arange(bins + 1), dtype=np.float64)
    onsets = np.asarray(onsets_rig_s, dtype=np.float64)
    onsets = onsets[np.isfinite(onsets)]
    mine = np.sort(np.asarray(spike_rig_s)[np.isin(spike_unit_ids, np.asarray(unit_ids))])
    counts = np.diff(np.searchsorted(mine, onsets[:, None] + edges, side="left"), axis=1)
    rates = np.asarray(counts / (len(unit_ids) * bin_s), dtype=np.float64)
    n = len(onsets)
    unknown = np.full(bins, np.nan)
    mean: Floats = rates.mean(axis=0) if n else unknown
    sem: Floats = rates.std(axis=0, ddof=1) / math.sqrt(n) if n > 1 else unknown
    return Psth(edges, mean, sem, n)


def _rate(counts: Counts, window_s: Window | None) -> float:
    """Spikes/s of counts `(m, d)`: integers are summed first and divided once."""
    start_s, stop_s = _ordered(window_s or (0.0, 0.0))
    m, d = len(counts), counts[0].size
    total = int(counts.sum(dtype=np.int64))
    return float(total / ((m * d) * (stop_s - start_s)))


def _ordered(window_s: Window) -> Window:
    start_s, stop_s = window_s
    if not start_s < stop_s:
        raise ValueError(f"The window {window_s} is empty; its start must lie before its end.")
    return start_s, stop_s


def _require_counts(completed: Flags, counts: Counts) -> None:
    if (counts[completed] < 0).any():
        raise ValueError(
            "A completed presentation has no spike count; give it another outcome, "
            "no data is not 0 spikes."
        )
