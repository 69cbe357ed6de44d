"""Geometry of the sphere: maps that undo each other, and a transport that turns nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimizers import Floats
from controller.optimizers.sphere.geometry import (
    exponential_map,
    logarithmic_map,
    tangent_part,
    transport,
    unit,
    walked,
    weighted_tangent,
)

SEEDS = st.integers(0, 2**16)
few = settings(max_examples=25, deadline=None)


def _points(seed: int, n: int, d: int = 7) -> Floats:
    return unit(np.random.default_rng(seed).standard_normal((n, d)))


@few
@given(seed=SEEDS)
def test_the_exponential_map_undoes_the_logarithmic_map(seed: int) -> None:
    centre, *rest = _points(seed, 6)
    points = np.array(rest)

    np.testing.assert_allclose(
        exponential_map(centre, logarithmic_map(centre, points)), points, atol=1e-12
    )


@few
@given(seed=SEEDS)
def test_a_tangent_is_orthogonal_and_as_long_as_the_angle(seed: int) -> None:
    centre, other = _points(seed, 2)
    (tangent,) = logarithmic_map(centre, other[np.newaxis])

    assert tangent @ centre == pytest.approx(0.0, abs=1e-12)
    assert np.linalg.norm(tangent) == pytest.approx(np.arccos(centre @ other), rel=1e-9)


def test_no_move_and_the_point_opposite_have_the_tangent_zero() -> None:
    centre = np.array([0.0, 1.0, 0.0])
    tangents = logarithmic_map(centre, np.array([centre, -centre]))

    np.testing.assert_array_equal(tangents, 0.0)
    np.testing.assert_array_equal(exponential_map(centre, tangents), [centre, centre])


@few
@given(seed=SEEDS, d=st.integers(2, 9), scale=st.sampled_from([1e-4, 0.3, 2.0]))
def test_a_walk_along_noise_is_the_exponential_map_of_its_tangent_part(
    seed: int, d: int, scale: float
) -> None:
    (centre,) = _points(seed, 1, d)
    noise = np.random.default_rng(seed + 1).standard_normal((4, d))
    points = exponential_map(centre, scale * tangent_part(noise, centre))

    np.testing.assert_allclose(walked(centre, noise, scale), points, atol=1e-13)


@few
@given(seed=SEEDS, d=st.integers(2, 9), spread=st.sampled_from([1e-5, 0.3, 5.0]))
def test_a_weighted_tangent_is_that_of_the_directions_of_codes(
    seed: int, d: int, spread: float
) -> None:
    (centre,), rng = _points(seed, 1, d), np.random.default_rng(seed + 1)
    codes = 300.0 * (centre + spread * rng.standard_normal((5, d)))
    codes[2] = 0.0
    weights = rng.standard_normal(5)
    tangents = logarithmic_map(centre, unit(codes))

    found = weighted_tangent(centre, codes, weights)
    np.testing.assert_allclose(found, weights @ tangents, atol=1e-14, rtol=1e-9)


@few
@given(seed=SEEDS)
def test_transport_keeps_lengths_and_angles_and_ends_in_tangents(seed: int) -> None:
    start, end, *rest = _points(seed, 5)
    tangents = tangent_part(np.array(rest), start)
    moved = transport(tangents, start, end)

    np.testing.assert_allclose(moved @ moved.T, tangents @ tangents.T, atol=1e-12)
    np.testing.assert_allclose(moved @ end, 0.0, atol=1e-12)


@few
@given(seed=SEEDS)
def test_transport_carries_the_direction_of_an_arc_into_its_direction_at_the_end(seed: int) -> None:
    start, end = _points(seed, 2)
    ahead = transport(logarithmic_map(start, end[np.newaxis]), start, end)

    # At the end of an arc, its own direction leads away from where it began.
    np.testing.assert_allclose(ahead, -logarithmic_map(end, start[np.newaxis]), atol=1e-9)


@few
@given(seed=SEEDS)
def test_transport_leaves_alone_what_is_orthogonal_to_the_arc(seed: int) -> None:
    start, end, other = _points(seed, 3)
    plane, _ = np.linalg.qr(np.array([start, end]).T)
    aside = other - plane @ (plane.T @ other)

    np.testing.assert_allclose(transport(aside[np.newaxis], start, end)[0], aside, atol=1e-12)
