"""Cholesky CMA-ES against a second implementation, written slowly and in full matrices.

The oracle below follows the formulas of Wang & Ponce 2022 (after Suttorp, Hansen & Igel 2009) line
by line, with explicit A and A⁻¹ and one z per code. It shares no code with the optimizer.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.saved_state import StateReader
from controller.testing.optimizer_runs import rng_of, tell_all

Matrix = NDArray[np.float64]

N_GENERATIONS = 30


@dataclass
class Oracle:
    """State of the slow implementation; `generation` counts the tells."""

    d: int
    lam: int
    sigma: float
    update_period: int
    generation: int = 0
    n_evaluations: int = 0
    n_updates: int = 0
    last_update: int = 0
    m: Matrix = field(init=False)
    p_sigma: Matrix = field(init=False)
    p_c: Matrix = field(init=False)
    A: Matrix = field(init=False)
    A_inv: Matrix = field(init=False)

    def __post_init__(self) -> None:
        self.p_sigma, self.p_c = np.zeros(self.d), np.zeros(self.d)
        self.A, self.A_inv = np.eye(self.d), np.eye(self.d)

    def tell(self, codes: Matrix, scores: Matrix) -> None:
        self.generation += 1
        self.n_evaluations += len(codes)
        mu = self.lam // 2
        w = np.array([np.log(mu + 0.5) - np.log(i + 1) for i in range(mu)])
        w = w / w.sum()
        best = sorted(range(len(codes)), key=lambda i: -scores[i])[:mu]
        if self.generation == 1:
            first = w[: len(best)] / w[: len(best)].sum()
            self.m = np.sum([wi * codes[i] for wi, i in zip(first, best, strict=True)], axis=0)
            return
        self._move(codes[best], w)
        if self.n_evaluations - self.last_update > self.update_period * self.lam:
            self.last_update = self.n_evaluations
            self.n_updates += 1
            self._update_factor()

    def _move(self, x: Matrix, w: Matrix) -> None:
        d, mu_eff = self.d, 1 / np.sum(w**2)
        c_c = 4 / (d + 4)
        c_s = np.sqrt(mu_eff) / (np.sqrt(mu_eff) + np.sqrt(d))
        damp = 1 + c_s + 2 * max(0, np.sqrt((mu_eff - 1) / (d + 1)) - 1)
        chi = np.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d**2))
        z = np.stack([(xi - self.m) @ self.A_inv / self.sigma for xi in x])
        z_w = w @ z
        self.m = w @ x
        self.p_sigma = (1 - c_s) * self.p_sigma + np.sqrt(c_s * (2 - c_s) * mu_eff) * z_w
        self.p_c = (1 - c_c) * self.p_c + np.sqrt(c_c * (2 - c_c) * mu_eff) * (z_w @ self.A)
        self.sigma *= np.exp((c_s / damp) * (np.linalg.norm(self.p_sigma) / chi - 1))

    def _update_factor(self) -> None:
        c_1 = 2 / (self.d + np.sqrt(2)) ** 2
        v = (self.p_c @ self.A_inv)[np.newaxis]
        q = np.sum(v**2)
        root = np.sqrt(1 + c_1 * q / (1 - c_1))
        self.A = (
            np.sqrt(1 - c_1) * self.A
            + np.sqrt(1 - c_1) / q * (root - 1) * v.T @ (self.p_c[np.newaxis])
        )
        self.A_inv = (self.A_inv - (1 - 1 / root) / q * (self.A_inv @ v.T) @ v) / np.sqrt(1 - c_1)


def _bent(codes: Matrix) -> Matrix:
    """Score (n,) on a curved, ill-conditioned hill, where a covariance is of use."""
    stretch = 10.0 ** np.linspace(0, 2, codes.shape[1])
    score: Matrix = -(stretch * (codes - 1.0) ** 2).sum(axis=1) + np.sin(codes).sum(axis=1)
    return score


def _factor(optimizer: CholeskyCmaEs) -> CholeskyFactor:
    return CholeskyFactor.read(StateReader(optimizer.state_dict()), optimizer.code_dim)


@pytest.mark.parametrize("update_period", [0, 1, 10])
@pytest.mark.parametrize(("d", "n_initial"), [(3, 1), (6, 40), (48, 1), (200, 7)])
def test_every_step_equals_the_dense_oracle(d: int, n_initial: int, update_period: int) -> None:
    first = rng_of(0).standard_normal((n_initial, d)).astype(np.float32)
    options = CholeskyCmaEsOptions(sigma0=1.5, update_period=update_period)
    optimizer = CholeskyCmaEs(first, options)
    oracle = Oracle(d, optimizer.population_size, 1.5, update_period)
    for generation in range(N_GENERATIONS):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        scores = _bent(shown.codes.astype(float))
        tell_all(optimizer, shown, scores)
        oracle.tell(shown.codes.astype(float), scores)

        state = optimizer.state_dict()
        np.testing.assert_allclose(state["mean"], oracle.m, rtol=0, atol=1e-9)
        np.testing.assert_allclose(state["sigma"], oracle.sigma, rtol=1e-9)
        np.testing.assert_allclose(state["path_sigma"], oracle.p_sigma, rtol=0, atol=1e-9)
        np.testing.assert_allclose(state["path_c"], oracle.p_c, rtol=0, atol=1e-9)
        A, A_inv = _factor(optimizer).matrices()
        np.testing.assert_allclose(A, oracle.A, rtol=0, atol=1e-9)
        np.testing.assert_allclose(A_inv, oracle.A_inv, rtol=0, atol=1e-9)

    assert oracle.n_updates >= {0: 29, 1: 14, 10: 2}[update_period]


def test_the_covariance_learns_at_generations_11_22_and_33() -> None:
    d = 16
    optimizer = CholeskyCmaEs(np.zeros((1, d), np.float32))
    learned = []
    for generation in range(1, 41):
        before = _factor(optimizer).matrices()[0] if generation > 1 else np.eye(d)
        shown = optimizer.ask(rng_of(generation), first_id=0)
        tell_all(optimizer, shown, _bent(shown.codes.astype(float)))
        if not np.array_equal(before, _factor(optimizer).matrices()[0]):
            learned.append(generation)

    assert learned == [11, 22, 33]


def test_asked_codes_are_the_mean_plus_sigma_z_a() -> None:
    optimizer = CholeskyCmaEs(np.zeros((1, 5), np.float32), CholeskyCmaEsOptions(update_period=0))
    for generation in range(20):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        tell_all(optimizer, shown, _bent(shown.codes.astype(float)))
    state, (A, _) = optimizer.state_dict(), _factor(optimizer).matrices()
    shown = optimizer.ask(rng_of(20), first_id=0)

    z = rng_of(20).standard_normal((optimizer.population_size, 5))
    assert np.abs(A - np.eye(5)).max() > 0.1
    np.testing.assert_allclose(shown.codes, state["mean"] + state["sigma"] * z @ A, rtol=1e-5)
