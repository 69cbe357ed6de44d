"""The posterior of our own optimizer, against formulas written out slowly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from controller.optimizers.posterior.artefacts import doubts
from controller.optimizers.posterior.ascent import Reach, ascend
from controller.optimizers.posterior.choosing import NOISES
from controller.optimizers.posterior.kernel import covariance, sizes
from controller.optimizers.posterior.regression import (
    Learned,
    Responses,
    Settings,
    evidence,
    first_lesson,
    prepare,
)
from controller.optimizers.posterior.surface import Spot, Surface

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
    return Responses(
        scores=rng.normal(10.0, 4.0, n),
        rates=rng.uniform(1, 20, n),
        trust=rng.integers(1, 4, n).astype(float),
        generations=np.arange(n) // 4,
        gain_cv=0.2,
    )


def gain_variance(told: Responses) -> float:
    return float((0.2 * told.rates.mean() / told.scores.std()) ** 2)


def slow_covariance(data: np.ndarray, told: Responses, settings: Settings) -> np.ndarray:
    shape = np.maximum(told.rates, 0.2 * told.rates.mean()) ** settings.noise_power / told.trust
    matrix = np.empty((len(data), len(data)))
    for i, x in enumerate(data):
        for j, y in enumerate(data):
            matrix[i, j] = slow_kernel(x, y, settings.length) + 1.0
            same = told.generations[i] == told.generations[j]
            matrix[i, j] += gain_variance(told) if same else 0.0
            matrix[i, j] += settings.noise * shape[i] / shape.mean() if i == j else 0.0
    return matrix


def standard(told: Responses) -> np.ndarray:
    return (told.scores - told.scores.mean()) / told.scores.std()


def learned(data: np.ndarray, told: Responses, settings: Settings) -> Learned:
    return first_lesson(told, data @ data.T, settings)


def spot_at(surface: Surface, data: np.ndarray, point: np.ndarray) -> Spot:
    """A point of the space as a mixture of the data, which span it."""
    shares = np.linalg.lstsq(data.T, point, rcond=None)[0]
    return Spot(shares, surface.products @ shares)


@pytest.mark.parametrize("length", [0.1, 1.0, 10.0])
def test_the_kernel_is_its_formula(length: float) -> None:
    data, new = points(0), points(1, 6)
    slow = [[slow_kernel(x, y, length) for y in data] for x in new]
    left, right = (sizes(np.square(side).sum(axis=1)) for side in (new, data))

    np.testing.assert_allclose(covariance(new @ data.T, left, right, length), slow, rtol=1e-9)


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
    surface, at, step = Surface(data @ data.T, amounts, length), points(5, 1)[0], 1e-6
    slope = surface.slope(spot_at(surface, data, at)).shares @ data

    def value(point: np.ndarray) -> float:
        return surface.value(spot_at(surface, data, point))

    steps = step * np.eye(K)
    measured = [(value(at + one) - value(at - one)) / (2 * step) for one in steps]
    np.testing.assert_allclose(slope, measured, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_posterior_mean_is_that_of_the_textbook(power: float) -> None:
    data, told, new = points(0), responses(), points(9, 4)
    chosen = Settings(length=0.3, noise_power=power, noise=0.5)
    lesson = learned(data, told, chosen)
    cross = np.array([[slow_kernel(x, y, 0.3) for y in data] for x in new])
    matrix = slow_covariance(data, told, chosen) + 1e-6 * np.eye(N)
    expected = cross @ np.linalg.solve(matrix, standard(told))
    values = [lesson.surface.value(spot_at(lesson.surface, data, x)) for x in new]

    np.testing.assert_allclose(values, expected, rtol=1e-7)
    noiseless = slow_covariance(data, told, Settings(length=0.3, noise_power=power, noise=0.0))
    fitted = noiseless @ np.linalg.solve(matrix, standard(told))
    rates = told.scores.mean() + told.scores.std() * fitted
    np.testing.assert_allclose(lesson.rates, rates, rtol=1e-6)


@pytest.mark.parametrize("power", [0.0, 2.0])
@pytest.mark.parametrize("missing", [[], [10, 13]])
def test_working_ahead_learns_what_all_scores_at_once_would(
    power: float, missing: list[int]
) -> None:
    n_known = 9
    data, told = points(0), responses()
    known = told.take(np.arange(n_known))
    chosen = Settings(length=1.0, noise_power=power, noise=0.5)
    ready = prepare(known, N - n_known, data @ data.T, chosen)
    scores = told.scores[n_known:].copy()
    scores[[row - n_known for row in missing]] = np.nan
    lesson = ready.learn(scores, told.trust[n_known:])

    # All at once: one system of equations, with the noise of new scores by what was expected.
    cross = np.array([[slow_kernel(x, y, 1.0) + 1.0 for y in data[:n_known]] for x in data])
    matrix = np.array([[slow_kernel(x, y, 1.0) + 1.0 for y in data] for x in data])
    block = np.append(told.generations[:n_known], np.full(N - n_known, 99))
    matrix += gain_variance(known) * (block[:, np.newaxis] == block)
    old = slow_covariance(data[:n_known], known, chosen) + 1e-6 * np.eye(n_known)
    expected = cross[n_known:] @ np.linalg.solve(old, standard(known))
    rates = known.scores.mean() + known.scores.std() * expected
    np.testing.assert_allclose(ready.expected_scores(), rates, rtol=1e-7)
    floor = 0.2 * known.rates.mean()
    shape = np.maximum(known.rates, floor) ** power / known.trust
    new_shape = np.maximum(np.abs(rates), floor) ** power / told.trust[n_known:]
    noise = 0.5 * np.append(shape, new_shape) / shape.mean() + 1e-6
    heard = np.setdiff1d(np.arange(N), missing)
    system = (matrix + np.diag(noise))[np.ix_(heard, heard)]
    told_scores = (told.scores - known.scores.mean()) / known.scores.std()
    amounts = np.zeros(N)
    amounts[heard] = np.linalg.solve(system, told_scores[heard])

    np.testing.assert_allclose(lesson.surface.amounts, amounts, rtol=1e-6, atol=1e-9)
    fitted = (matrix @ amounts)[heard]
    np.testing.assert_allclose(
        lesson.rates, known.scores.mean() + known.scores.std() * fitted, rtol=1e-6
    )


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_evidence_is_the_likelihood_at_its_best_amplitude(power: float) -> None:
    data, told = points(0), responses()
    chosen = Settings(length=0.3, noise_power=power)
    found, noise = evidence(data @ data.T, told, chosen, NOISES)

    def best(noise: float) -> float:
        matrix = slow_covariance(data, told, Settings(length=0.3, noise_power=power, noise=noise))
        amplitudes = np.exp(np.linspace(-6, 6, 4001))
        inverse, size = np.linalg.inv(matrix), np.linalg.slogdet(matrix)[1]
        squares = standard(told) @ inverse @ standard(told)
        return float(np.max(-0.5 * (N * np.log(amplitudes) + size + squares / amplitudes)))

    by_noise = {one: best(one) for one in NOISES}
    # At its best amplitude the square term is n / 2, which is left out.
    assert noise == max(by_noise, key=by_noise.__getitem__)
    assert found - N / 2 == pytest.approx(by_noise[noise], abs=1e-4)
    matrix = slow_covariance(data, told, Settings(length=0.3, noise_power=power, noise=noise))
    amplitude = standard(told) @ np.linalg.solve(matrix, standard(told)) / N
    logpdf = multivariate_normal.logpdf(standard(told), cov=amplitude * matrix)
    assert found - N / 2 * (1 + np.log(2 * np.pi)) == pytest.approx(logpdf, rel=1e-9)


@given(seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_a_rotation_of_the_coordinates_changes_nothing(seed: int) -> None:
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((K, K)))[0]
    data, told = points(seed), responses(seed)
    straight, turned = (learned(one, told, Settings()).surface for one in (data, data @ turn))
    mixture = np.random.default_rng(seed + 1).standard_normal(N)
    here, there = (Spot(mixture, surface.products @ mixture) for surface in (straight, turned))

    assert turned.value(there) == pytest.approx(straight.value(here), rel=1e-6, abs=1e-9)
    slope, other = straight.slope(here).shares @ data, turned.slope(there).shares @ data @ turn
    np.testing.assert_allclose(other, slope @ turn, rtol=1e-5, atol=1e-8)


@given(seed=st.integers(0, 50), trust=st.floats(0.1, 3), contrast=st.floats(0.5, 5))
@settings(max_examples=25, deadline=None)
def test_the_ascent_rises_and_stays_within_reach(seed: int, trust: float, contrast: float) -> None:
    data = points(seed)
    surface = learned(data, responses(seed), Settings()).surface
    point = points(seed + 7, 1)[0]
    start = spot_at(surface, data, point * min(1.0, contrast / np.linalg.norm(point)))
    best = ascend(surface, start, Reach(trust, contrast))

    assert surface.value(best) >= surface.value(start)
    assert np.linalg.norm((best.shares - start.shares) @ data) <= trust * (1 + 1e-6)
    assert np.linalg.norm(best.shares @ data) <= contrast * (1 + 1e-6)


def test_a_score_far_from_all_others_is_in_doubt_and_the_others_are_not() -> None:
    surprises = np.append(np.random.default_rng(0).standard_normal(39), [15.0, np.nan])
    found = doubts(surprises)

    assert found[39] > 5
    np.testing.assert_array_equal(np.delete(found, 39), 1.0)


@pytest.mark.parametrize("surprises", [np.zeros(20), np.array([0.0, 50.0, np.nan])])
def test_nothing_is_in_doubt_where_no_spread_is_known(surprises: np.ndarray) -> None:
    np.testing.assert_array_equal(doubts(surprises), 1.0)


def test_a_first_strong_answer_of_a_silent_neuron_still_counts() -> None:
    surprises = np.zeros(40)
    surprises[3] = 30.0

    # It is 6.2 plain SDs away; with no spread but the median's, it would not count at all.
    assert 1 < doubts(surprises)[3] < 12
