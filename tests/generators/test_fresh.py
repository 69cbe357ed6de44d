"""Variances along modes, told from the measured pictures alone, against those of fresh pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.fitted_gaussian.fresh import HANDS, fresh_by_covariances, fresh_by_gram, hand_of

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


def by_hands(pictures: Array) -> Array:
    dealt = hand_of(np.arange(len(pictures)))
    of_hands = [pictures[dealt == hand] for hand in range(HANDS)]
    return fresh_by_covariances(
        [of_hand.sum(axis=0) for of_hand in of_hands],
        [of_hand.T @ of_hand for of_hand in of_hands],
        [len(of_hand) for of_hand in of_hands],
    )


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
    assert len(told) == min(n - 1, d)
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


@settings(max_examples=20, deadline=None)
@given(st.integers(12, 60), st.integers(2, 8), st.integers(0, 2**16))
def test_both_ways_say_the_same(n: int, d: int, seed: int) -> None:
    pictures = gaussian(n, power_law(d, 1.0), seed)

    one, other = fresh_by_gram(pictures @ pictures.T), by_hands(pictures)

    np.testing.assert_allclose(one, other, rtol=1e-6)


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
