"""Two conditions that each of several sessions had: how far they are apart, and how surely.

Sessions are the units: each gives one number for each condition, and what is resampled is
sessions. Which numbers these are is up to `sessions.comparing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.analysis.beside_nulls import tail_percent
from sessions.analysis.evolution import BOOTSTRAP_DRAWS, Interval
from sessions.records import Floats, Ints

FEW = 6
"""Below so many pairs the signed ranks cannot reach p < 0.05: 2 / 2**5 is 0.0625.

Five values can be resampled in 126 ways only, so there are no bootstrap intervals either.
"""


@dataclass(frozen=True)
class Paired:
    """Differences of `n` pairs, the first condition's minus the second's; NaN where too few.

    n_ahead: pairs in which the first is the larger one.
    first, second: means. difference: mean, with the 95 % interval of Student's t; t, p: two-sided.
    p_ranks: of Wilcoxon's signed ranks (1945), pairs without a difference left out.
    resampled: mean difference with the 95 % interval of the bootstrap.
    ratio: first mean over second, likewise; NaN unless both are positive.
    """

    n: int
    n_ahead: int
    first: float
    second: float
    difference: Interval
    t: float
    p: float
    p_ranks: float
    resampled: Interval
    ratio: Interval


def compare_paired(first: Floats, second: Floats, rng: np.random.Generator) -> Paired:
    """Compare two conditions over the pairs that have both.

    Bootstrap intervals are percentiles over resampled pairs, widened to those of Student's t for as
    few (Hesterberg 2015, expanded percentile interval); there are none below `FEW` pairs.

    Args:
        first: (n,) one number of each session under the first condition, NaN where missing.
        second: (n,) under the second one, in the same order.
        rng: for resampling.

    """
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    n = len(first)
    rows = rng.integers(max(n, 1), size=(BOOTSTRAP_DRAWS, n))
    apart = first - second
    difference, t, p = _student(apart)
    return Paired(
        n=n,
        n_ahead=int(np.count_nonzero(apart > 0)),
        first=_mean(first),
        second=_mean(second),
        difference=difference,
        t=t,
        p=p,
        p_ranks=_signed_ranks(apart),
        resampled=_expanded(_mean(apart), _means(apart, rows), n),
        ratio=_ratio(first, second, rows),
    )


def _student(apart: Floats) -> tuple[Interval, float, float]:
    n = len(apart)
    sem = float(apart.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    if not sem > 0:
        return Interval(_mean(apart), math.nan, math.nan), math.nan, math.nan
    value = float(apart.mean())
    half = float(scipy.special.stdtrit(n - 1, 0.975)) * sem
    t = value / sem
    p = 2.0 * float(scipy.special.stdtr(n - 1, -abs(t)))
    return Interval(value, value - half, value + half), t, p


def _signed_ranks(apart: Floats) -> float:
    known = apart[apart != 0]
    return float(scipy.stats.wilcoxon(known).pvalue) if len(known) > 1 else math.nan


def _ratio(first: Floats, second: Floats, rows: Ints) -> Interval:
    if not len(first) or min(first.mean(), second.mean()) <= 0:
        return Interval(math.nan, math.nan, math.nan)
    below = _means(second, rows)
    value = float(first.mean() / second.mean())
    # Where a resampling has no positive mean to divide by, there is no interval either.
    if not (below > 0).all():
        return Interval(value, math.nan, math.nan)
    return _expanded(value, _means(first, rows) / below, len(first))


def _expanded(value: float, draws: Floats, n: int) -> Interval:
    if n < FEW:
        return Interval(value, math.nan, math.nan)
    tail = tail_percent(n)
    low, high = np.percentile(draws, (tail, 100 - tail)).tolist()
    return Interval(value, low, high)


def _means(values: Floats, rows: Ints) -> Floats:
    """Mean of each resampling; of none where there are no values."""
    return values[rows].mean(axis=1) if len(values) else values


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
