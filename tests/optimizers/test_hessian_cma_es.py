"""Cholesky CMA-ES along the axes of a metric, against a second implementation in full matrices.

The oracle has the explicit factors A (axes x genes) and A⁻¹ (genes x axes), and paths of their own
lengths. It shares no code with the optimizer.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers import OptimizerOptionError
from controller.optimizers.basis import Basis, checked_basis, random_basis
from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.cma.frame import metric_frame
from controller.optimizers.cma.hessian import PRESETS, HessianCmaEs, HessianCmaEsOptions
from controller.optimizers.saved_state import StateReader
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import CODE_DIM, advance, initial_codes, rng_of, tell_all

Matrix = NDArray[np.float64]


def _metric(d: int, n_dims: int | None = None) -> Basis:
    """Random eigenvectors with eigenvalues that fall over two decades."""
    n = d if n_dims is None else n_dims
    return checked_basis(random_basis(n, d, seed=d).vectors, 10.0 ** -np.linspace(0.0, 2.0, n))


class TestHessianCmaEs(LearningOptimizerContract):
    @pytest.fixture(params=["as it is", "unit lengths"])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        def make(codes: Any, direction: Any) -> HessianCmaEs:
            options = HessianCmaEsOptions(
                metric=_metric(codes.shape[-1]),
                update_period=1,
                unit_lengths=request.param == "unit lengths",
            )
            return HessianCmaEs(codes, options, direction)

        return make


class _Oracle:
    """HessCMAES with explicit matrices; from one code, which becomes the mean."""

    def __init__(self, mean: Matrix, metric: Basis, k: int, options: HessianCmaEsOptions) -> None:
        assert metric.values is not None
        scaling = [value ** (-options.exponent) for value in metric.values[:k]]
        self.A = np.array([s * row for s, row in zip(scaling, metric.vectors[:k], strict=True)])
        self.A_inv = np.array([r / s for s, r in zip(scaling, metric.vectors[:k], strict=True)]).T
        self.m, self.sigma, self.k = mean, options.sigma0, k
        self.p_sigma, self.p_c = np.zeros(k), np.zeros(len(mean))
        self.lam = int(4 + np.floor(3 * np.log2(k)))
        self.period, self.n_scored, self.last = options.update_period, 1, 0

    def tell(self, codes: Matrix, scores: Matrix) -> None:
        k, mu = self.k, self.lam // 2
        w = np.array([np.log(mu + 0.5) - np.log(i + 1) for i in range(mu)])
        w /= w.sum()
        mu_eff = 1 / np.sum(w**2)
        c_c, c_1 = 4 / (k + 4), 2 / (k + np.sqrt(2)) ** 2
        c_s = np.sqrt(mu_eff) / (np.sqrt(mu_eff) + np.sqrt(k))
        damp = 1 + c_s + 2 * max(0, np.sqrt((mu_eff - 1) / (k + 1)) - 1)
        chi = np.sqrt(k) * (1 - 1 / (4 * k) + 1 / (21 * k**2))
        best = codes[np.argsort(-scores)[:mu]]
        z_w = w @ np.array([(x - self.m) @ self.A_inv / self.sigma for x in best])
        self.m = w @ best
        self.p_sigma = (1 - c_s) * self.p_sigma + np.sqrt(c_s * (2 - c_s) * mu_eff) * z_w
        self.p_c = (1 - c_c) * self.p_c + np.sqrt(c_c * (2 - c_c) * mu_eff) * z_w @ self.A
        self.sigma *= np.exp(c_s / damp * (np.linalg.norm(self.p_sigma) / chi - 1))
        self.n_scored += len(codes)
        if self.n_scored - self.last > self.period * self.lam:
            self.last = self.n_scored
            self._update_factor(c_1)

    def _update_factor(self, c_1: float) -> None:
        v = (self.p_c @ self.A_inv)[np.newaxis]
        q = np.sum(v**2)
        root = np.sqrt(1 + q * c_1 / (1 - c_1))
        shrink = np.sqrt(1 - c_1)
        self.A = shrink * self.A + shrink / q * (root - 1) * v.T @ self.p_c[np.newaxis]
        self.A_inv = (self.A_inv - (1 - 1 / root) / q * self.A_inv @ v.T @ v) / shrink


@pytest.mark.parametrize(("d", "k"), [(8, 8), (60, 20), (60, 60)])
@pytest.mark.parametrize("exponent", [1 / 5, 1 / 4, 1 / 3, 1 / 2.5, 1 / 2])
def test_every_step_equals_the_dense_oracle(d: int, k: int, exponent: float) -> None:
    metric = _metric(d)
    options = HessianCmaEsOptions(metric, n_axes=k, exponent=exponent, update_period=1)
    start = rng_of(0).standard_normal((1, d)).astype(np.float32)
    optimizer = HessianCmaEs(start, options)
    oracle = _Oracle(start[0].astype(float), metric, k, options)
    advance(optimizer, 1, objective=lambda codes: codes[:, 0])
    frame = metric_frame(metric, exponent, k)
    for generation in range(1, 20):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        z = rng_of(generation).standard_normal((oracle.lam, k))
        np.testing.assert_allclose(shown.codes, oracle.m + oracle.sigma * z @ oracle.A, atol=1e-4)
        codes = shown.codes.astype(float)
        scores = -np.square(codes - 1.0) @ np.linspace(1.0, 5.0, d)
        tell_all(optimizer, shown, scores)
        oracle.tell(codes, scores)

        state = optimizer.state_dict()
        np.testing.assert_allclose(state["mean"], oracle.m, rtol=0, atol=1e-9)
        np.testing.assert_allclose(state["sigma"], oracle.sigma, rtol=1e-9)
        np.testing.assert_allclose(state["path_sigma"], oracle.p_sigma, rtol=0, atol=1e-8)
        np.testing.assert_allclose(frame.steps(state["path_c"]), oracle.p_c, rtol=0, atol=1e-8)
        factor, _ = CholeskyFactor.read(StateReader(state), k).matrices()
        np.testing.assert_allclose(frame.steps(factor), oracle.A, rtol=0, atol=1e-8)


def test_the_search_stays_in_the_strongest_axes_and_keeps_what_lies_off_them() -> None:
    metric = _metric(CODE_DIM)
    optimizer = HessianCmaEs(initial_codes(6), HessianCmaEsOptions(metric, n_axes=3))
    history = advance(optimizer, 5)
    off_axes = metric.vectors[3:].T
    left = history[1].codes.astype(float) @ off_axes

    for shown in history[1:]:
        np.testing.assert_allclose(shown.codes @ off_axes, left[[0] * len(shown.codes)], atol=1e-5)
    assert np.ptp(history[1].codes @ metric.vectors[0]) > 0.5


def test_weak_axes_are_longer_by_the_power_of_their_eigenvalue() -> None:
    frame = metric_frame(_metric(5), exponent=0.5)

    np.testing.assert_allclose(frame.lengths, 10.0 ** np.linspace(0.0, 1.0, 5))
    np.testing.assert_allclose(frame.coordinates(frame.steps(np.eye(5))), np.eye(5), atol=1e-12)


def test_unit_lengths_do_not_depend_on_the_unit_of_the_metric() -> None:
    metric = _metric(5)
    assert metric.values is not None
    scaled = checked_basis(metric.vectors, 1e4 * metric.values)
    one, other = (metric_frame(m, 0.2, unit_lengths=True) for m in (metric, scaled))

    np.testing.assert_allclose(one.lengths, other.lengths)
    assert np.square(one.lengths).mean() == pytest.approx(1.0)


def test_eigenvectors_in_rising_order_are_taken_from_the_strongest() -> None:
    metric = _metric(5)
    assert metric.values is not None
    rising = checked_basis(metric.vectors[::-1], metric.values[::-1])

    np.testing.assert_array_equal(metric_frame(rising, 0.2, 2).axes, metric.vectors[:2])


def test_the_population_follows_the_number_of_axes() -> None:
    metric = checked_basis(random_basis(800, 900, seed=0).vectors, np.linspace(2.0, 1.0, 800))
    optimizer = HessianCmaEs(initial_codes(1, 900), HessianCmaEsOptions(metric))

    assert optimizer.population_size == 32


@pytest.mark.parametrize(
    ("name", "n_axes", "sigma0", "exponent"),
    [
        ("fc6, 800 axes", 800, 0.8, 1 / 5),
        ("fc6, 500 axes", 500, 0.8, 1 / 5),
        ("fc6, 500 axes, steeper", 500, 0.4, 1 / 4),
        ("BigGAN", None, 0.2, 1 / 2.5),
    ],
)
def test_the_presets_are_those_of_the_lab(
    name: str, n_axes: int | None, sigma0: float, exponent: float
) -> None:
    metric = Basis(np.eye(800, 900), np.linspace(2.0, 1.0, 800))

    assert HessianCmaEsOptions(metric, **PRESETS[name]) == HessianCmaEsOptions(
        metric, n_axes=n_axes, sigma0=sigma0, exponent=exponent
    )


def test_the_angle_told_is_that_of_the_samples() -> None:
    metric = checked_basis(random_basis(300, 400, seed=0).vectors, np.linspace(2.0, 1.0, 300))
    optimizer = HessianCmaEs(np.ones((1, 400), np.float32), HessianCmaEsOptions(metric))
    advance(optimizer, 1, objective=lambda codes: codes[:, 0])
    told = optimizer.summary()["exploration_angle_deg"]
    codes = optimizer.ask(rng_of(1), first_id=0).codes.astype(float)
    cosines = codes.sum(axis=1) / np.linalg.norm(codes, axis=1) / 20.0

    assert np.degrees(np.arccos(cosines)).mean() == pytest.approx(told, abs=3.0)


@pytest.mark.parametrize(
    ("metric", "n_axes", "told"),
    [
        (random_basis(3, CODE_DIM, seed=0), None, "metric must hold an eigenvalue"),
        (_metric(CODE_DIM, 4), 5, "n_axes must not exceed the 4 directions"),
        (checked_basis(np.eye(CODE_DIM)[:3], np.array([1.0, 0.5, 0.0])), None, "the 2 directions"),
        (_metric(CODE_DIM + 1), None, f"directions of length {CODE_DIM}"),
    ],
    ids=["no eigenvalues", "too many axes", "an eigenvalue of zero", "another length"],
)
def test_a_metric_that_does_not_do_is_refused(metric: Basis, n_axes: int | None, told: str) -> None:
    with pytest.raises(OptimizerOptionError, match=told):
        HessianCmaEs(initial_codes(3), HessianCmaEsOptions(metric, n_axes=n_axes))
