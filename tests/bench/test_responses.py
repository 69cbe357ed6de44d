"""Responses are noise-free rates with exactly the noise, drift and gaps that a condition names."""

from dataclasses import replace

import numpy as np
import pytest

from controller.bench.conditions import NOISE_LEVELS, VIOLATIONS, condition_of
from controller.bench.responses import Conditions, Moment, Noise, responses

RATES = np.full(20_000, 20.0)
NOW = Moment(seed=1, neuron="linear-1", generation=4, progress=0.5)


def test_without_noise_a_response_is_the_rate() -> None:
    scores, n_valid = responses(RATES, Conditions(), NOW)
    assert np.array_equal(scores, RATES)
    assert (n_valid == 1).all()


@pytest.mark.parametrize(("noise", "part"), [("gain_0.2", 0.2), ("gain_0.5", 0.5)])
def test_noise_of_the_2022_study_is_proportional_and_never_negative(
    noise: Noise, part: float
) -> None:
    scores, _ = responses(RATES, Conditions(noise=noise), NOW)
    draws = np.random.default_rng(0).standard_normal(1_000_000)
    expected = np.maximum(0, 1 + part * draws)
    assert scores.mean() == pytest.approx(20 * expected.mean(), rel=0.02)
    assert scores.std() == pytest.approx(20 * expected.std(), rel=0.02)
    assert scores.min() >= 0


@pytest.mark.parametrize("rate_hz", [0.0, 3.0, 20.0, 150.0])
def test_spike_counts_have_mean_and_variance_of_a_poisson_process(rate_hz: float) -> None:
    scores, _ = responses(np.full(20_000, rate_hz), Conditions(noise="poisson"), NOW)
    counts = scores * 0.15
    assert np.allclose(counts, counts.round())
    assert counts.mean() == pytest.approx(rate_hz * 0.15, rel=0.03)
    assert counts.var() == pytest.approx(rate_hz * 0.15, rel=0.04)


@pytest.mark.parametrize("noise", ["gain_0.5", "poisson"])
def test_noise_is_the_same_at_the_same_address_and_for_more_images(noise: Noise) -> None:
    conditions = Conditions(noise=noise, p_missing=0.3, p_silent=0.05)
    first, _ = responses(RATES[:40], conditions, NOW)
    more, _ = responses(RATES[:41], conditions, NOW)
    assert np.array_equal(first, more[:40], equal_nan=True)
    for other in (replace(NOW, generation=5), replace(NOW, neuron="x"), replace(NOW, seed=2)):
        assert not np.array_equal(first, responses(RATES[:40], conditions, other)[0])


def test_a_third_of_the_responses_is_lost_and_some_images_have_none() -> None:
    scores, n_valid = responses(RATES, condition_of("none+gaps"), NOW)
    assert np.isnan(scores).mean() == pytest.approx(0.30, abs=0.01)
    assert np.array_equal(np.isnan(scores), n_valid == 0)
    assert (scores == 0).mean() == pytest.approx(0.05 * 0.7, abs=0.005)


def test_drift_ends_a_fifth_lower_and_scatters_by_generation_alone() -> None:
    drift = condition_of("none+drift")
    ends = [
        responses(RATES[:40], drift, replace(NOW, generation=g, progress=1.0))[0]
        for g in range(2000)
    ]
    assert np.ptp(ends, axis=1).max() == 0
    gains = np.mean(ends, axis=1) / 20.0
    assert gains.mean() == pytest.approx(0.8, abs=0.01)
    assert gains.std() / gains.mean() == pytest.approx(0.11, abs=0.01)


def test_artefacts_are_rare_large_and_never_negative() -> None:
    scores, _ = responses(RATES, condition_of("none+outliers"), NOW)
    assert (scores != RATES).mean() == pytest.approx(0.02, abs=0.004)
    assert scores.max() > 200
    assert scores.min() >= 0


def test_every_violation_changes_something() -> None:
    for noise in NOISE_LEVELS:
        for violation in VIOLATIONS:
            assert condition_of(f"{noise}+{violation}") != condition_of(noise)
            assert condition_of(f"{noise}+{violation}").noise == noise
