"""The covariance factor against plain matrices, in both of its forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.saved_state import StateReader


def _updated(dim: int, n_updates: int, max_terms: int | None, rate: float) -> CholeskyFactor:
    rng = np.random.default_rng(dim + n_updates)
    factor = CholeskyFactor(dim, max_terms)
    for _ in range(n_updates):
        factor.update(rng.standard_normal(dim), rate)
    return factor


@settings(max_examples=30, deadline=None)
@given(
    dim=st.integers(1, 12),
    n_updates=st.integers(0, 20),
    max_terms=st.sampled_from([0, 3, 50]),
    rate=st.floats(0.0, 0.3),
)
def test_the_covariance_is_the_running_mean_of_outer_products(
    dim: int, n_updates: int, max_terms: int, rate: float
) -> None:
    rng = np.random.default_rng(dim + n_updates)
    covariance = np.eye(dim)
    for _ in range(n_updates):
        path = rng.standard_normal(dim)
        covariance = (1 - rate) * covariance + rate * np.outer(path, path)
    factor, inverse = _updated(dim, n_updates, max_terms, rate).matrices()

    np.testing.assert_allclose(factor.T @ factor, covariance, atol=1e-9)
    np.testing.assert_allclose(factor @ inverse, np.eye(dim), atol=1e-9)


def test_both_forms_agree_on_rows_and_on_single_vectors() -> None:
    terms, matrices = (_updated(300, 6, max_terms, 0.2) for max_terms in (6, 5))
    rows = np.random.default_rng(0).standard_normal((4, 300))

    assert (terms.is_dense, matrices.is_dense) == (False, True)
    for name in ("apply", "solve"):
        left, right = getattr(terms, name), getattr(matrices, name)
        np.testing.assert_allclose(left(rows), right(rows), atol=1e-9)
        np.testing.assert_allclose(left(rows[0]), right(rows[0]), atol=1e-9)


def test_the_default_form_turns_dense_after_an_eighth_of_the_dimension() -> None:
    assert not _updated(64, 8, None, 0.1).is_dense
    assert _updated(64, 9, None, 0.1).is_dense


def test_a_path_of_zero_changes_nothing() -> None:
    factor = CholeskyFactor(3)
    factor.update(np.zeros(3), 0.5)

    np.testing.assert_array_equal(factor.matrices()[0], np.eye(3))


@pytest.mark.parametrize("n_updates", [0, 4, 12])
def test_a_saved_factor_is_the_same_bit_for_bit(n_updates: int) -> None:
    factor = _updated(64, n_updates, None, 0.1)
    loaded = CholeskyFactor.read(StateReader(factor.as_arrays()), 64)

    for left, right in zip(factor.matrices(), loaded.matrices(), strict=True):
        np.testing.assert_array_equal(left, right)
