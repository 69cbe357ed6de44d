"""Tests of significance for tables of a benchmark: t tests, and analysis of variance in two ways.

Each is written out from its formula; the tests compare them with scipy.stats, which takes half a
second to import. What is left out: which rows are compared (`controller.bench.statistics`). All
but the paired test take runs to be independent of each other, as the published tables do; runs on
one neuron are not, so their p is smaller than it should be. Intervals that are resampled by neuron
(`controller.bench.statistics`) do not have that fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from controller.bench.errors import BenchError
from controller.optimizers.base import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TTest:
    """Student's t, its degrees of freedom, and the two-sided p. All NaN where nothing varies."""

    t: float
    df: float
    p: float


@dataclass(frozen=True)
class Effect:
    """One line of an analysis of variance; `eta2` is its part of the whole sum of squares."""

    sum_of_squares: float
    df: int
    f: float
    p: float
    eta2: float


@dataclass(frozen=True)
class Anova:
    """Analysis of variance in two ways, with sums of squares of type II.

    first, second: each main effect beyond the other; interaction: beyond both.
    residual_ss, residual_df: within cells.
    """

    first: Effect
    second: Effect
    interaction: Effect
    residual_ss: float
    residual_df: int


def student_t(a: Floats, b: Floats) -> TTest:
    """Test mean a (n,) minus mean b (m,), both of one variance: what the 2022 tables report."""
    _require_two(a, b)
    df = a.size + b.size - 2
    pooled = (a.var(ddof=1) * (a.size - 1) + b.var(ddof=1) * (b.size - 1)) / df
    return _t_test(a.mean() - b.mean(), pooled * (1 / a.size + 1 / b.size), df)


def welch_t(a: Floats, b: Floats) -> TTest:
    """Test mean a (n,) minus mean b (m,), each of its own variance (Welch 1947)."""
    _require_two(a, b)
    parts = np.array([a.var(ddof=1) / a.size, b.var(ddof=1) / b.size])
    spread = parts**2 @ np.array([1 / (a.size - 1), 1 / (b.size - 1)])
    df = parts.sum() ** 2 / spread if spread else np.nan
    return _t_test(a.mean() - b.mean(), parts.sum(), df)


def paired_t(a: Floats, b: Floats) -> TTest:
    """Test the mean of a − b, both (n,) and in the same order of pairs."""
    if a.size != b.size:
        raise BenchError(f"{a.size} and {b.size} scores are no pairs")
    _require_two(a, b)
    difference = a - b
    return _t_test(difference.mean(), difference.var(ddof=1) / a.size, a.size - 1)


def two_way_anova(values: Floats, first: Sequence[str], second: Sequence[str]) -> Anova:
    """Analyse the variance of values (n,) by two labels of each; cells may differ in size.

    Raises:
        BenchError: a label is the same everywhere, a combination of labels has no value, or no
            combination has two.

    """
    a, b = _numbered(first), _numbered(second)
    n_a, n_b = int(a.max()) + 1, int(b.max()) + 1
    sizes = np.bincount(a * n_b + b, minlength=n_a * n_b)
    _require_cells(values, n_a, n_b, sizes)
    means = np.bincount(a * n_b + b, weights=values) / sizes
    # Sums of squares between cells need the cells alone, each weighed by its size.
    rows, columns = np.divmod(np.arange(n_a * n_b), n_b)
    in_a, in_b = np.eye(n_a)[rows], np.eye(n_b)[columns]
    rest_a = _rest(means, sizes, in_a)
    rest_b = _rest(means, sizes, in_b)
    rest_both = _rest(means, sizes, np.hstack([in_a, in_b]))
    total = float(np.square(values - values.mean()).sum())
    residual = float(np.square(values - means[a * n_b + b]).sum())
    df = values.size - n_a * n_b

    def effect(sum_of_squares: float, effect_df: int) -> Effect:
        f = sum_of_squares / effect_df / (residual / df) if residual > 0 else np.nan
        p = float(scipy.special.fdtrc(effect_df, df, f))
        return Effect(sum_of_squares, effect_df, float(f), p, sum_of_squares / total)

    return Anova(
        first=effect(max(rest_b - rest_both, 0.0), n_a - 1),
        second=effect(max(rest_a - rest_both, 0.0), n_b - 1),
        interaction=effect(rest_both, (n_a - 1) * (n_b - 1)),
        residual_ss=residual,
        residual_df=df,
    )


def _t_test(difference: float, variance: float, df: float) -> TTest:
    if not variance > 0:
        return TTest(np.nan, np.nan, np.nan)
    t = float(difference / np.sqrt(variance))
    return TTest(t, float(df), float(2 * scipy.special.stdtr(df, -abs(t))))


def _require_two(a: Floats, b: Floats) -> None:
    if min(a.size, b.size) < 2:
        raise BenchError("a t test needs two scores on either side; run more repeats or neurons")


def _require_cells(values: Floats, n_a: int, n_b: int, sizes: Ints) -> None:
    if min(n_a, n_b) < 2:
        raise BenchError("an analysis of variance in two ways needs two of either label")
    if not sizes.all() or values.size == sizes.size:
        raise BenchError(
            "an analysis of variance needs a score of every combination, and two of one at least; "
            "run what is missing"
        )


def _numbered(labels: Sequence[str]) -> Ints:
    numbers: Ints = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    return numbers


def _rest(means: Floats, sizes: Ints, design: Floats) -> float:
    """Sum of squares of cell means (c,) around their fit by design (c, k), weighed by size."""
    root = np.sqrt(sizes)
    fitted = np.linalg.lstsq(design * root[:, np.newaxis], means * root, rcond=None)[0]
    return float(sizes @ np.square(means - design @ fitted))
