"""The test of success against SciPy, and what it says of drift, silence and missing scores.

How often it is wrong on thousands of sessions is tested in tests/bench/test_false_positives.py.
"""

import math

import numpy as np
import pytest
from scipy.stats import t as student_t
from scipy.stats import ttest_1samp, ttest_ind

from sessions.analysis.success import success_test, walk_variance
from sessions.records import Floats, Ints

GENERATIONS = np.repeat(np.arange(12), 40)


def _session(
    course_hz: Floats, drift: Floats, seed: int, reference_hz: float = 40.0
) -> tuple[Floats, Ints, Floats]:
    """Scores of 40 images and ten references in each of twelve generations, with noise."""
    rng = np.random.default_rng(seed)
    evolved = np.repeat(course_hz * drift, 40) + rng.normal(0, 15, 480)
    rates = reference_hz * np.linspace(0.6, 1.4, 10)
    return evolved, GENERATIONS, rates[:, None] * drift + rng.normal(0, 12, (10, 12))


def test_the_naive_test_is_students_and_that_above_references_is_welchs() -> None:
    evolved, generation, references = _session(np.linspace(40, 50, 12), np.ones(12), seed=1)
    found = success_test(evolved, generation, references)
    first, last = evolved[:80], evolved[-80:]
    told = ttest_ind(last, first)
    interval = told.confidence_interval(0.95)
    assert (found.naive.p, found.naive.df) == pytest.approx((told.pvalue, told.df))
    assert (found.naive.low, found.naive.high) == pytest.approx((interval.low, interval.high))
    beside = ttest_ind(last, references[:, -2:].mean(axis=1), equal_var=False)
    assert found.above_references.p == pytest.approx(beside.pvalue)
    assert found.above_references.df == pytest.approx(beside.df)


def test_with_many_exact_images_it_is_a_paired_test_of_the_references() -> None:
    """Evolved images without noise leave u_j alone, which is then a sample of one mean."""
    evolved = np.repeat([50.0, 50.0, 60.0, 60.0], 40)
    rng = np.random.default_rng(2)
    references = rng.normal(40, 4, (10, 4))
    found = success_test(evolved, np.repeat(np.arange(4), 40), references)
    q, r = references[:, :2].mean(axis=1), references[:, 2:].mean(axis=1)
    told = ttest_1samp(60 * q - 50 * r, 0)
    assert found.removed == "factor"
    assert (found.beyond_drift.p, found.beyond_drift.df) == pytest.approx((told.pvalue, 9))
    assert found.drift == pytest.approx(r.mean() / q.mean())


def test_exact_references_leave_a_test_of_the_images_relative_to_them() -> None:
    evolved, generation, _ = _session(np.full(12, 60.0), np.ones(12), seed=3)
    references = np.ones((5, 12)) * np.where(np.arange(12) < 6, 40.0, 20.0)
    found = success_test(evolved, generation, references)
    # References answer half as much at last, so last scores count double.
    told = ttest_ind(2 * evolved[-80:], evolved[:80], equal_var=False)
    assert found.beyond_drift.p == pytest.approx(told.pvalue)
    assert found.beyond_drift.df == pytest.approx(told.df)


def test_drift_is_no_success_and_hides_none() -> None:
    falling = np.linspace(1.0, 0.6, 12)
    drifted = success_test(*_session(np.full(12, 60.0), falling, seed=4))
    assert drifted.naive.p < 1e-6
    assert drifted.beyond_drift.p > 0.05
    hidden = success_test(*_session(np.linspace(60, 100, 12), falling, seed=4))
    assert not hidden.naive.shown("maximise")
    assert hidden.succeeded("maximise")
    assert not hidden.succeeded("minimise")
    # At the mean responsiveness, .8, of 62 at first and 98 at last.
    assert hidden.beyond_drift.low < 0.8 * 36.4 < hidden.beyond_drift.high


def test_where_references_do_not_respond_their_change_is_subtracted() -> None:
    rng = np.random.default_rng(50)
    evolved, generation, _ = _session(np.full(12, 40.0), np.ones(12), seed=9)
    references = rng.normal(0, 3, (10, 12))
    found = success_test(evolved + 10.0 * (generation > 6), generation, references)
    assert found.removed == "difference"
    assert found.beyond_drift.low < 10 < found.beyond_drift.high
    changes = references[:, -2:].mean(axis=1) - references[:, :2].mean(axis=1)
    assert found.drift == pytest.approx(changes.mean())


def test_a_walk_that_is_allowed_for_makes_the_interval_wider() -> None:
    session = _session(np.linspace(60, 80, 12), np.ones(12), seed=6)
    plain, allowed = success_test(*session), success_test(*session, walk_variance=25.0)
    assert allowed.beyond_drift.value == plain.beyond_drift.value
    df = plain.beyond_drift.df
    error = (plain.beyond_drift.high - plain.beyond_drift.value) / student_t.ppf(0.975, df)
    total = error**2 + 25.0
    wider = allowed.beyond_drift
    assert wider.df == pytest.approx(total**2 * df / error**4)
    half = student_t.ppf(0.975, wider.df) * math.sqrt(total)
    assert wider.high - wider.value == pytest.approx(half)


def test_a_chance_walk_of_a_tuned_neuron_is_as_wide_as_told() -> None:
    rng = np.random.default_rng(7)
    weights = np.log(20.5) - np.log(np.arange(1, 21))
    weights /= weights.sum()
    steps = rng.standard_normal((4000, 30, 20)) @ weights
    told = walk_variance(0.3, 10.0, float(np.square(weights).sum()), 30)
    assert (3.0 * steps.sum(axis=1)).var() == pytest.approx(told, rel=0.07)


def test_too_little_is_no_test() -> None:
    evolved, generation, references = _session(np.linspace(60, 80, 12), np.ones(12), seed=8)
    alone = success_test(evolved, generation, np.full((10, 12), np.nan))
    assert alone.removed == "nothing"
    assert math.isnan(alone.beyond_drift.p)
    assert math.isnan(alone.above_references.p)
    assert alone.naive.p < 0.05
    assert not alone.succeeded("maximise")
    references[2:, :2] = np.nan
    assert success_test(evolved, generation, references).n_references == 2
    silent = success_test(np.zeros(480), generation, np.zeros((10, 12)))
    assert math.isnan(silent.beyond_drift.p)
    one = success_test(evolved[:40], generation[:40], references[:, :1])
    assert math.isnan(one.naive.p)
