"""Did the evolution work: score curves, gains with their uncertainty, and a test of success.

Code-space pictures are left out on purpose: a growing code norm or a smooth path in the first
principal components appears without any selection as well. Rate against interleaved references is
the evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sessions.records import Direction, Floats, Ints

FIRST_GENERATIONS = 2
LAST_GENERATIONS = 3
"""Generations pooled at either end, fewer in a short run."""

BOOTSTRAP_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """Scores of one thread by generation, all arrays `(g,)` in spikes/s; NaN where undefined."""

    generation: Ints
    evolved_mean: Floats
    evolved_sem: Floats
    evolved_max: Floats
    n_scored: Ints
    reference_mean: Floats
    reference_sem: Floats


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % bootstrap interval; all NaN when there are too few scores."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evolution:
    """What one thread reached, in spikes/s; `first`, `last` and `reference` are pooled means.

    `gain` is last minus first, `ratio` is last over first, `over_reference` is last minus the
    references of the same generations.
    """

    first: float
    last: float
    reference: float
    gain: Interval
    ratio: float
    over_reference: Interval
    beyond_references: bool


def score_curve(
    evolved: Floats, generation: Ints, reference: Floats, reference_generation: Ints
) -> ScoreCurve:
    """Mean, standard error and best score in each generation; missing scores are left out.

    Args:
        evolved: (n,) scores of generated images of one thread, NaN where missing.
        generation: (n,) their generations.
        reference: (r,) scores of reference images for that thread.
        reference_generation: (r,) the generation with which each was shown.

    """
    generations = np.unique(generation)
    made = [describe(evolved[generation == g]) for g in generations]
    shown = [describe(reference[reference_generation == g]) for g in generations]
    table = np.array(made, dtype=np.float64).reshape(-1, 4)
    other = np.array(shown, dtype=np.float64).reshape(-1, 4)
    return ScoreCurve(
        generation=generations.astype(np.int64),
        evolved_mean=table[:, 0],
        evolved_sem=table[:, 1],
        evolved_max=table[:, 2],
        n_scored=table[:, 3].astype(np.int64),
        reference_mean=other[:, 0],
        reference_sem=other[:, 1],
    )


def ends(generation: Ints) -> tuple[Ints, Ints]:
    """Return the first and the last generations to compare, which never overlap."""
    generations = np.unique(generation)
    n_first = min(FIRST_GENERATIONS, len(generations) // 2)
    n_last = min(LAST_GENERATIONS, len(generations) - n_first)
    return generations[:n_first], generations[len(generations) - n_last :]


def judge_evolution(
    evolved: Floats,
    generation: Ints,
    reference: Floats,
    reference_generation: Ints,
    direction: Direction,
    rng: np.random.Generator,
) -> Evolution:
    """Compare the last generations with the first ones and with their references.

    A thread went beyond its references when both 95 % intervals lie beyond zero in its direction.
    Drift, which images evolved and references share, is not taken out here: see
    `sessions.analysis.beside_nulls.beyond_drift`. Arguments as in `score_curve`.
    """
    first_ids, last_ids = ends(generation)
    first = _known(evolved[np.isin(generation, first_ids)])
    last = _known(evolved[np.isin(generation, last_ids)])
    shown = _known(reference[np.isin(reference_generation, last_ids)])
    gain = difference_of_means(last, first, rng)
    over_reference = difference_of_means(last, shown, rng)
    first_mean, last_mean = _mean(first), _mean(last)
    return Evolution(
        first=first_mean,
        last=last_mean,
        reference=_mean(shown),
        gain=gain,
        ratio=last_mean / first_mean if first_mean > 0 else math.nan,
        over_reference=over_reference,
        beyond_references=_beyond_zero(gain, direction) and _beyond_zero(over_reference, direction),
    )


def difference_of_means(a: Floats, b: Floats, rng: np.random.Generator) -> Interval:
    """Mean of `a` `(n,)` minus mean of `b` `(m,)` with its 95 % percentile bootstrap interval.

    Each group is resampled with replacement (Efron & Tibshirani 1993, ch. 13). NaN below two
    values in a group.
    """
    if len(a) < 2 or len(b) < 2:
        return Interval(math.nan, math.nan, math.nan)
    draws = _resampled_means(a, rng) - _resampled_means(b, rng)
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(a.mean() - b.mean()), float(low), float(high))


def _resampled_means(values: Floats, rng: np.random.Generator) -> Floats:
    rows = rng.integers(len(values), size=(BOOTSTRAP_DRAWS, len(values)))
    means: Floats = values[rows].mean(axis=1)
    return means


def _beyond_zero(interval: Interval, direction: Direction) -> bool:
    return interval.low > 0 if direction == "maximise" else interval.high < 0


def _known(values: Floats) -> Floats:
    known: npt.NDArray[np.float64] = values[np.isfinite(values)]
    return known


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def describe(values: Floats) -> tuple[float, float, float, int]:
    """Mean, standard error, maximum and number of the values that are known."""
    known = _known(values)
    n = len(known)
    if not n:
        return math.nan, math.nan, math.nan, 0
    sem = float(known.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(known.mean()), sem, float(known.max()), n
