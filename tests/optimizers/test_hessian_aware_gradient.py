"""The gradient from samples shaped by a Hessian: against explicit matrices, gaps, refusals."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.optimizers import Codes, Floats, OptimizerOptionError
from controller.optimizers.gradient.hessian_aware import (
    HessianAwareGradient,
    HessianAwareOptions,
    hessian_of_pairs,
)
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all

Matrix = NDArray[np.float64]


class TestHessianAwareGradient(LearningOptimizerContract):
    @pytest.fixture(params=[False, True], ids=["raw scores", "standard scores"])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        options = HessianAwareOptions(
            radius=0.3,
            learning_rate=0.2 if request.param else 1.0,
            standardise=request.param,
            population_size=22,
        )
        return lambda codes, direction: HessianAwareGradient(codes, options, direction)


def _hill(codes: Codes) -> Floats:
    """Score (n,) on a hill that is much steeper along some genes than along others."""
    wide = codes.astype(float)
    score: Floats = 4.0 - np.square(wide - 1.0) @ 10.0 ** np.linspace(-2.0, 0.0, wide.shape[1])
    return score


class _Oracle:
    """The search with an explicit Hessian; every fifth generation is of pairs."""

    def __init__(self, x: Matrix) -> None:
        self.x, self.H, self.n_steps = x, 0.9 * np.eye(len(x)), 0

    def power(self, exponent: float) -> Matrix:
        values, vectors = np.linalg.eigh(self.H)
        return (vectors * values**exponent) @ vectors.T

    def tell(self, codes: Matrix, scores: Matrix) -> None:
        x, f0, n = codes[0], scores[0], len(codes) - 1
        total = np.zeros_like(x)
        for code, score in zip(codes[1:], scores[1:], strict=True):
            total = total + (score - f0) * (code - x) / n
        if self.n_steps % 5 == 0:
            pairs = n // 2
            self.H = 0.9 * np.eye(len(x))
            for i in range(1, pairs + 1):
                u = (codes[i] - codes[i + pairs]) / 2
                bend = abs(scores[i] + scores[i + pairs] - 2 * f0) / 2 / pairs
                self.H += bend * np.outer(u, u)
            total = self.power(-1.0) @ total
        self.x = x + 0.1 * total
        self.n_steps += 1


@pytest.mark.parametrize("d", [5, 30, 60])
def test_every_step_equals_the_dense_oracle(d: int) -> None:
    start = rng_of(0).standard_normal((1, d)).astype(np.float32)
    optimizer = HessianAwareGradient(start)
    advance(optimizer, 1, objective=_hill)
    oracle = _Oracle(start[0].astype(float))
    for generation in range(1, 14):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        if (generation - 1) % 5 == 0:
            z = rng_of(generation).standard_normal((20, d))
            steps = np.concatenate([np.zeros((1, d)), z, -z])
        else:
            z = rng_of(generation).standard_normal((40, d))
            steps = np.concatenate([np.zeros((1, d)), z @ oracle.power(-0.5)])
        np.testing.assert_allclose(shown.codes, oracle.x + steps, atol=1e-4)
        scores = 0.1 * _hill(shown.codes)
        tell_all(optimizer, shown, scores)
        oracle.tell(shown.codes.astype(float), scores)

        state = optimizer.state_dict()
        np.testing.assert_allclose(state["centre"], oracle.x, atol=1e-9)
        bent = (state["directions"].T * state["bends"]) @ state["directions"]
        np.testing.assert_allclose(bent + 0.9 * np.eye(d), oracle.H, atol=1e-9)


def test_samples_are_short_along_directions_that_bend() -> None:
    steep = np.eye(1, 50)
    hessian = hessian_of_pairs(steep, np.array([-8.1]), ridge=0.9)
    samples = hessian.power(np.random.default_rng(0).standard_normal((4000, 50)), -0.5)

    assert samples[:, 0].std() == pytest.approx(1.0 / 3.0, rel=0.06)
    assert samples[:, 1].std() == pytest.approx(1.0 / np.sqrt(0.9), rel=0.06)


def _centre_after(optimizer: Any, shown: Any, scores: Floats) -> Floats:
    state = optimizer.state_dict()
    tell_all(optimizer, shown, scores)
    centre: Floats = optimizer.state_dict()["centre"]
    optimizer.load_state_dict(state)
    return centre


@pytest.mark.parametrize("generation", [1, 2])
def test_codes_without_a_score_count_as_no_better_than_the_centre(generation: int) -> None:
    optimizer = HessianAwareGradient(initial_codes(6))
    advance(optimizer, generation, objective=_hill)
    shown = optimizer.ask(rng_of(generation), first_id=0)
    gap, tie = _hill(shown.codes), _hill(shown.codes)
    gap[3] = np.nan
    # In the first generation after the initial one, codes 3 and 23 are a pair.
    tie[[3, 23] if generation == 1 else [3]] = tie[0]

    np.testing.assert_allclose(
        _centre_after(optimizer, shown, gap), _centre_after(optimizer, shown, tie), rtol=1e-12
    )


def test_without_the_score_of_the_centre_pairs_tell_a_gradient_and_no_hessian() -> None:
    optimizer = HessianAwareGradient(initial_codes(6))
    advance(optimizer, 1, objective=_hill)
    shown = optimizer.ask(rng_of(1), first_id=0)
    scores = _hill(shown.codes)
    scores[0] = np.nan
    before = optimizer.state_dict()["centre"]
    tell_all(optimizer, shown, scores)
    after = optimizer.state_dict()

    assert after["bends"].size == 0
    assert not np.array_equal(after["centre"], before)


@pytest.mark.parametrize(
    ("option", "value"),
    [("population_size", 2), ("radius", 0.0), ("ridge", 0.0), ("hessian_period", 0)],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        HessianAwareOptions(**{option: value})
