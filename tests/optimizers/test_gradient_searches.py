"""FDGD and NES: every step against slow second implementations, missing scores, invariances."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from controller.optimizers import Codes, Floats, OptimizerOptionError
from controller.optimizers.gradient.finite_difference import (
    FiniteDifference,
    FiniteDifferenceOptions,
)
from controller.optimizers.gradient.natural_gradient import NaturalGradient, NaturalGradientOptions
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all

Matrix = NDArray[np.float64]

SEEDS = st.integers(0, 2**16)
few = settings(max_examples=12, deadline=None)


class TestFiniteDifference(LearningOptimizerContract):
    @pytest.fixture(
        params=[
            FiniteDifferenceOptions(radius=0.3, learning_rate=0.3),
            FiniteDifferenceOptions(
                radius=0.3, learning_rate=0.2, antithetic=False, standardise=True, population_size=9
            ),
        ],
        ids=["pairs", "against the centre"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: FiniteDifference(codes, request.param, direction)


class TestNaturalGradient(LearningOptimizerContract):
    @pytest.fixture(
        params=[
            NaturalGradientOptions(radius=0.3, learning_rate=0.3, radius_learning_rate=0.001),
            NaturalGradientOptions(
                radius=0.3,
                learning_rate=0.1,
                radius_learning_rate=0.001,
                radius_per_gene=True,
                antithetic=False,
                standardise=True,
                population_size=21,
            ),
        ],
        ids=["pairs", "single, a radius per gene"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: NaturalGradient(codes, request.param, direction)


def _hill(codes: Codes) -> Floats:
    """Score (n,): how far along a fixed direction, with a bend; it has an offset, as rates have."""
    wide = codes.astype(float)
    score: Floats = 5.0 + wide @ np.linspace(-0.4, 0.8, wide.shape[1]) + np.sin(wide[:, 0])
    return score


def _slow_difference_step(
    centre: Matrix, codes: Matrix, scores: Matrix, antithetic: bool, rate: float
) -> Matrix:
    """Add the mean of ds · step / (mean |step|)² over the steps, one by one."""
    n = len(codes) // 2 if antithetic else len(codes) - 1
    total = np.zeros_like(centre)
    for i in range(n):
        if antithetic:
            step = (codes[i] - codes[i + n]) / 2
            difference = (scores[i] - scores[i + n]) / 2
        else:
            step = codes[i] - codes[n]
            difference = scores[i] - scores[n]
        size = sum(abs(float(gene)) for gene in step) / len(step)
        total = total + difference / size**2 * step
    return centre + rate * total / n


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("d", [3, 40])
def test_every_step_along_differences_equals_the_slow_oracle(d: int, antithetic: bool) -> None:
    options = FiniteDifferenceOptions(antithetic=antithetic)
    optimizer = FiniteDifference(np.ones((1, d), np.float32), options)
    advance(optimizer, 1, objective=_hill)
    centre = np.ones(d)
    for generation in range(1, 15):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        scores = _hill(shown.codes)
        tell_all(optimizer, shown, scores)
        codes = shown.codes.astype(float)
        centre = _slow_difference_step(centre, codes, scores, antithetic, 1.25)

        np.testing.assert_allclose(optimizer.state_dict()["centre"], centre, atol=1e-9)


class _SlowNes:
    """NES in loops; `r` holds a radius for each gene, all equal where there is only one."""

    def __init__(self, centre: Matrix, per_gene: bool) -> None:
        self.x, self.r, self.per_gene = centre, np.full(len(centre), 1.25), per_gene

    def tell(self, codes: Matrix, scores: Matrix) -> None:
        n, d = codes.shape
        pull_x, pull_r = np.zeros(d), np.zeros(d)
        for code, score in zip(codes, scores, strict=True):
            z = (code - self.x) / self.r
            pull_x += score * z / n
            pull_r += score * (z * z - 1) / n
        if not self.per_gene:
            pull_r = np.full(d, sum(pull_r) / d)
        self.x = self.x + 1.75 * pull_x / self.r
        self.r = np.array(
            [max(0.01, r + 0.05 * p / r) for r, p in zip(self.r, pull_r, strict=True)]
        )


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("per_gene", [True, False])
@pytest.mark.parametrize("d", [3, 40])
def test_every_step_of_nes_equals_the_slow_oracle(d: int, per_gene: bool, antithetic: bool) -> None:
    options = NaturalGradientOptions(antithetic=antithetic, radius_per_gene=per_gene)
    optimizer = NaturalGradient(np.zeros((1, d), np.float32), options)
    advance(optimizer, 1, objective=_hill)
    oracle = _SlowNes(np.zeros(d), per_gene)
    for generation in range(1, 15):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        # Small scores: with raw ones a radius may change by more than itself in one step.
        scores = 0.1 * np.tanh(_hill(shown.codes) - 5.0)
        tell_all(optimizer, shown, scores)
        oracle.tell(shown.codes.astype(float), scores)

        state = optimizer.state_dict()
        np.testing.assert_allclose(state["centre"], oracle.x, atol=1e-9)
        np.testing.assert_allclose(np.broadcast_to(state["radius"], d), oracle.r, atol=1e-9)


def test_the_defaults_are_those_of_the_package() -> None:
    difference, natural = FiniteDifferenceOptions(), NaturalGradientOptions()

    assert (difference.population_size, difference.radius, difference.learning_rate) == (
        20,
        1.25,
        1.25,
    )
    assert (natural.radius, natural.learning_rate) == (1.25, 1.75)
    assert (natural.radius_learning_rate, natural.min_radius) == (0.05, 0.01)
    assert difference.antithetic
    assert natural.antithetic


@pytest.mark.parametrize("kind", [FiniteDifference, NaturalGradient])
def test_codes_come_in_pairs_on_both_sides_of_the_centre(kind: Any) -> None:
    optimizer = kind(np.full((1, 30), 2.0, np.float32))
    advance(optimizer, 1, objective=_hill)
    codes = optimizer.ask(rng_of(1), first_id=0).codes.astype(float)

    np.testing.assert_allclose((codes[:10] + codes[10:]) / 2.0, 2.0, atol=1e-6)
    assert (codes[:10] - 2.0).std() == pytest.approx(1.25, rel=5 / sqrt(600))


def test_without_pairs_the_last_code_is_the_centre() -> None:
    optimizer = FiniteDifference(
        np.full((1, 6), 2.0, np.float32), FiniteDifferenceOptions(antithetic=False)
    )
    advance(optimizer, 1, objective=_hill)

    np.testing.assert_array_equal(optimizer.ask(rng_of(1), first_id=0).codes[-1], 2.0)


def _centre_after(optimizer: Any, shown: Any, scores: Floats) -> Floats:
    state = optimizer.state_dict()
    tell_all(optimizer, shown, scores)
    centre: Floats = optimizer.state_dict()["centre"]
    optimizer.load_state_dict(
        state | {"open_ids": shown.ids.copy(), "generation": state["generation"]}
    )
    return centre


@pytest.mark.parametrize("kind", [FiniteDifference, NaturalGradient])
def test_half_a_pair_moves_nothing_and_the_other_pairs_as_if_it_were_tied(kind: Any) -> None:
    optimizer = kind(initial_codes(6))
    advance(optimizer, 2, objective=_hill)
    shown = optimizer.ask(rng_of(2), first_id=0)
    scores = _hill(shown.codes)
    gap, tie = scores.copy(), scores.copy()
    gap[3] = np.nan
    tie[[3, 13]] = 0.0

    np.testing.assert_array_equal(
        _centre_after(optimizer, shown, gap), _centre_after(optimizer, shown, tie)
    )


def test_a_missing_score_of_the_centre_is_replaced_by_the_mean_of_the_others() -> None:
    optimizer = FiniteDifference(initial_codes(6), FiniteDifferenceOptions(antithetic=False))
    advance(optimizer, 2, objective=_hill)
    shown = optimizer.ask(rng_of(2), first_id=0)
    scores = _hill(shown.codes)
    gap, mean = scores.copy(), scores.copy()
    gap[-1], mean[-1] = np.nan, scores[:-1].mean()

    np.testing.assert_allclose(
        _centre_after(optimizer, shown, gap), _centre_after(optimizer, shown, mean), rtol=1e-12
    )


def test_the_radius_stays_above_its_floor_and_says_when_it_is_there() -> None:
    options = NaturalGradientOptions(radius_learning_rate=1.0, learning_rate=1e-6, standardise=True)
    optimizer = NaturalGradient(np.zeros((1, 12), np.float32), options)
    # The nearer to the centre, the better, so that the radius shrinks.
    advance(optimizer, 20, objective=lambda codes: -np.square(codes.astype(float)).sum(axis=1))

    assert optimizer.summary()["sigma"] == pytest.approx(0.01)
    (reason,) = optimizer.stop_reasons()
    assert "0.01" in reason


def test_a_radius_learning_rate_of_zero_keeps_the_radius() -> None:
    optimizer = NaturalGradient(initial_codes(1), NaturalGradientOptions(radius_learning_rate=0.0))
    advance(optimizer, 5, objective=_hill)

    assert optimizer.summary()["sigma"] == 1.25


def _told(optimizer: Any, seed: int, change_codes: Any, change_scores: Any) -> Floats:
    """Centre after five generations of changed codes and scores; what is asked does not matter."""
    rng = np.random.default_rng(seed)
    steps = np.round(64 * rng.standard_normal((5, 10, 6))) / 64
    start = np.round(64 * rng.standard_normal((1, 6))) / 64
    codes = start
    for generation in range(6):
        shown = optimizer.ask(rng_of(generation, seed), first_id=0)
        if generation:
            middle = start
            codes = np.concatenate([middle + steps[generation - 1], middle - steps[generation - 1]])
        scores = np.random.default_rng([seed, generation]).standard_normal(len(codes))
        changed = np.asarray(change_codes(codes), dtype=np.float32)
        optimizer.tell(
            shown.ids, changed, change_scores(scores), np.ones(len(codes), dtype=np.int64)
        )
    centre: Floats = optimizer.state_dict()["centre"]
    return centre


def _as_it_was(values: Floats) -> Floats:
    return values


@few
@given(seed=SEEDS, offset=st.integers(-50, 50))
def test_the_offset_of_the_scores_does_not_move_a_centre_between_pairs(
    seed: int, offset: int
) -> None:
    start = np.zeros((1, 6), np.float32)
    plain, lifted = (
        _told(FiniteDifference(start), seed, _as_it_was, change)
        for change in (_as_it_was, lambda scores: scores + offset)
    )

    np.testing.assert_allclose(lifted, plain, atol=1e-9)


@few
@given(seed=SEEDS, unit=st.sampled_from([0.01, 3.0, 1000.0]))
def test_standardised_scores_have_neither_unit_nor_offset(seed: int, unit: float) -> None:
    start = np.zeros((1, 6), np.float32)
    for kind, options in (
        (FiniteDifference, FiniteDifferenceOptions(standardise=True)),
        (NaturalGradient, NaturalGradientOptions(standardise=True, radius_learning_rate=0.0)),
    ):
        plain, changed = (
            _told(kind(start, options), seed, _as_it_was, change)
            for change in (_as_it_was, lambda scores: unit * scores - 7.0)
        )
        np.testing.assert_allclose(changed, plain, rtol=1e-7, atol=1e-7)


@few
@given(seed=SEEDS, shift=st.integers(-8, 8))
def test_a_shifted_problem_gives_the_shifted_search(seed: int, shift: int) -> None:
    start = np.zeros((1, 6), np.float32)
    for kind in (FiniteDifference, NaturalGradient):
        plain, shifted = (
            _told(kind(start), seed, change, _as_it_was)
            for change in (_as_it_was, lambda codes: codes + shift)
        )
        np.testing.assert_allclose(shifted, plain + shift, rtol=1e-9, atol=1e-7)


@few
@given(seed=SEEDS)
def test_a_rotated_problem_gives_the_rotated_search_of_nes(seed: int) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6)))
    start = np.zeros((1, 6), np.float32)
    options = NaturalGradientOptions(radius_learning_rate=0.01, learning_rate=0.1)
    plain, rotated = (
        _told(NaturalGradient(start, options), seed, change, _as_it_was)
        for change in (_as_it_was, lambda codes: codes @ rotation)
    )

    np.testing.assert_allclose(rotated, plain @ rotation, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "option", "value"),
    [
        (FiniteDifferenceOptions, "population_size", 21),
        (FiniteDifferenceOptions, "radius", 0.0),
        (FiniteDifferenceOptions, "learning_rate", -1.0),
        (NaturalGradientOptions, "population_size", 21),
        (NaturalGradientOptions, "min_radius", 2.0),
        (NaturalGradientOptions, "radius_learning_rate", -0.1),
    ],
)
def test_an_impossible_option_is_refused_by_name(options: Any, option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        options(**{option: value})
