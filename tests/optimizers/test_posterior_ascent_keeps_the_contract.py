"""Our own optimizer passes the contract suite, with and without a metric."""

import numpy as np
import pytest

from controller.optimizers import Codes, Direction, OptimizerOptionError
from controller.optimizers.basis import Basis, checked_basis
from controller.optimizers.posterior.posterior_ascent import (
    PosteriorAscent,
    PosteriorAscentOptions,
)
from controller.testing.optimizer_contract import (
    LearningOptimizerContract,
    OptimizerFactory,
    WorksAheadContract,
)
from controller.testing.optimizer_runs import advance, distance_score, initial_codes, rng_of


def metric_of(code_dim: int) -> Basis:
    """Half of the directions, at random, with falling eigenvalues."""
    rng = np.random.default_rng(5)
    rows = np.linalg.qr(rng.standard_normal((code_dim, code_dim)))[0][: code_dim // 2]
    return checked_basis(rows, 2.0 ** -np.arange(code_dim // 2))


class TestPosteriorAscent(LearningOptimizerContract, WorksAheadContract):
    @pytest.fixture(params=["no metric", "metric and small memory"])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        def make(codes: Codes, direction: Direction) -> PosteriorAscent:
            narrow = request.param == "metric and small memory"
            options = PosteriorAscentOptions(
                first_sigma=0.3,
                sigma=0.1,
                schedule_length=24,
                largest_contrast=4.0,
                population_size=12,
                n_remembered=200 if narrow else 1000,
                n_for_evidence=40,
                metric=metric_of(codes.shape[-1]) if narrow else None,
            )
            return PosteriorAscent(codes, options, direction)

        return make


def test_weak_initial_codes_are_shown_at_the_first_contrast_and_strong_ones_as_they_are() -> None:
    codes = np.array([[3.0, 4.0], [30.0, 40.0], [0.0, 0.0]])
    shown = PosteriorAscent(codes, PosteriorAscentOptions(first_sigma=10.0)).ask(rng_of(0), 0)

    strength = 10.0 * np.sqrt(2)
    np.testing.assert_allclose(shown.codes[0], strength * np.array([0.6, 0.8]), rtol=1e-6)
    np.testing.assert_array_equal(shown.codes[1:], codes[1:])


def test_codes_come_in_mirrored_pairs_and_most_of_them_explore_at_low_contrast() -> None:
    options = PosteriorAscentOptions(population_size=20, norm_jitter=0.0)
    optimizer = PosteriorAscent(initial_codes(20), options)
    advance(optimizer, 3)
    codes = optimizer.ask(rng_of(9), first_id=0).codes
    middles, spreads = (codes[:10] + codes[10:]) / 2, (codes[:10] - codes[10:]) / 2
    centre = middles[7:].mean(axis=0)

    np.testing.assert_allclose(
        middles[7:], np.broadcast_to(centre, (3, len(centre))), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        middles[:7], np.broadcast_to(centre / 2, (7, len(centre))), rtol=1e-4, atol=1e-4
    )
    assert np.square(spreads[:7]).mean() > 5 * np.square(spreads[7:]).mean()


def test_at_the_end_nothing_explores() -> None:
    options = PosteriorAscentOptions(schedule_length=5)
    optimizer = PosteriorAscent(initial_codes(20), options)
    advance(optimizer, 4)
    assert optimizer.summary()["sigma"] > 3.0
    advance(optimizer, 1)
    assert optimizer.summary()["sigma"] == options.sigma


def test_the_first_search_learns_from_every_code_also_from_more_than_it_remembers() -> None:
    codes = initial_codes(40)
    centres = []
    for n_remembered in (10, 1000):
        optimizer = PosteriorAscent(codes, PosteriorAscentOptions(n_remembered=n_remembered))
        advance(optimizer, 1)
        centres.append(optimizer.state_dict()["centre"])

    np.testing.assert_array_equal(*centres)


def test_repeats_count_for_more_than_single_presentations() -> None:
    # Two codes disagree with all others; only what was shown often is believed.
    codes = initial_codes(40)
    scores = distance_score(codes)
    scores[:2] += 40.0
    seen_often, seen_once = np.ones(40, np.int64), np.ones(40, np.int64)
    seen_often[:2] = 400
    moved = []
    for n_valid in (seen_often, seen_once):
        options = PosteriorAscentOptions(first_sigma=0.3, sigma=0.1)
        optimizer = PosteriorAscent(codes, options)
        shown = optimizer.ask(rng_of(0), first_id=0)
        optimizer.tell(shown.ids, shown.codes, scores, n_valid)
        following = optimizer.ask(rng_of(1), first_id=100)
        moved.append(following.codes.mean(axis=0) @ codes[:2].mean(axis=0))

    assert moved[0] != moved[1]


@pytest.mark.parametrize("problem", ["length", "no values"])
def test_a_metric_that_does_not_fit_is_refused(problem: str) -> None:
    basis = metric_of(12 if problem == "no values" else 8)
    metric = Basis(basis.vectors) if problem == "no values" else basis
    with pytest.raises(OptimizerOptionError, match="metric"):
        PosteriorAscent(initial_codes(3), PosteriorAscentOptions(metric=metric))
