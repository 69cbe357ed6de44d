"""Two threads of a session: the difference of their last scores, against SciPy's Welch test."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from sessions.analysis.threads import compare_threads


def test_one_block_is_a_welch_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 8, 40), rng.normal(45, 3, 25)
    found = compare_threads(a, np.zeros(40, int), b, np.zeros(25, int))
    told = ttest_ind(a, b, equal_var=False)
    interval = told.confidence_interval(0.95)
    assert found.p == pytest.approx(told.pvalue)
    assert found.df == pytest.approx(told.df)
    assert (found.final.low, found.final.high) == pytest.approx((interval.low, interval.high))


def test_drift_that_both_share_makes_no_difference() -> None:
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(20), 40)
    drift = 100.0 * block
    a, b = drift + rng.normal(5, 8, 800), drift + rng.normal(0, 8, 800)
    found = compare_threads(a, block, b, block)
    assert found.final.low < 5 < found.final.high
    assert found.final.high - found.final.low < 8
    assert found.block.tolist() == list(range(20))
    assert found.final.value == pytest.approx(found.difference[-3:].mean())


def test_the_test_keeps_its_level() -> None:
    rng = np.random.default_rng(2)
    block = np.repeat(np.arange(3), 20)
    p = [
        compare_threads(rng.normal(0, 1, 60), block, rng.normal(0, 4, 60), block).p
        for _ in range(400)
    ]
    # Binomial: 400 tests at 5 % leave 9 to 34 once in a thousand times.
    assert 9 <= sum(value < 0.05 for value in p) <= 34


def test_blocks_without_scores_of_both_are_left_out() -> None:
    found = compare_threads(
        np.array([1.0, 2.0, 3.0, math.nan]),
        np.array([0, 0, 1, 1]),
        np.array([1.0, 2.0]),
        np.array([1, 1]),
    )
    assert found.block.size == 0
    assert math.isnan(found.p)
