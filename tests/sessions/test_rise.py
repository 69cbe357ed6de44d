"""Smooth curves against statsmodels' filter, and times against curves that are known."""

import math

import numpy as np
import pytest
from statsmodels.tsa.filters.hp_filter import hpfilter
from statsmodels.tsa.statespace.structural import UnobservedComponents

from sessions.analysis.rise import LEVELS, rise, smooth, when


def test_the_curve_is_that_of_hodrick_and_prescott() -> None:
    rng = np.random.default_rng(0)
    mean = 30 * (1 - np.exp(-np.arange(25) / 6)) + rng.standard_normal(25)
    found = smooth(np.arange(25), mean, np.full(25, 40))
    _, trend = hpfilter(mean, lamb=found.penalty)
    np.testing.assert_allclose(found.curve, trend, rtol=1e-6)
    np.testing.assert_allclose(found.matrix @ mean, found.curve, rtol=1e-9)


def test_the_penalty_is_that_of_a_structural_model_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    mean = np.sin(np.arange(30) / 5) + 0.2 * rng.standard_normal(30)
    found = smooth(np.arange(30), mean, np.full(30, 1))
    model = UnobservedComponents(mean, "smooth trend", use_exact_diffuse=True)
    noise, bend = model.fit(disp=False).params
    # Penalties are tried in steps of a quarter.
    assert noise / bend / 1.3 < found.penalty < noise / bend * 1.3


def test_a_generation_without_scores_is_interpolated() -> None:
    generation = np.array([0, 1, 2, 4, 5, 6])
    found = smooth(generation, 3.0 * generation, np.full(6, 10))
    np.testing.assert_allclose(found.curve, 3.0 * np.arange(7), atol=1e-6)


def test_times_of_a_known_curve() -> None:
    line = np.arange(11.0)
    assert [when(line, level) for level in LEVELS] == pytest.approx([5, 6.321, 8.5])
    assert math.isnan(when(-line, 0.5))


@pytest.mark.parametrize("direction", ["maximise", "minimise"])
def test_an_exponential_rise_is_timed_within_its_interval(direction) -> None:
    rng = np.random.default_rng(2)
    generation = np.repeat(np.arange(40), 40)
    curve = 30 + 60 * (1 - np.exp(-generation / 8))
    score = (curve if direction == "maximise" else 200 - curve) + rng.normal(0, 15, generation.size)
    found = rise(score, generation, direction, rng)
    assert found is not None
    assert abs(found.rise) == pytest.approx(60 * (1 - math.exp(-39 / 8)), rel=0.1)
    assert (found.rise > 0) == (direction == "maximise")
    top = 1 - math.exp(-39 / 8)
    for reached in found.reached:
        true = -8 * math.log(1 - reached.level * top)
        assert reached.generations.value == pytest.approx(true, rel=0.2)
        assert reached.generations.low < reached.generations.high


def test_what_does_not_rise_has_no_time() -> None:
    generation = np.repeat(np.arange(10), 4)
    falling = rise(-1.0 * generation, generation, "maximise", np.random.default_rng(0))
    assert falling is not None
    assert all(math.isnan(each.generations.value) for each in falling.reached)
    assert rise(np.ones(4), np.arange(4), "maximise", np.random.default_rng(0)) is None
