"""Variances along modes, told from the measured pictures alone, against those of fresh pictures."""

import numpy as np
import pytest
from numpy.typing import NDArray

from generators.fitted_gaussian.fresh import HANDS, RESOLVED, fresh_by_gram, hand_of

Array = NDArray[np.float64]


def power_law(d: int, power: float) -> Array:
    return np.arange(1, d + 1) ** -power


def gaussian(n: int, variances: Array, seed: int) -> Array:
    """Pictures ``(n, d)`` whose modes are the axes, far from zero."""
    drawn = np.random.default_rng(seed).standard_normal((n, len(variances)))
    return 3.0 + drawn * np.sqrt(variances)


def modes_of(pictures: Array) -> tuple[Array, Array]:
    """Falling sample variances, and modes in rows."""
    about_mean = pictures - pictures.mean(axis=0)
    _, singular, modes = np.linalg.svd(about_mean, full_matrices=False)
    return singular**2 / (len(pictures) - 1), modes


def off(told: Array, true: Array, first: int) -> float:
    return float(np.sqrt(np.square(np.log(told[:first] / true[:first])).mean()))


@pytest.mark.parametrize(
    ("n", "d", "power"), [(100, 300, 1.2), (300, 300, 1.2), (150, 2000, 1.0), (300, 2000, 1.5)]
)
def test_fresh_gaussian_pictures_vary_as_was_told(n: int, d: int, power: float) -> None:
    variances = power_law(d, power)
    pictures = gaussian(n, variances, seed=n)
    sample, modes = modes_of(pictures)
    half = n // 2

    told = fresh_by_gram(pictures @ pictures.T)

    fresh = np.square(modes) @ variances
    assert len(told) == (sample > RESOLVED * sample[0]).sum() <= min(n - 1, d)
    assert off(told, fresh, half) < 0.25
    assert off(told, fresh, half) < 0.6 * off(sample, fresh, half)
    assert (np.diff(told) <= 0).all()


def test_pictures_of_unlike_contrast_vary_as_was_told() -> None:
    # As real ones do, and as the theory of random matrices does not expect.
    variances, rng = power_law(400, 1.2), np.random.default_rng(5)
    contrast = np.exp(0.8 * rng.standard_normal((3200, 1)))
    pictures = (gaussian(3200, variances, seed=3) - 3.0) * contrast
    measured, others = pictures[:200], pictures[200:]
    sample, modes = modes_of(measured)

    told = fresh_by_gram(measured @ measured.T)

    fresh = np.square((others - measured.mean(axis=0)) @ modes.T).mean(axis=0)
    for band in (slice(5, 10), slice(10, 30), slice(30, 80)):
        assert told[band].sum() == pytest.approx(fresh[band].sum(), rel=0.35)
    assert off(told, fresh, 80) < 0.6 * off(sample, fresh, 80)


def test_each_picture_is_dealt_to_one_hand() -> None:
    counts = np.bincount(hand_of(np.arange(23)), minlength=HANDS)

    assert counts.sum() == 23
    assert counts.max() - counts.min() <= 1


def test_modes_that_only_rounding_made_are_left_out() -> None:
    flat = gaussian(40, power_law(3, 1.0), seed=0) @ np.eye(3, 50)

    assert len(fresh_by_gram(flat @ flat.T)) == 3


def test_every_hand_is_told() -> None:
    pictures = gaussian(20, power_law(5, 1.0), seed=0)
    told: list[tuple[str, int, int]] = []

    fresh_by_gram(pictures @ pictures.T, lambda *step: told.append(step))

    assert told == [("testing modes on other pictures", hand, 5) for hand in range(6)]
