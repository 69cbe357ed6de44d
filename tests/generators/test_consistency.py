"""The rule that says how many pictures are enough, against random covariances that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.fitted_gaussian.consistency import (
    effective_modes,
    effective_noise,
    enough_modes,
    enough_pictures,
    measured_effective_noise,
)

D = 300
NOISE = 0.01
PUBLISHED = {100: (0.576, 0.026, 0.77), 300: (0.0492, 0.017, 0.27), 1000: (0.0139, 0.003, 0.039)}
"""By number of pictures: kappa, largest error of its prediction, and of one without it."""


def power_law(power: float = 1.2, d: int = D) -> NDArray[np.float64]:
    """Variances that fall as a power of their rank and are 1 on average."""
    falling = np.arange(1, d + 1) ** -power
    return falling * (d / falling.sum())


def draw(variances: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
    """Pictures ``(n, d)`` whose modes are the axes."""
    drawn = np.random.default_rng(seed).standard_normal((n, len(variances)))
    return drawn * np.sqrt(variances)


def sample_variances(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    singular: NDArray[np.float64] = np.linalg.svd(pictures, compute_uv=False)
    return singular**2 / len(pictures)


@pytest.mark.parametrize("n", PUBLISHED)
def test_the_effective_noise_is_the_published_one(n: int) -> None:
    kappa, _, _ = PUBLISHED[n]

    assert effective_noise(power_law(), n, NOISE) == pytest.approx(kappa, rel=0.005)


@pytest.mark.parametrize("n", PUBLISHED)
def test_a_sample_acts_as_the_true_covariance_at_the_effective_noise(n: int) -> None:
    variances = power_law()
    kappa = effective_noise(variances, n, NOISE)
    acts = np.zeros(D)
    for seed in range(30):
        pictures = draw(variances, n, seed)
        covariance = pictures.T @ pictures / n
        acts += np.diag(np.linalg.solve(covariance + NOISE * np.eye(D), covariance)) / 30

    _, with_it, without_it = PUBLISHED[n]
    # Thirty samples leave some noise on the largest of 300 errors.
    assert np.abs(acts - variances / (variances + kappa)).max() < with_it + 0.01
    largest = np.abs(acts - variances / (variances + NOISE)).max()
    assert largest == pytest.approx(without_it, rel=0.05)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.5, 3.0),
    st.sampled_from([30, 100, 300, 900]),
    st.floats(-4.0, 1.0),
    st.integers(0, 99),
)
def test_the_effective_noise_can_be_told_from_a_sample_alone(
    power: float, n: int, log_noise: float, seed: int
) -> None:
    variances, noise = power_law(power), 10.0**log_noise
    sample = sample_variances(draw(variances, n, seed))

    true = effective_noise(variances, n, noise)
    measured = measured_effective_noise(sample, n, noise)

    assert measured == pytest.approx(true, rel=0.25)
    # It solves its own equation.
    assert true == pytest.approx(noise + true / n * effective_modes(variances, true), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.5, 3.0), st.integers(2, 2000), st.floats(-5.0, 2.0))
def test_more_pictures_never_make_more_noise(power: float, n: int, log_noise: float) -> None:
    variances, noise = power_law(power, 50), 10.0**log_noise

    fewer, more = (effective_noise(variances, m, noise) for m in (n, n + 1))

    assert noise <= more <= fewer <= noise + variances.sum() / n


@pytest.mark.parametrize("n", [100, 300])
def test_the_number_of_pictures_that_would_be_enough_is_foretold(n: int) -> None:
    variances = power_law()
    sample = sample_variances(draw(variances, n, seed=2))
    noise = 2.0

    enough = enough_pictures(sample, n, noise)

    assert enough is not None
    # With so many, the true kappa is twice the noise.
    assert effective_noise(variances, enough, noise) == pytest.approx(2 * noise, rel=0.03)


def test_too_few_pictures_cannot_tell_how_many_would_be_enough() -> None:
    sample = sample_variances(draw(power_law(), 40, seed=2))

    assert enough_pictures(sample, 40, 1e-3) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(0.6, 2.5), st.integers(5, 400), st.integers(0, 99))
def test_pictures_are_enough_for_the_modes_up_to_a_number(power: float, n: int, seed: int) -> None:
    sample = sample_variances(draw(power_law(power, 100), n, seed))

    enough = enough_modes(sample, sample, n)

    ratios = [measured_effective_noise(sample, n, noise) / noise for noise in sample]
    assert all(ratio <= 2.0 for ratio in ratios[:enough])
    assert all(ratio > 2.0 for ratio in ratios[enough:])


def test_more_pictures_are_enough_for_more_modes() -> None:
    enough = [
        enough_modes(sample, sample, n)
        for n in (50, 100, 300, 1000, 3000)
        for sample in [sample_variances(draw(power_law(), n, seed=1))]
    ]

    assert enough == sorted(enough)
    assert enough[0] < 25
    assert enough[-1] == D
