"""Steps at matched distances: functions with known solutions, and generators measured again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.errors import SettingsError
from generators.gaussian import GaussianGenerator
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance, PyramidDistance
from generators.geometry.metric import all_axes, full_matrix
from generators.geometry.products import Products
from generators.geometry.walks import matched_steps, walk

Codes = NDArray[np.float32]
Floats = NDArray[np.float64]


@given(
    st.floats(1e-3, 1e3),
    st.floats(0.5, 2.0),
    st.lists(st.floats(0.01, 0.9), min_size=1, max_size=6, unique=True),
    st.floats(1e-3, 1e3),
)
@settings(max_examples=30, deadline=None)
def test_steps_solve_a_saturating_distance(
    scale: float, power: float, targets: list[float], wrong: float
) -> None:
    wanted = np.array(sorted(targets))
    side = matched_steps(
        lambda s: -np.expm1(-((s / scale) ** power)), wanted, scale * wrong, 1e6 * scale
    )

    assert side.reached.all()
    assert side.rising
    np.testing.assert_allclose(side.distances, wanted, atol=5e-4, rtol=0.01)
    np.testing.assert_allclose(
        -np.expm1(-((side.steps / scale) ** power)), side.distances, atol=1e-12
    )


def test_what_is_out_of_reach_is_not_filled_in() -> None:
    side = matched_steps(lambda s: np.tanh(s), np.array([0.3, 0.99, 1.5]), 1.0, 20.0)

    np.testing.assert_array_equal(side.reached, [True, True, False])
    assert np.isnan(side.steps[2])
    assert np.isnan(side.distances[2])
    assert side.rising
    assert side.furthest == pytest.approx(1.0)
    nothing = matched_steps(lambda s: 0.0 * s, np.array([0.1]), 1.0, 20.0)
    assert not nothing.reached.any()


def test_a_distance_that_falls_again_is_told_and_solved_where_it_first_rises() -> None:
    side = matched_steps(lambda s: np.abs(np.sin(s)), np.array([0.5, 0.9]), 3.0, 20.0)
    np.testing.assert_allclose(side.steps, np.arcsin([0.5, 0.9]), atol=2e-3)
    assert side.rising

    dips = matched_steps(lambda s: s - 1.5 * np.sin(s), np.array([8.0]), 8.0, 40.0)
    assert not dips.rising
    assert dips.distances[0] == pytest.approx(8.0, abs=5e-4)


def test_along_an_axis_of_an_affine_generator_steps_follow_from_the_eigenvalue(
    linear: Decoder,
) -> None:
    code = np.zeros(12, np.float32)
    axes = all_axes(full_matrix(Products(linear, PixelDistance()), code))
    targets = np.array([0.01, 0.02, 0.03])
    found = walk(linear, PixelDistance(), code, 3.0 * axes.vectors[0], targets, axes.values[0])

    # d² = ½ λ s², exactly; no pixel is cut that near to mid-grey.
    for side in (found.behind, found.ahead):
        np.testing.assert_allclose(side.steps, targets / (0.5 * axes.values[0]) ** 0.5, rtol=0.02)
        assert side.rising
    assert np.linalg.norm(found.axis) == pytest.approx(1.0)


@pytest.mark.parametrize("eigenvalue", [0.0, 1e-9, 1e9])
def test_a_wrong_guess_finds_the_same_steps(
    curved: Decoder, codes: Codes, eigenvalue: float
) -> None:
    distance = PyramidDistance()
    axes = all_axes(full_matrix(Products(curved, distance), codes[0]))
    right, wrong = (
        walk(curved, distance, codes[0], axes.vectors[0], [0.005, 0.01], value)
        for value in (axes.values[0], eigenvalue)
    )

    np.testing.assert_allclose(wrong.ahead.steps, right.ahead.steps, rtol=0.05)
    np.testing.assert_allclose(wrong.behind.steps, right.behind.steps, rtol=0.05)


def test_pictures_of_a_walk_have_the_distances_that_were_recorded() -> None:
    gaussian = GaussianGenerator(32, image_size_px=72)
    code = gaussian.initial_codes(1, np.random.default_rng(4))[0]
    axis = np.eye(32)[3]
    targets = [0.02, 0.05, 5.0]
    found = walk(gaussian, PixelDistance(), code, axis, targets, 0.0)
    rows = found.codes()

    assert rows.shape == (7, 32)
    assert np.isnan(rows[[0, 6]]).all()
    np.testing.assert_array_equal(rows[3], code)
    images = gaussian.render(rows[1:6]).astype(float) / 255.0
    apart = np.sqrt(np.square(images - images[2]).mean(axis=(1, 2, 3)))
    recorded = [*found.behind.distances[1::-1], 0.0, *found.ahead.distances[:2]]
    np.testing.assert_allclose(apart, recorded, atol=1e-3)
    assert not found.ahead.reached[2]
    assert found.ahead.furthest < 5.0


@pytest.mark.parametrize("targets", [[], [0.0, 0.1], [0.2, 0.1], [float("nan")]])
def test_distances_that_cannot_be_are_refused(linear: Decoder, targets: list[float]) -> None:
    with pytest.raises(SettingsError, match="above 0 and rise"):
        walk(linear, PixelDistance(), np.zeros(12, np.float32), np.eye(12)[0], targets, 1.0)


def test_an_axis_of_nothing_is_refused(linear: Decoder) -> None:
    for axis in (np.zeros(12), np.ones(11)):
        with pytest.raises(SettingsError, match="12 numbers"):
            walk(linear, PixelDistance(), np.zeros(12, np.float32), axis, [0.1], 1.0)
