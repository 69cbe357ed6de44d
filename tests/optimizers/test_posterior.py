"""The posterior of our own optimizer, against formulas written out slowly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from controller.optimizers.posterior.ascent import Reach, ascend
from controller.optimizers.posterior.kernel import View, covariance, mean_and_slope
from controller.optimizers.posterior.regression import (
    NOISES,
    Responses,
    Settings,
    evidence,
    regress,
)

N, K = 14, 5


def points(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, K))


def slow_kernel(x: np.ndarray, y: np.ndarray, length: float) -> float:
    """The two equations at the head of the kernel's file, with plain numbers."""

    def alike(a: np.ndarray, b: np.ndarray) -> float:
        dot, aa, bb = (math.fsum(p * q for p, q in zip(*v)) for v in ((a, b), (a, a), (b, b)))  # noqa: B905
        return 2 / math.pi * math.asin(2 * dot / math.sqrt((1 + 2 * aa) * (1 + 2 * bb)))

    apart = alike(x, y) - alike(x, x) / 2 - alike(y, y) / 2
    return max(1.0, length) * math.exp(apart / length)


def responses(seed: int = 3, n: int = N) -> Responses:
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal(n)
    return Responses(
        scores=(raw - raw.mean()) / raw.std(),
        rates=rng.uniform(1, 20, n),
        n_valid=rng.integers(1, 4, n).astype(float),
        generations=np.arange(n) // 4,
        gain_variance=0.3,
    )


def slow_covariance(data: np.ndarray, told: Responses, settings: Settings) -> np.ndarray:
    shape = np.maximum(told.rates, 0.2 * told.rates.mean()) ** settings.noise_power / told.n_valid
    matrix = np.empty((len(data), len(data)))
    for i, x in enumerate(data):
        for j, y in enumerate(data):
            matrix[i, j] = slow_kernel(x, y, settings.length) + 1.0
            matrix[i, j] += 0.3 if told.generations[i] == told.generations[j] else 0.0
            matrix[i, j] += settings.noise * shape[i] / shape.mean() if i == j else 0.0
    return matrix


@pytest.mark.parametrize("length", [0.1, 1.0, 10.0])
def test_the_kernel_is_its_formula(length: float) -> None:
    data = points(0)
    slow = [[slow_kernel(x, y, length) for y in data] for x in data]

    np.testing.assert_allclose(covariance(data @ data.T, length), slow, rtol=1e-5)
    new, amounts = points(1, 6), np.random.default_rng(2).standard_normal(N)
    cross = np.array([[slow_kernel(x, y, length) for y in data] for x in new])
    np.testing.assert_allclose(mean_and_slope(new, data, length, amounts)[0], cross @ amounts)


def test_the_arcsine_is_the_covariance_of_a_wide_network_of_error_functions() -> None:
    rng = np.random.default_rng(0)
    x, y = points(4, 2)
    weights = rng.standard_normal((400_000, K))
    erf = np.vectorize(math.erf)
    # Williams 1998: units erf(w·x) with w ~ N(0, I) have covariance (2/π) asin(2 x·y / …).
    measured = np.mean(erf(weights[:100_000] @ x) * erf(weights[:100_000] @ y))
    dot, aa, bb = x @ y, x @ x, y @ y
    expected = 2 / np.pi * np.arcsin(2 * dot / np.sqrt((1 + 2 * aa) * (1 + 2 * bb)))

    assert measured == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("length", [0.1, 1.0, 10.0])
def test_the_slope_is_that_of_the_value(length: float) -> None:
    data, amounts = points(0), np.random.default_rng(2).standard_normal(N)
    at, step = points(5, 1), 1e-6
    _, slope = mean_and_slope(at, data, length, amounts)
    ahead = mean_and_slope(at + step * np.eye(K), data, length, amounts)[0]
    behind = mean_and_slope(at - step * np.eye(K), data, length, amounts)[0]

    np.testing.assert_allclose(slope[0], (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_posterior_mean_is_that_of_the_textbook(power: float) -> None:
    data, told = points(0), responses()
    chosen = Settings(length=0.3, noise_power=power, noise=0.5)
    posterior = regress(View(None, np.ones(1)), data, told, chosen)
    new = points(9, 4)
    cross = np.array([[slow_kernel(x, y, 0.3) + 1.0 for y in data] for x in new])
    matrix = slow_covariance(data, told, chosen) + 1e-6 * np.eye(N)
    expected = cross @ np.linalg.solve(matrix, told.scores)

    np.testing.assert_allclose(posterior.at(new)[0], expected, rtol=1e-8)
    noiseless = slow_covariance(data, told, Settings(length=0.3, noise_power=power, noise=0.0))
    np.testing.assert_allclose(
        posterior.fitted, noiseless @ np.linalg.solve(matrix, told.scores), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_evidence_is_the_likelihood_at_its_best_amplitude(power: float) -> None:
    data, told = points(0), responses()
    chosen = Settings(length=0.3, noise_power=power)
    found, noise = evidence(data @ data.T, told, chosen)

    def best(noise: float) -> float:
        matrix = slow_covariance(data, told, Settings(length=0.3, noise_power=power, noise=noise))
        amplitudes = np.exp(np.linspace(-6, 6, 4001))
        inverse, size = np.linalg.inv(matrix), np.linalg.slogdet(matrix)[1]
        squares = told.scores @ inverse @ told.scores
        return float(np.max(-0.5 * (N * np.log(amplitudes) + size + squares / amplitudes)))

    by_noise = {one: best(one) for one in NOISES}
    # At its best amplitude the square term is n / 2, which is left out.
    assert noise == max(by_noise, key=by_noise.__getitem__)
    assert found - N / 2 == pytest.approx(by_noise[noise], abs=1e-4)
    matrix = slow_covariance(data, told, Settings(length=0.3, noise_power=power, noise=noise))
    amplitude = told.scores @ np.linalg.solve(matrix, told.scores) / N
    logpdf = multivariate_normal.logpdf(told.scores, cov=amplitude * matrix)
    assert found - N / 2 * (1 + np.log(2 * np.pi)) == pytest.approx(logpdf, rel=1e-9)


@given(seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_a_rotation_of_the_coordinates_rotates_the_posterior(seed: int) -> None:
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((K, K)))[0]
    data, told, new = points(seed), responses(seed), points(seed + 1, 3)
    plain = View(None, np.ones(1))
    straight = regress(plain, data, told, Settings())
    turned = regress(plain, data @ turn, told, Settings())
    value, slope = straight.at(new)
    other_value, other_slope = turned.at(new @ turn)

    np.testing.assert_allclose(other_value, value, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other_slope, slope @ turn, rtol=1e-6, atol=1e-9)


@given(seed=st.integers(0, 50), trust=st.floats(0.1, 3), norm=st.floats(0.5, 5))
@settings(max_examples=25, deadline=None)
def test_the_ascent_rises_and_stays_within_reach(seed: int, trust: float, norm: float) -> None:
    posterior = regress(View(None, np.ones(1)), points(seed), responses(seed), Settings())
    start = points(seed + 7, 1)[0]
    start *= min(1.0, norm / np.linalg.norm(start))
    best = ascend(posterior, start, Reach(trust, norm, on_sphere=False))

    assert posterior.at(best[np.newaxis])[0][0] >= posterior.at(start[np.newaxis])[0][0]
    assert np.linalg.norm(best - start) <= trust * (1 + 1e-9)
    assert np.linalg.norm(best) <= norm * (1 + 1e-9)
