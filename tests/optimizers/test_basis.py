"""Directions in code space are orthonormal, sorted by strength, or refused."""

import numpy as np
import pytest

from controller.optimizers.basis import checked_basis, random_basis
from controller.optimizers.errors import OptimizerOptionError


@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 30), (7, 30), (30, 30)])
def test_random_directions_are_orthonormal_and_follow_from_the_seed(k: int, d: int) -> None:
    vectors = random_basis(k, d, seed=4).vectors

    assert vectors.shape == (k, d)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(k), atol=1e-12)
    np.testing.assert_array_equal(vectors, random_basis(k, d, seed=4).vectors)
    assert d == 1 or not np.array_equal(vectors, random_basis(k, d, seed=5).vectors)


def test_random_directions_prefer_none() -> None:
    mean = np.mean([random_basis(1, 4, seed).vectors[0] for seed in range(400)], axis=0)

    assert np.linalg.norm(mean) < 4.0 * np.sqrt(1.0 / 400)


def test_directions_are_sorted_by_falling_value() -> None:
    basis = checked_basis(np.eye(5)[:3], np.array([2.0, 9.0, 2.0]))

    np.testing.assert_array_equal(basis.vectors, np.eye(5)[[1, 0, 2]])
    np.testing.assert_array_equal(basis.values, [9.0, 2.0, 2.0])
    assert (basis.n_dims, basis.code_dim) == (3, 5)
    np.testing.assert_array_equal(basis.first(2).values, [9.0, 2.0])


def test_directions_without_values_stay_in_their_order() -> None:
    basis = checked_basis(np.eye(5)[[3, 1]].astype(np.float32), None)

    np.testing.assert_array_equal(basis.vectors, np.eye(5)[[3, 1]])
    assert basis.values is None
    assert basis.first(1).values is None


def test_a_basis_is_read_only_and_nobody_elses() -> None:
    vectors = np.eye(3)
    basis = checked_basis(vectors, np.ones(3))
    vectors[:] = 0.0

    np.testing.assert_array_equal(basis.vectors, np.eye(3))
    with pytest.raises(ValueError, match="read-only"):
        basis.vectors[0] = 0.0


def test_eigenvectors_in_float32_are_orthonormal_enough() -> None:
    checked_basis(random_basis(200, 300, seed=0).vectors.astype(np.float32), None)


NAN = np.eye(3)
NAN[1, 1] = np.nan


@pytest.mark.parametrize(
    ("vectors", "values", "told"),
    [
        (np.ones(3), None, r"shape \(3,\)"),
        (np.ones((4, 3)), None, r"shape \(4, 3\)"),
        (np.ones((0, 3)), None, r"shape \(0, 3\)"),
        (NAN, None, "not finite"),
        (1.01 * np.eye(3), None, "not orthonormal"),
        (np.array([[1.0, 0.0], [0.01, 1.0]]), None, "not orthonormal"),
        (np.eye(3), np.ones(2), r"values have shape \(2,\)"),
        (np.eye(3), np.array([1.0, np.inf, 0.0]), "one finite number for each"),
    ],
)
def test_other_directions_are_refused(vectors: np.ndarray, values: np.ndarray, told: str) -> None:
    with pytest.raises(OptimizerOptionError, match=told):
        checked_basis(vectors, values)
