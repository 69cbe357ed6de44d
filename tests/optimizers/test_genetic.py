"""The genetic algorithm: who becomes a parent, what passes unchanged, how genes mix and mutate."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from controller.optimizers import OptimizerOptionError, Population
from controller.optimizers.genetic import Genetic, GeneticOptions, parent_probabilities
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all


def _after_one_generation(
    codes: np.ndarray, scores: np.ndarray, options: GeneticOptions | None = None
) -> tuple[Genetic, Population]:
    """Optimizer that was told `scores` for `codes`, and what it shows next."""
    optimizer = Genetic(codes, options)
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), scores)
    return optimizer, optimizer.ask(rng_of(1), first_id=len(codes))


def _assert_rate(hits: np.ndarray, rate: float) -> None:
    """Check a number of hits against its binomial distribution, 1 in 10^6 on either side."""
    chances = binom(hits.size, rate)
    assert chances.ppf(1e-6) <= hits.sum() <= chances.ppf(1 - 1e-6)


def test_parent_probabilities_follow_the_formula() -> None:
    # SD is 1, so kT = 2 and fitness is exp(0), exp(-1).
    probabilities = parent_probabilities(np.array([3.0, 1.0]), 2.0)

    np.testing.assert_allclose(probabilities, np.array([1.0, np.exp(-1.0)]) / (1 + np.exp(-1.0)))


def test_equal_scores_have_equal_chances() -> None:
    np.testing.assert_array_equal(parent_probabilities(np.full(4, 7.0), 2.0), np.full(4, 0.25))


def test_gaussian_scores_give_the_published_selection_pressure() -> None:
    scores = np.random.default_rng(0).standard_normal((2000, 40))
    probabilities = np.sort([parent_probabilities(row, 2.0) for row in scores], axis=1).mean(axis=0)

    assert probabilities[-1] == pytest.approx(0.068, abs=0.001)
    assert probabilities[19:21].mean() == pytest.approx(0.022, abs=0.0005)
    assert probabilities[0] == pytest.approx(0.007, abs=0.001)


@settings(max_examples=30, deadline=None)
@given(
    scores=st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    offset=st.integers(-100, 100),
    scale=st.sampled_from([0.5, 2.0, 8.0]),
)
def test_parent_probabilities_ignore_offset_and_unit_of_the_scores(
    scores: list[float], offset: int, scale: float
) -> None:
    plain = np.round(np.array(scores), 3)
    changed = scale * (plain + offset)

    np.testing.assert_allclose(
        parent_probabilities(plain, 2.0), parent_probabilities(changed, 2.0), rtol=1e-6
    )


def test_the_ten_best_pass_bit_for_bit() -> None:
    codes = initial_codes(40, 64)
    scores = np.random.default_rng(3).permutation(40).astype(float)
    _, shown = _after_one_generation(codes, scores)

    np.testing.assert_array_equal(shown.codes[:10], codes[np.argsort(-scores)[:10]])
    assert not (shown.codes[10:, np.newaxis] == codes).all(axis=2).any()


def test_among_tied_scores_every_code_can_be_an_elite() -> None:
    codes = initial_codes(12, 3)
    optimizer = Genetic(codes, GeneticOptions(population_size=12, n_elites=3))
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.zeros(12))
    state, elites = optimizer.state_dict(), set()
    for draw in range(60):
        optimizer.load_state_dict(state)
        shown = optimizer.ask(rng_of(1, seed=draw), first_id=12)
        elites |= {tuple(code) for code in shown.codes[:3]}

    assert elites == {tuple(code) for code in codes}


@pytest.mark.parametrize("skew", [0.75, 0.5])
def test_genes_come_from_the_first_parent_with_the_stated_skew(skew: float) -> None:
    d = 4000
    codes = np.repeat(np.arange(2.0), d).reshape(2, d)
    options = GeneticOptions(population_size=80, n_elites=0, mutation_rate=0.0, parental_skew=skew)
    _, shown = _after_one_generation(codes, np.zeros(2), options)
    mixed = shown.codes[(shown.codes != shown.codes[:, :1]).any(axis=1)]

    # Of a child with two parents, one gave `skew` of the genes and the other the rest.
    for child in mixed:
        hits = child == 1.0
        _assert_rate(hits, skew if hits.mean() >= 0.5 else 1 - skew)
    assert 15 < len(mixed) < 65


def test_genes_mutate_at_the_stated_rate_and_size() -> None:
    codes = np.zeros((1, 4096), np.float32)
    _, shown = _after_one_generation(codes, np.zeros(1), GeneticOptions(n_elites=0))
    mutated = shown.codes != 0.0
    n = mutated.sum()

    _assert_rate(mutated, 0.25)
    assert shown.codes[mutated].mean() == pytest.approx(0.0, abs=5 * 0.75 / np.sqrt(n))
    assert shown.codes[mutated].std() == pytest.approx(0.75, abs=5 * 0.75 / np.sqrt(2 * n))


def test_parents_are_drawn_in_proportion_to_fitness() -> None:
    # One gene, no mutation: every child gene is a fair draw from one parent.
    codes = np.arange(4.0)[:, np.newaxis]
    scores = np.array([0.0, 1.0, 2.0, 5.0])
    options = GeneticOptions(population_size=4000, n_elites=0, mutation_rate=0.0)
    _, shown = _after_one_generation(codes, scores, options)

    for gene, probability in enumerate(parent_probabilities(scores, 2.0)):
        _assert_rate(shown.codes[:, 0] == gene, probability)


def test_a_code_without_a_score_is_shown_again_and_is_no_parent() -> None:
    codes = np.array([[0.0] * 50, [100.0] * 50, [200.0] * 50], np.float32)
    optimizer = Genetic(codes, GeneticOptions(population_size=6, n_elites=1, mutation_rate=0.0))
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.array([1.0, np.nan, 2.0]))
    elite, carried, *children = optimizer.ask(rng_of(1), first_id=3).codes

    np.testing.assert_array_equal(elite, codes[2])
    np.testing.assert_array_equal(carried, codes[1])
    assert len(children) == 4
    assert not (np.array(children) == 100.0).any()


def test_more_codes_without_a_score_than_places_still_leave_room_for_the_elites() -> None:
    codes = initial_codes(20, 5)
    scores = np.full(20, np.nan)
    scores[[4, 9]] = 1.0, 2.0
    _, shown = _after_one_generation(codes, scores, GeneticOptions(population_size=6, n_elites=2))

    np.testing.assert_array_equal(shown.codes, codes[[9, 4, 0, 1, 2, 3]])


def test_a_generation_without_scores_breeds_again_from_the_same_parents() -> None:
    optimizer = Genetic(initial_codes(40))
    advance(optimizer, 3)
    before = optimizer.state_dict()
    shown = optimizer.ask(rng_of(3), first_id=0)
    tell_all(optimizer, shown, np.full(40, np.nan))
    after = optimizer.state_dict()

    for name in ("codes", "scores", "unscored"):
        np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("population_size", 0),
        ("n_elites", 40),
        ("mutation_rate", 1.5),
        ("mutation_sd", -0.1),
        ("temperature_per_sd", 0.0),
        ("parental_skew", -0.1),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        GeneticOptions(**{option: value})
