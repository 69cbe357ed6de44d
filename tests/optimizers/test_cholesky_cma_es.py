"""Cholesky CMA-ES: published constants, first generation, missing and tied scores, clamps."""

from typing import Any

import numpy as np
import pytest

from controller.optimizers import DivergedError, OptimizerOptionError
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions, constants
from controller.testing.optimizer_runs import advance, rng_of, tell_all


def _ready(options: CholeskyCmaEsOptions, d: int = 4) -> CholeskyCmaEs:
    """Optimizer after its first generation, with mean zero."""
    optimizer = CholeskyCmaEs(np.zeros((1, d), np.float32), options)
    advance(optimizer, 1, objective=lambda codes: np.zeros(len(codes)))
    return optimizer


def test_the_constants_at_4096_dimensions_are_the_published_ones() -> None:
    k = constants(4096, 40, CholeskyCmaEsOptions())

    assert k.n_parents == 20
    assert k.mu_eff == pytest.approx(11.309, abs=5e-4)
    assert k.c_c == pytest.approx(9.756e-4, rel=1e-4)
    assert k.c_sigma == pytest.approx(0.0499, abs=5e-5)
    assert k.c_1 == pytest.approx(1.191e-7, rel=1e-3)
    assert k.damping == pytest.approx(1.0499, abs=5e-5)
    assert k.chi == pytest.approx(63.996, abs=5e-4)


def test_learning_rates_can_be_overridden() -> None:
    k = constants(4096, 40, CholeskyCmaEsOptions(c_c=0.1, c_sigma=0.2, c_1=0.3))

    assert (k.c_c, k.c_sigma, k.c_1) == (0.1, 0.2, 0.3)
    assert k.damping == pytest.approx(1.2)


@pytest.mark.parametrize(("code_dim", "population_size"), [(4096, 40), (256, 28), (1, 4)])
def test_the_population_follows_the_dimension(code_dim: int, population_size: int) -> None:
    optimizer = CholeskyCmaEs(np.zeros((1, code_dim), np.float32))

    assert optimizer.population_size == population_size


def test_seventy_five_generations_from_one_code_show_2961_images() -> None:
    optimizer = CholeskyCmaEs(np.zeros((1, 4096), np.float32))
    history = advance(optimizer, 75, objective=lambda codes: np.ones(len(codes)))

    assert sum(len(shown.ids) for shown in history) == 2961
    assert optimizer.state_dict()["n_scored"] == 2961


def test_one_initial_code_becomes_the_mean_even_without_a_score() -> None:
    code = np.array([[1.0, -2.0, 3.0]], np.float32)
    optimizer = CholeskyCmaEs(code)
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.array([np.nan]))

    np.testing.assert_array_equal(optimizer.state_dict()["mean"], code[0])


def test_few_initial_codes_are_recombined_with_the_first_weights_renormalised() -> None:
    optimizer = CholeskyCmaEs(np.eye(3, dtype=np.float32), CholeskyCmaEsOptions(population_size=40))
    tell_all(optimizer, optimizer.ask(rng_of(0), first_id=0), np.array([1.0, 3.0, 2.0]))

    raw = np.log(20.5) - np.log([3.0, 1.0, 2.0])
    np.testing.assert_allclose(optimizer.state_dict()["mean"], raw / raw.sum(), rtol=1e-12)


def test_sigma_starts_at_sigma0_after_the_first_generation() -> None:
    assert _ready(CholeskyCmaEsOptions()).summary()["sigma"] == 3.0


def test_with_missing_scores_the_remaining_best_are_weighted_anew() -> None:
    optimizer = _ready(CholeskyCmaEsOptions(population_size=8))
    shown = optimizer.ask(rng_of(1), first_id=0)
    scores = np.full(8, np.nan)
    scores[[2, 5]] = 1.0, 2.0
    tell_all(optimizer, shown, scores)

    raw = np.log(2.5) - np.log([1.0, 2.0])
    expected = raw / raw.sum() @ shown.codes[[5, 2]]
    np.testing.assert_allclose(optimizer.state_dict()["mean"], expected, rtol=1e-6)


def test_when_every_score_is_equal_the_mean_is_the_plain_average() -> None:
    optimizer = _ready(CholeskyCmaEsOptions(population_size=8))
    shown = optimizer.ask(rng_of(1), first_id=0)
    tell_all(optimizer, shown, np.zeros(8))

    average = shown.codes.mean(axis=0, dtype=float)
    np.testing.assert_allclose(optimizer.state_dict()["mean"], average, atol=1e-12)


@pytest.mark.parametrize("n_missing", [0, 15, 30])
@pytest.mark.parametrize("tied", [True, False])
def test_neither_silence_nor_gaps_shrink_sigma_more_than_noise_does(
    n_missing: int, tied: bool
) -> None:
    optimizer = CholeskyCmaEs(np.zeros((1, 4096), np.float32))
    for generation in range(75):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        rng = rng_of(generation, seed=1)
        scores = np.zeros(len(shown.ids)) if tied else rng.standard_normal(len(shown.ids))
        if generation:
            scores[rng.choice(len(scores), n_missing, replace=False)] = np.nan
        tell_all(optimizer, shown, scores)

    # Noise alone brings sigma from 3 to about 2.31 and leaves it there.
    assert optimizer.summary()["sigma"] == pytest.approx(2.31, abs=0.15)


def test_a_generation_without_scores_leaves_the_search_where_it_was() -> None:
    optimizer = _ready(CholeskyCmaEsOptions())
    advance(optimizer, 12, objective=lambda codes: codes.sum(axis=1))
    before = optimizer.state_dict()
    shown = optimizer.ask(rng_of(13), first_id=0)
    tell_all(optimizer, shown, np.full(len(shown.ids), np.nan))
    after = optimizer.state_dict()

    counted = {"generation", "code_norm", "n_missing", "step_norm", "step_angle_deg"}
    assert after["generation"] == before["generation"] + 1
    for name in before.keys() - counted:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


def test_sigma_stays_within_max_sigma() -> None:
    uphill = 1000.0
    free, capped = (_ready(CholeskyCmaEsOptions(max_sigma=max_sigma)) for max_sigma in (None, 4.0))
    for optimizer in (free, capped):
        advance(optimizer, 20, objective=lambda codes: uphill * codes.sum(axis=1))

    assert free.summary()["sigma"] > 4.0
    assert capped.summary()["sigma"] == 4.0


def test_an_exploding_and_a_vanishing_sigma_are_reasons_to_stop() -> None:
    optimizer = _ready(CholeskyCmaEsOptions())
    state = optimizer.state_dict()
    for sigma, word in ((1e4, "grown"), (1e-7, "shrunk")):
        optimizer.load_state_dict(state | {"sigma": np.array(sigma)})
        (reason,) = optimizer.stop_reasons()
        assert word in reason


def test_codes_beyond_float32_are_an_error_of_the_search() -> None:
    optimizer = _ready(CholeskyCmaEsOptions())
    optimizer.load_state_dict(optimizer.state_dict() | {"sigma": np.array(1e39)})
    with pytest.raises(DivergedError, match="diverged"):
        optimizer.ask(rng_of(1), first_id=0)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sigma0", 0.0),
        ("population_size", 1),
        ("update_period", -1),
        ("covariance", "full"),
        ("max_sigma", -1.0),
        ("c_c", 0.0),
        ("c_sigma", 1.5),
        ("c_1", 1.0),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        CholeskyCmaEsOptions(**{option: value})
