"""The covariance that learns: three forms, one matrix, and roots of it that square to it."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers.cma.covariance import Covariance
from controller.optimizers.cma.roots import (
    EigenRoot,
    Interval,
    SeriesRoot,
    TermsRoot,
    UpdatedRoot,
)
from controller.optimizers.saved_state import StateReader

Matrix = NDArray[np.float64]

D = 40


def _generation(seed: int, size: float) -> tuple[Matrix, Matrix]:
    """Rows (11, D) and weights (11,): one path, five good codes, five bad ones."""
    rng = np.random.default_rng(seed)
    weights = size * np.concatenate([rng.random(6), -0.2 * rng.random(5)])
    weights[4] = 0.0
    return rng.standard_normal((11, D)), weights


def _learned(size: float, **options: Any) -> tuple[Covariance, Matrix]:
    """Return a covariance after eight generations, and the same one as a plain matrix."""
    covariance, matrix = Covariance(D, **options), np.eye(D)
    for seed in range(8):
        rows, weights = _generation(seed, size)
        covariance.learn(rows, weights, 0.99)
        matrix = 0.99 * matrix + (weights * rows.T) @ rows
    covariance.refresh()
    return covariance, matrix


FORMS = pytest.mark.parametrize(
    ("size", "max_terms", "form"),
    [
        (1e-3, 1000, TermsRoot),
        (1e-3, D, SeriesRoot),
        (1e-3, 0, SeriesRoot),
        (5e-2, 1000, EigenRoot),
    ],
)


@FORMS
def test_every_form_holds_the_same_matrix(size: float, max_terms: int, form: type) -> None:
    covariance, matrix = _learned(size, max_terms=max_terms)

    assert isinstance(covariance.root, form)
    np.testing.assert_allclose(covariance.matrix(), matrix, rtol=0, atol=1e-13)
    assert covariance.trace == pytest.approx(np.trace(matrix), rel=1e-13)


@FORMS
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_roots_are_the_symmetric_roots(
    size: float, max_terms: int, form: type, dtype: Any, near: float
) -> None:
    covariance, matrix = _learned(size, max_terms=max_terms, dtype=dtype)
    values, axes = np.linalg.eigh(matrix)
    rows = np.random.default_rng(99).standard_normal((7, D))

    assert isinstance(covariance.root, form)
    shaped, white = covariance.root.shape(rows), covariance.root.whiten(rows)
    np.testing.assert_allclose(shaped, rows @ (axes * values**0.5) @ axes.T, atol=near)
    np.testing.assert_allclose(white, rows @ (axes * values**-0.5) @ axes.T, atol=near)
    assert shaped.dtype == white.dtype == np.float64


def _updated(size: float, dtype: Any = np.float64) -> tuple[Covariance, Matrix]:
    """Return a covariance whose codes are drawn by a root that was updated, and its matrix."""
    covariance, matrix = _learned(size, max_terms=1000, dtype=dtype)
    rows, weights = _generation(50, 4.0 * size)
    base = covariance.base()
    assert base is not None
    white = base.whiten(rows)
    covariance.learn(rows, weights, 0.97)
    covariance.refresh(white)
    return covariance, 0.97 * matrix + (weights * rows.T) @ rows


@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_an_updated_root_draws_from_the_same_distribution(dtype: Any, near: float) -> None:
    covariance, matrix = _updated(5e-4, dtype)
    assert isinstance(covariance.drawing, UpdatedRoot)
    factor = covariance.drawing.shape(np.eye(D))

    np.testing.assert_allclose(factor.T @ factor, matrix, rtol=0, atol=near)
    # It is another root than the symmetric one, which whitens.
    assert np.abs(factor - covariance.root.shape(np.eye(D))).max() > 1e-5
    np.testing.assert_allclose(
        covariance.root.whiten(matrix), covariance.root.shape(np.eye(D)), atol=1e-4
    )


def test_a_saved_updated_root_is_loaded_bit_for_bit() -> None:
    covariance, _ = _updated(5e-4)
    reader = StateReader(covariance.as_arrays())
    loaded = covariance.read(reader)
    reader.finish()
    rows = np.random.default_rng(99).standard_normal((7, D))

    np.testing.assert_array_equal(loaded.drawing.shape(rows), covariance.drawing.shape(rows))
    assert isinstance(loaded.drawing, UpdatedRoot)


@FORMS
def test_the_root_stays_while_the_covariance_learns(
    size: float, max_terms: int, form: type
) -> None:
    covariance, _ = _learned(size, max_terms=max_terms)
    rows = np.random.default_rng(99).standard_normal((7, D))
    before = covariance.root.shape(rows)
    covariance.learn(*_generation(50, size), 0.99)
    covariance.catch_up()

    assert isinstance(covariance.root, form)
    np.testing.assert_array_equal(covariance.root.shape(rows), before)
    covariance.refresh()
    assert np.abs(covariance.root.shape(rows) - before).max() > 1e-4


@FORMS
@pytest.mark.parametrize("learn_on", [False, True])
def test_a_saved_covariance_goes_on_bit_for_bit(
    size: float, max_terms: int, form: type, learn_on: bool
) -> None:
    covariance, _ = _learned(size, max_terms=max_terms)
    if learn_on:
        covariance.learn(*_generation(50, size), 0.99)
    reader = StateReader(covariance.as_arrays())
    loaded = covariance.read(reader)
    reader.finish()
    rows = np.random.default_rng(99).standard_normal((7, D))
    for one in (covariance, loaded):
        assert isinstance(one.root, form)
    for seed in (60, 61):
        np.testing.assert_array_equal(loaded.root.shape(rows), covariance.root.shape(rows))
        np.testing.assert_array_equal(loaded.root.whiten(rows), covariance.root.whiten(rows))
        for one in (covariance, loaded):
            one.learn(*_generation(seed, size), 0.98)
            one.refresh()
    np.testing.assert_array_equal(loaded.matrix(), covariance.matrix())


def test_rooms_for_terms_are_made_as_they_come() -> None:
    covariance, matrix = Covariance(D, max_terms=5), np.eye(D)
    for seed in range(8):
        rows, weights = _generation(seed, 1e-3)
        covariance.learn(rows, weights, 1.0)
        matrix += (weights * rows.T) @ rows

    np.testing.assert_allclose(covariance.matrix(), matrix, rtol=0, atol=1e-13)


def test_terms_are_summed_up_before_there_are_too_many() -> None:
    covariance, matrix = Covariance(D, max_terms=80), np.eye(D)
    for seed in range(8):
        rows, weights = _generation(seed, 1e-3)
        covariance.learn(rows, weights, 0.99)
        matrix = 0.99 * matrix + (weights * rows.T) @ rows
        state = covariance.as_arrays()
        assert ("covariance_dense" in state) == (seed >= 6)
        # Of 10 terms in each generation; 40 are summed for them once there are more than 60.
        assert seed < 6 or state["covariance_summed"] == {6: 40, 7: 80}[seed]
        loaded = covariance.read(StateReader(state))
        np.testing.assert_array_equal(loaded.matrix(), covariance.matrix())
        np.testing.assert_allclose(covariance.matrix(), matrix, rtol=0, atol=1e-13)


def test_a_matrix_that_waits_to_learn_has_the_trace_of_one_that_has_learned() -> None:
    covariance, _ = _learned(1e-3, max_terms=0)
    covariance.learn(*_generation(50, 1e-3), 0.97)
    waiting = covariance.trace
    covariance.catch_up()

    assert waiting == pytest.approx(covariance.trace, rel=1e-13)


def test_terms_without_weight_are_passed_over() -> None:
    covariance = Covariance(D, max_terms=0)
    covariance.learn(np.ones((3, D)), np.zeros(3), 0.5)
    covariance.refresh()
    covariance.learn(np.ones((3, D)), np.zeros(3), 0.5)

    np.testing.assert_array_equal(covariance.matrix(), 0.25 * np.eye(D))


def test_a_covariance_that_rounding_made_singular_still_has_roots() -> None:
    covariance = Covariance(D)
    row = np.ones((1, D))
    covariance.learn(row, np.array([-1.0 / D]), 1.0)
    covariance.refresh()
    rows = np.random.default_rng(99).standard_normal((7, D))

    assert np.isfinite(covariance.root.whiten(rows)).all()
    np.testing.assert_allclose(covariance.root.shape(rows), rows - rows.mean(1)[:, None], atol=1e-6)


@pytest.mark.parametrize("spread", [1e-12, 1e-3, 0.02, 0.3])
def test_a_series_is_short_and_exact(spread: float) -> None:
    interval = Interval(2.0, 0.8 * spread, spread)
    x = np.linspace(interval.low, interval.high, 1001)
    mapped = (2.0 * x - interval.low - interval.high) / (interval.high - interval.low)
    for power in (0.5, -0.5):
        series = interval.series(power, np.float64)
        found = np.polynomial.chebyshev.chebval(mapped, series)
        np.testing.assert_allclose(found, x**power, rtol=1e-12)
        assert len(series) <= 14


@pytest.mark.parametrize(("below", "above"), [(1.0, 0.1), (1.5, 0.1), (0.9, 9.0)])
def test_a_wide_spectrum_has_no_short_series(below: float, above: float) -> None:
    assert not Interval(1.0, below, above).has_series(np.float64)
