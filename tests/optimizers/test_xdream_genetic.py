"""XDream's genetic algorithm: its selection, its mirrored heritability, its filled-up start."""

from math import exp, floor, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from controller.optimizers import OptimizerOptionError
from controller.optimizers.genetic import Genetic, GeneticOptions, parent_probabilities
from controller.optimizers.xdream_genetic import XdreamGenetic, XdreamGeneticOptions
from controller.testing.optimizer_contract import LearningOptimizerContract, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all


class TestXdreamGenetic(LearningOptimizerContract):
    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        options = XdreamGeneticOptions(fill_initial=False, n_conserve=1)
        return lambda codes, direction: XdreamGenetic(codes, options, direction)


class TestGeneticWithClippedScores(LearningOptimizerContract):
    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        options = GeneticOptions(clip_percentile=95.0)
        return lambda codes, direction: Genetic(codes, options, direction)


def _slow_probabilities(scores: list[float], selectivity: float) -> list[float]:
    """Chances of each parent: clip at the 95th percentile, then exp over kT = SD / selectivity."""
    n = len(scores)
    mean = sum(scores) / n
    kT = max(sqrt(sum((s - mean) ** 2 for s in scores) / n) / selectivity, 1e-8)
    ordered, place = sorted(scores), 0.95 * (n - 1)
    low = floor(place)
    high = min(low + 1, n - 1)
    percentile = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    clipped = [min(s, percentile) for s in scores]
    fitness = [exp((s - max(clipped)) / kT) for s in clipped]
    return [f / sum(fitness) for f in fitness]


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.integers(-1000, 1000), min_size=1, max_size=40),
    selectivity=st.sampled_from([0.5, 2.0, 5.0]),
)
def test_parents_are_drawn_as_a_slow_second_implementation_says(
    scores: list[int], selectivity: float
) -> None:
    measured = [score / 8.0 for score in scores]
    options = XdreamGeneticOptions(selectivity=selectivity).as_genetic()
    chances = parent_probabilities(
        np.array(measured), options.temperature_per_sd, options.clip_percentile
    )

    expected = _slow_probabilities(measured, selectivity)
    np.testing.assert_allclose(chances, expected, rtol=1e-9, atol=1e-300)


def test_the_defaults_are_those_of_the_package() -> None:
    options = XdreamGeneticOptions().as_genetic()

    assert options == GeneticOptions(
        population_size=20,
        n_elites=0,
        mutation_rate=0.5,
        mutation_sd=0.5,
        temperature_per_sd=0.5,
        parental_skew=0.5,
        clip_percentile=95.0,
        fill_initial=True,
    )


def test_heritability_is_mirrored_above_one_half() -> None:
    assert XdreamGeneticOptions(heritability=0.2).as_genetic().parental_skew == 0.8
    assert XdreamGeneticOptions(heritability=0.8).as_genetic().parental_skew == 0.8


def test_an_outlier_no_longer_takes_all_the_parents() -> None:
    scores = np.append(np.zeros(39), 1000.0)
    free, clipped = (parent_probabilities(scores, 0.5, percentile) for percentile in (None, 95.0))

    assert free[-1] > 0.9
    np.testing.assert_allclose(clipped, 1 / 40)


def test_elites_are_chosen_by_the_scores_before_any_is_clipped() -> None:
    codes = initial_codes(40)
    options = GeneticOptions(population_size=40, n_elites=1, clip_percentile=50.0)
    optimizer = Genetic(codes, options)
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.arange(40.0))

    np.testing.assert_array_equal(optimizer.ask(rng_of(1), first_id=40).codes[0], codes[39])


def test_a_short_set_of_initial_codes_is_filled_up_with_mutated_children() -> None:
    d = 4000
    codes = np.repeat([0.0, 100.0], d).reshape(2, d)
    shown = XdreamGenetic(codes).ask(rng_of(0), first_id=0)
    children = shown.codes[2:].astype(float)
    from_second = children > 50.0
    mutations = children - 100.0 * from_second
    mutated = mutations != 0.0

    np.testing.assert_array_equal(shown.codes[:2], codes)
    assert len(shown.ids) == 20
    # 18 children of two equally likely parents: about half have two different ones.
    mixed = from_second.any(axis=1) & ~from_second.all(axis=1)
    assert 1 <= mixed.sum() <= 17
    for hits, rate in ((from_second[mixed], 0.5), (mutated, 0.5)):
        chances = binom(hits.size, rate)
        assert chances.ppf(1e-6) <= hits.sum() <= chances.ppf(1 - 1e-6)
    n = mutated.sum()
    assert mutations[mutated].std() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(2 * n))


@pytest.mark.parametrize("n_initial", [20, 33])
def test_a_full_set_of_initial_codes_is_shown_as_it_is(n_initial: int) -> None:
    codes = initial_codes(n_initial)

    np.testing.assert_array_equal(XdreamGenetic(codes).ask(rng_of(0), first_id=0).codes, codes)


def test_a_filled_up_start_without_scores_is_filled_up_afresh() -> None:
    optimizer = XdreamGenetic(initial_codes(3))
    first = optimizer.ask(rng_of(0), first_id=0)
    tell_all(optimizer, first, np.full(20, np.nan))
    second = optimizer.ask(rng_of(1), first_id=20)

    np.testing.assert_array_equal(second.codes[:3], first.codes[:3])
    assert not np.array_equal(second.codes, first.codes)


def test_codes_without_a_score_are_carried_over_unscored() -> None:
    optimizer = XdreamGenetic(initial_codes(20))
    shown = optimizer.ask(rng_of(0), first_id=0)
    scores = np.arange(20.0)
    scores[[4, 17]] = np.nan
    tell_all(optimizer, shown, scores)
    following = optimizer.ask(rng_of(1), first_id=20)

    np.testing.assert_array_equal(following.codes[:2], shown.codes[[4, 17]])


def test_it_climbs_from_one_code() -> None:
    history = advance(
        XdreamGenetic(initial_codes(1)), 30, objective=lambda codes: codes.sum(axis=1)
    )

    first, last = (history[g].codes.sum(axis=1).mean() for g in (0, -1))
    assert last > first + 5.0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("population_size", 1),
        ("n_conserve", 20),
        ("mutation_rate", 1.5),
        ("mutation_size", -0.1),
        ("selectivity", 0.0),
        ("heritability", -0.1),
        ("clip_percentile", 101.0),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        XdreamGeneticOptions(**{option: value})
