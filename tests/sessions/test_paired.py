"""Paired statistics: against SciPy, statsmodels and all sign flips, and what must not matter."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ttest_rel
from statsmodels.stats.weightstats import DescrStatsW

from sessions.analysis.paired import FEW, Paired, compare_paired

FIRST = np.array([95.0, 80.0, 61.5, 120.0, 47.0, 58.0, 210.0, 33.0])
SECOND = np.array([60.0, 71.0, 64.0, 70.0, 22.0, 51.0, 140.0, 30.0])
RATES = arrays(np.float64, (2, 7), elements=st.integers(1, 4000).map(lambda n: n / 8))


def compared(first: np.ndarray, second: np.ndarray) -> Paired:
    return compare_paired(first, second, np.random.default_rng(0))


def test_the_t_test_is_that_of_scipy_and_its_interval_that_of_statsmodels() -> None:
    found = compared(FIRST, SECOND)
    told = ttest_rel(FIRST, SECOND)
    assert (found.t, found.p) == pytest.approx((told.statistic, told.pvalue))
    interval = DescrStatsW(FIRST - SECOND).tconfint_mean()
    assert (found.difference.low, found.difference.high) == pytest.approx(interval)
    assert (found.n, found.n_ahead) == (8, 7)


def test_signed_ranks_are_those_of_all_sign_flips() -> None:
    apart = FIRST - SECOND
    ranks = np.argsort(np.argsort(np.abs(apart))) + 1
    sums = [np.dot(flips, ranks) for flips in itertools.product((-1, 1), repeat=len(apart))]
    seen = abs(np.dot(np.sign(apart), ranks))
    assert compared(FIRST, SECOND).p_ranks == pytest.approx(np.mean(np.abs(sums) >= seen))


def test_fewer_pairs_than_six_are_never_significant_by_ranks_and_are_not_resampled() -> None:
    rising = np.arange(1.0, FEW + 1)
    few, enough = compared(rising[:-1], np.ones(FEW - 1)), compared(rising + 1, np.ones(FEW))
    assert few.p_ranks > 0.05 > enough.p_ranks
    for name in ("resampled", "ratio"):
        assert math.isnan(getattr(few, name).low)
        assert getattr(enough, name).low < getattr(enough, name).value


def test_the_bootstrap_interval_has_the_level_of_a_t_interval_for_few_pairs() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        first = rng.normal(50, 10, 8)
        found = compare_paired(first, first - rng.normal(5, 4, 8), rng)
        hits += found.resampled.low <= 5 <= found.resampled.high
    # Binomial: of 300 intervals at 95 % fewer than 271 hold once in a thousand times.
    assert hits >= 271


def test_a_pair_that_lacks_a_number_is_left_out() -> None:
    lacking = np.where(np.arange(8) == 2, math.nan, FIRST)
    assert compared(lacking, SECOND) == compared(np.delete(FIRST, 2), np.delete(SECOND, 2))


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_pairs_have_no_interval_and_no_test(n: int) -> None:
    found = compared(FIRST[:n], SECOND[:n])
    assert found.n == n
    unknown = (found.p, found.p_ranks, found.difference.low, found.resampled.low, found.ratio.low)
    assert all(math.isnan(value) for value in unknown)


def test_equal_conditions_have_no_test() -> None:
    found = compared(FIRST, FIRST)
    assert (found.n_ahead, found.difference.value, found.ratio.value) == (0, 0.0, 1.0)
    assert math.isnan(found.p)
    assert math.isnan(found.p_ranks)


def test_there_is_no_ratio_over_what_is_not_positive() -> None:
    assert math.isnan(compared(FIRST, -SECOND).ratio.value)


@settings(max_examples=30)
@given(RATES)
def test_swapping_the_conditions_flips_the_signs(rates: np.ndarray) -> None:
    one, other = compared(rates[0], rates[1]), compared(rates[1], rates[0])
    assert one.difference.value == -other.difference.value
    assert one.resampled.low == pytest.approx(-other.resampled.high, nan_ok=True)
    assert one.ratio.value == pytest.approx(1 / other.ratio.value)
    assert (one.p, one.p_ranks) == pytest.approx((other.p, other.p_ranks), nan_ok=True)


@settings(max_examples=30)
@given(RATES, st.permutations(range(7)))
def test_the_order_of_pairs_does_not_matter(rates: np.ndarray, order: list[int]) -> None:
    one, other = compared(*rates), compared(*rates[:, order])
    assert one.difference.value == pytest.approx(other.difference.value)
    assert (one.p, one.p_ranks) == pytest.approx((other.p, other.p_ranks), nan_ok=True)
