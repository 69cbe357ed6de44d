"""Cholesky CMA-ES on a sphere, against a second implementation with explicit matrices.

The oracle carries the full factors along each arc with the rotation in the plane of the arc, which
is another way to write parallel transport. It shares no code with the optimizer.
"""

from math import acos, cos, pi, sin, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers import Codes, Floats, OptimizerOptionError
from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.saved_state import StateReader
from controller.optimizers.sphere.cholesky_sphere import (
    SphereCholeskyCmaEs,
    SphereCholeskyCmaEsOptions,
)
from controller.optimizers.sphere.geometry import unit
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all

Matrix = NDArray[np.float64]

# The norm of the code that the contract's objective rewards most.
TARGET_NORM = 4.35


class TestSphereCholeskyCmaEs(LearningOptimizerContract):
    @pytest.fixture(params=["rank_one", "none"])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        options = SphereCholeskyCmaEsOptions(
            radius=TARGET_NORM, update_period=0, covariance=request.param
        )
        return lambda codes, direction: SphereCholeskyCmaEs(codes, options, direction)

    @pytest.mark.parametrize("n_initial", [1, 2, 5, 70])
    def test_the_first_generation_shows_the_initial_codes(
        self, make_optimizer: OptimizerFactory, n_initial: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(n_initial), "maximise")
        first, second = advance(optimizer, 2)

        expected = TARGET_NORM * unit(initial_codes(n_initial))
        np.testing.assert_allclose(first.codes, expected, rtol=1e-6)
        assert len(second.ids) == optimizer.population_size

    def test_the_callers_initial_codes_can_change_afterwards(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        codes = initial_codes(5)
        optimizer = make_optimizer(codes, "maximise")
        kept = make_optimizer(codes.copy(), "maximise").ask(rng_of(0), first_id=0)
        codes[:] = 1.0

        np.testing.assert_array_equal(optimizer.ask(rng_of(0), first_id=0).codes, kept.codes)


def _hill(codes: Codes) -> Floats:
    wide = codes.astype(float)
    target = np.linspace(-1.0, 2.0, wide.shape[1])
    score: Floats = wide @ target / 300.0 + np.sin(wide[:, 0] / 100.0)
    return score


def _rotation(x: Matrix, y: Matrix) -> Matrix:
    """Turn x into y in their plane, leaving alone all that is orthogonal to both; for rows."""
    aside = y - (x @ y) * x
    e = aside / sqrt(aside @ aside)
    theta = acos(x @ y)
    turn = np.eye(len(x))
    turn += (cos(theta) - 1) * (np.outer(x, x) + np.outer(e, e))
    turn += sin(theta) * (np.outer(x, e) - np.outer(e, x))
    return turn


class _Oracle:
    """The search with explicit factors of the whole space, in radians along each axis."""

    def __init__(self, x: Matrix, lam: int, period: int) -> None:
        d = len(x)
        self.x, self.lam, self.period = x, lam, period
        self.sigma = 23.0 * pi / 180 / sqrt(d - 1)
        self.p_sigma, self.p_c = np.zeros(d), np.zeros(d)
        self.A, self.A_inv = np.eye(d), np.eye(d)
        self.n_scored, self.last = 1, 0

    def tell(self, codes: Matrix, scores: Matrix) -> None:
        n = len(self.x) - 1
        mu = self.lam // 2
        w = np.array([np.log(mu + 0.5) - np.log(i + 1) for i in range(mu)])
        w /= w.sum()
        mu_eff = 1 / np.sum(w**2)
        c_c, c_1 = 4 / (n + 4), 2 / (n + sqrt(2)) ** 2
        c_s = sqrt(mu_eff) / (sqrt(mu_eff) + sqrt(n))
        damp = 1 + c_s + 2 * max(0, sqrt((mu_eff - 1) / (n + 1)) - 1)
        chi = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
        v_w = np.zeros(n + 1)
        for weight, i in zip(w, np.argsort(-scores), strict=False):
            y = codes[i] / sqrt(codes[i] @ codes[i])
            across = y - (y @ self.x) * self.x
            v_w += weight * acos(y @ self.x) / sqrt(across @ across) * across
        z_w = v_w / self.sigma
        self.p_sigma = (1 - c_s) * self.p_sigma + sqrt(c_s * (2 - c_s) * mu_eff) * z_w @ self.A_inv
        self.p_c = (1 - c_c) * self.p_c + sqrt(c_c * (2 - c_c) * mu_eff) * z_w
        sigma = self.sigma * np.exp(c_s / damp * (np.linalg.norm(self.p_sigma) / chi - 1))
        self.sigma = min(sigma, 29.0 * pi / 180 / sqrt(n))
        self.n_scored += len(codes)
        if self.n_scored - self.last > self.period * self.lam:
            self.last = self.n_scored
            self._update_factor(c_1)
        length = sqrt(v_w @ v_w)
        self._move_to(cos(length) * self.x + sin(length) / length * v_w)

    def _update_factor(self, c_1: float) -> None:
        v = (self.p_c @ self.A_inv)[np.newaxis]
        q = np.sum(v**2)
        root, shrink = sqrt(1 + q * c_1 / (1 - c_1)), sqrt(1 - c_1)
        self.A = shrink * self.A + shrink / q * (root - 1) * v.T @ self.p_c[np.newaxis]
        self.A_inv = (self.A_inv - (1 - 1 / root) / q * self.A_inv @ v.T @ v) / shrink

    def _move_to(self, x: Matrix) -> None:
        turn = _rotation(self.x, x)
        self.x, self.p_sigma, self.p_c = x, self.p_sigma @ turn, self.p_c @ turn
        self.A, self.A_inv = turn.T @ self.A @ turn, turn.T @ self.A_inv @ turn


@pytest.mark.parametrize("period", [0, 10])
@pytest.mark.parametrize("d", [4, 30])
def test_every_step_equals_the_dense_oracle(d: int, period: int) -> None:
    start = rng_of(0).standard_normal((1, d)).astype(np.float32)
    options = SphereCholeskyCmaEsOptions(update_period=period)
    optimizer = SphereCholeskyCmaEs(start, options)
    shown = optimizer.ask(rng_of(0), first_id=0)
    tell_all(optimizer, shown, np.zeros(1))
    first = shown.codes[0].astype(float)
    oracle = _Oracle(first / sqrt(first @ first), optimizer.population_size, period)
    for generation in range(1, 25):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        scores = _hill(shown.codes)
        tell_all(optimizer, shown, scores)
        oracle.tell(shown.codes.astype(float), scores)

        state = optimizer.state_dict()
        angle = oracle.sigma * sqrt(d - 1) * 180 / pi
        assert state["angle_deg"] == pytest.approx(angle, rel=1e-9)
        np.testing.assert_allclose(state["centre"], oracle.x, atol=1e-9)
        np.testing.assert_allclose(state["path_sigma"], oracle.p_sigma, atol=1e-8)
        np.testing.assert_allclose(state["path_c"], oracle.p_c, atol=1e-8)
        factors = CholeskyFactor.read(StateReader(state), d).matrices()
        for mine, other in zip(factors, (oracle.A, oracle.A_inv), strict=True):
            # Along the centre itself there is no tangent, and none is ever sampled.
            flat = np.eye(d) - np.outer(oracle.x, oracle.x)
            np.testing.assert_allclose(flat @ mine @ flat, flat @ other @ flat, atol=1e-7)


def test_samples_lie_at_the_stated_angle_and_norm() -> None:
    optimizer = SphereCholeskyCmaEs(np.ones((1, 4096), np.float32))
    advance(optimizer, 1, objective=_hill)
    codes = optimizer.ask(rng_of(1), first_id=0).codes.astype(float)
    norms = np.linalg.norm(codes, axis=1)

    np.testing.assert_allclose(norms, 300.0, rtol=1e-6)
    np.testing.assert_allclose(np.degrees(np.arccos(codes.sum(1) / 64.0 / norms)), 23.0, atol=1.5)


def test_the_angle_grows_on_a_slope_and_falls_at_a_peak_but_not_above_its_ceiling() -> None:
    target = np.linspace(-1.0, 2.0, 64)
    optimizer = SphereCholeskyCmaEs(
        initial_codes(10, 64),
        SphereCholeskyCmaEsOptions(first_angle_deg=2.0, max_angle_deg=15.0),
    )
    angles = []
    for _ in range(150):
        advance(optimizer, 1, objective=lambda codes: codes.astype(float) @ target)
        angles.append(optimizer.summary()["exploration_angle_deg"])

    assert max(angles) > 6.0
    assert max(angles) <= 15.0
    assert angles[-1] < 1.0


@pytest.mark.parametrize("n_missing", [0, 15, 30])
@pytest.mark.parametrize("tied", [True, False])
def test_neither_silence_nor_gaps_shrink_the_angle(n_missing: int, tied: bool) -> None:
    optimizer = SphereCholeskyCmaEs(np.ones((1, 1024), np.float32))
    for generation in range(60):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        rng = rng_of(generation, seed=1)
        scores = np.zeros(len(shown.ids)) if tied else rng.standard_normal(len(shown.ids))
        if generation:
            scores[rng.choice(len(scores), n_missing, replace=False)] = np.nan
        tell_all(optimizer, shown, scores)

    # The path begins at zero, from where the angle falls by about a fifth before it stays.
    assert optimizer.summary()["exploration_angle_deg"] == pytest.approx(18.3, abs=1.5)


def test_an_angle_that_vanished_is_a_reason_to_stop() -> None:
    optimizer = SphereCholeskyCmaEs(initial_codes(2))
    advance(optimizer, 1)
    assert optimizer.stop_reasons() == ()
    optimizer.load_state_dict(optimizer.state_dict() | {"angle_deg": np.array(1e-4)})

    (reason,) = optimizer.stop_reasons()
    assert "0.0001°" in reason


@pytest.mark.parametrize("max_terms", [10, 0])
def test_a_mirrored_factor_is_the_factor_between_two_reflections(max_terms: int) -> None:
    d = 7
    rng = np.random.default_rng(0)
    factor = CholeskyFactor(d, max_terms=max_terms)
    for _ in range(3):
        factor.update(rng.standard_normal(d), 0.2)
    A, A_inv = factor.matrices()
    axis = unit(rng.standard_normal(d))
    factor.mirror(axis)
    M = np.eye(d) - 2.0 * np.outer(axis, axis)

    for mirrored, before in zip(factor.matrices(), (A, A_inv), strict=True):
        np.testing.assert_allclose(mirrored, M @ before @ M, atol=1e-12)


@pytest.mark.parametrize(
    ("option", "value"),
    [("radius", 0.0), ("first_angle_deg", 30.0), ("max_angle_deg", 91.0), ("c_1", 1.0)],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        SphereCholeskyCmaEsOptions(**{option: value})
