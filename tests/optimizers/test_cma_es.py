"""Full and diagonal CMA-ES: two opposite codes, ties, gaps, working ahead, precision, limits."""

from typing import Any

import numpy as np
import pytest

from controller.optimizers.base import Codes, Floats
from controller.optimizers.cma.diagonal import DiagonalCmaEs, DiagonalCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.optimizers.errors import OptimizerOptionError
from controller.testing.optimizer_contract import assert_same_state
from controller.testing.optimizer_runs import advance, rng_of, tell_all

Either = CmaEs | DiagonalCmaEs

D = 20


def _uphill(codes: Codes) -> Floats:
    score: Floats = codes.astype(float) @ np.linspace(1.0, 3.0, codes.shape[1])
    return score


def _full(d: int = D, **options: Any) -> CmaEs:
    optimizer = CmaEs(np.zeros((1, d), np.float32), CmaEsOptions(population_size=12, **options))
    advance(optimizer, 1, objective=lambda codes: np.zeros(len(codes)))
    return optimizer


def _diagonal(d: int = D, **options: Any) -> DiagonalCmaEs:
    chosen = DiagonalCmaEsOptions(population_size=12, **options)
    optimizer = DiagonalCmaEs(np.zeros((1, d), np.float32), chosen)
    advance(optimizer, 1, objective=lambda codes: np.zeros(len(codes)))
    return optimizer


BOTH = pytest.mark.parametrize("make", [_full, _diagonal])


@BOTH
def test_two_point_adaptation_shows_the_last_move_on_and_back_first(make: Any) -> None:
    optimizer = make(step_size="tpa")
    advance(optimizer, 10, objective=_uphill)
    state = optimizer.state_dict()
    shown = optimizer.ask(rng_of(10), first_id=0).codes.astype(float)

    on, back = shown[0] - state["mean"], shown[1] - state["mean"]
    np.testing.assert_allclose(on, -back, atol=1e-4)
    cosine = on @ state["shift"] / np.linalg.norm(on) / np.linalg.norm(state["shift"])
    assert cosine == pytest.approx(1.0, abs=1e-6)
    # As long, in units of the distribution, as the normal vector that was drawn for row 0.
    length = np.linalg.norm(rng_of(10).standard_normal((12, D))[0])
    factor = (
        np.linalg.inv(np.linalg.cholesky(optimizer.covariance()))
        if isinstance(optimizer, CmaEs)
        else np.diag(1.0 / state["deviations"])
    )
    assert np.linalg.norm(factor @ on) == pytest.approx(float(state["sigma"] * length), rel=1e-5)


@BOTH
@pytest.mark.parametrize("missing", [0, 1])
def test_without_one_of_the_two_points_their_signal_stays(make: Any, missing: int) -> None:
    optimizer = make(step_size="tpa")
    advance(optimizer, 5, objective=_uphill)
    before = optimizer.state_dict()["signal"]
    shown = optimizer.ask(rng_of(5), first_id=0)
    scores = _uphill(shown.codes)
    scores[missing] = np.nan
    tell_all(optimizer, shown, scores)

    assert before != 0.0
    assert optimizer.state_dict()["signal"] == before


@pytest.mark.parametrize(("d", "rule"), [(299, "csa"), (300, "tpa")])
def test_diagonal_cma_es_adapts_its_step_by_two_points_from_300_genes_on(d: int, rule: str) -> None:
    by_itself, by_name = _diagonal(d), _diagonal(d, step_size=rule)
    for optimizer in (by_itself, by_name):
        advance(optimizer, 3, objective=_uphill)

    assert_same_state(by_itself.state_dict(), by_name.state_dict())


@BOTH
def test_when_every_score_is_equal_the_mean_is_the_plain_average(make: Any) -> None:
    optimizer = make()
    shown = optimizer.ask(rng_of(1), first_id=0)
    tell_all(optimizer, shown, np.zeros(12))

    average = shown.codes.mean(axis=0, dtype=float)
    np.testing.assert_allclose(optimizer.state_dict()["mean"], average, atol=1e-12)


@BOTH
def test_tied_codes_share_their_weights(make: Any) -> None:
    optimizer = make()
    shown = optimizer.ask(rng_of(1), first_id=0)
    scores = np.arange(12.0)
    scores[8:] = 8.0
    tell_all(optimizer, shown, scores)

    raw = np.log(6.5) - np.log(np.arange(1, 7))
    weights = np.concatenate([np.full(4, raw[:4].mean()), raw[4:]]) / raw.sum()
    expected = weights @ shown.codes[[8, 9, 10, 11, 7, 6]]
    np.testing.assert_allclose(optimizer.state_dict()["mean"], expected, rtol=1e-6, atol=1e-7)


@BOTH
def test_the_fewer_scores_the_shorter_is_the_way_of_the_mean(make: Any) -> None:
    lengths = []
    for n_missing in range(12):
        optimizer = make()
        shown = optimizer.ask(rng_of(1), first_id=0)
        scores = _uphill(shown.codes)
        scores[:n_missing] = np.nan
        tell_all(optimizer, shown, scores)
        if n_missing < 11:
            raw = np.maximum(0.0, np.log((13 - n_missing) / 2) - np.log(np.arange(1, 13)))
            lengths.append(np.sum(raw) ** 2 / np.sum(raw**2))
            best = np.argsort(-np.nan_to_num(scores, nan=-np.inf))
            pulled = lengths[-1] / lengths[0] * (raw / raw.sum()) @ shown.codes[best]
            np.testing.assert_allclose(optimizer.state_dict()["mean"], pulled, rtol=1e-5, atol=1e-6)
    # One score alone moves nothing.
    assert not optimizer.state_dict()["mean"].any()


@BOTH
@pytest.mark.parametrize("n_missing", [0, 6, 10])
def test_gaps_do_not_change_sigma_more_than_noise_does(make: Any, n_missing: int) -> None:
    optimizer = make(200, step_size="csa")
    for generation in range(150):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        rng = rng_of(generation, seed=1)
        scores = rng.standard_normal(12)
        scores[rng.choice(12, n_missing, replace=False)] = np.nan
        tell_all(optimizer, shown, scores)

    # Noise alone brings sigma from 2 to about 1.49, with or without gaps.
    assert optimizer.summary()["sigma"] == pytest.approx(1.49, abs=0.4)


def test_codes_are_drawn_from_the_covariance() -> None:
    optimizer = _full(refresh_gap=0)
    advance(optimizer, 30, objective=lambda codes: -np.square(codes * np.arange(1, D + 1)).sum(1))
    state, covariance = optimizer.state_dict(), optimizer.covariance()
    values, axes = np.linalg.eigh(covariance)
    z = rng_of(30).standard_normal((12, D))
    shown = optimizer.ask(rng_of(30), first_id=0).codes

    expected = state["mean"] + state["sigma"] * z @ (axes * values**0.5) @ axes.T
    assert np.ptp(values) > 0.3
    np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("d", "gap"), [(6, 0.0), (300, 3.0)])
def test_working_ahead_changes_nothing_but_the_time(d: int, gap: float, precision: Any) -> None:
    plain, ahead = (_full(d, refresh_gap=gap, precision=precision) for _ in range(2))
    for generation in range(12):
        shown = [optimizer.ask(rng_of(generation), first_id=0) for optimizer in (plain, ahead)]
        np.testing.assert_array_equal(shown[0].codes, shown[1].codes)
        if generation % 4 != 3:
            # Also with a generator of random numbers that is not the one to come.
            ahead.prepare(rng_of(generation + (generation % 4 != 2)))
        scores = np.where(np.arange(12) == generation, np.nan, _uphill(shown[0].codes))
        for optimizer, population in zip((plain, ahead), shown, strict=True):
            tell_all(optimizer, population, scores)

    assert_same_state(plain.state_dict(), ahead.state_dict())


def test_in_many_dimensions_a_saved_search_goes_on_bit_for_bit() -> None:
    original = _full(300, refresh_gap=3.0)
    for generation in range(14):
        copy = _full(300, refresh_gap=3.0)
        copy.load_state_dict(original.state_dict())
        shown = [one.ask(rng_of(generation), first_id=0) for one in (original, copy)]
        np.testing.assert_array_equal(shown[0].codes, shown[1].codes)
        scores = np.where(np.arange(12) == generation, np.nan, _uphill(shown[0].codes))
        for one in (original, copy):
            tell_all(one, shown[0], scores)
        assert_same_state(original.state_dict(), copy.state_dict())
    assert "drawing_white" in original.state_dict()


def test_there_is_nothing_to_work_ahead_before_the_first_codes() -> None:
    optimizer = CmaEs(np.zeros((1, D), np.float32))
    before = optimizer.state_dict()
    optimizer.prepare(rng_of(0))

    assert_same_state(before, optimizer.state_dict())


def test_single_precision_is_the_same_search_to_its_precision() -> None:
    double, single = (_full(300, refresh_gap=2.0, precision=p) for p in ("float64", "float32"))
    for generation in range(12):
        shown = double.ask(rng_of(generation), first_id=0)
        single.ask(rng_of(generation), first_id=0)
        for optimizer in (double, single):
            tell_all(optimizer, shown, _uphill(shown.codes))

    left, right = double.state_dict(), single.state_dict()
    assert right["covariance_rows"].dtype == np.float32
    for name in ("mean", "path_sigma", "path_c", "sigma"):
        np.testing.assert_allclose(right[name], left[name], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(single.covariance(), double.covariance(), atol=1e-6)


@BOTH
def test_sigma_stays_within_max_sigma(make: Any) -> None:
    free, capped = make(step_size="csa"), make(step_size="csa", max_sigma=2.5)
    for optimizer in (free, capped):
        advance(optimizer, 40, objective=_uphill)

    assert free.summary()["sigma"] > 2.5
    assert capped.summary()["sigma"] == 2.5


@BOTH
def test_an_exploding_and_a_vanishing_sigma_are_reasons_to_stop(make: Any) -> None:
    optimizer = make()
    state = optimizer.state_dict()
    for sigma, word in ((1e4, "grown"), (1e-7, "shrunk")):
        optimizer.load_state_dict(state | {"sigma": np.array(sigma)})
        (reason,) = optimizer.stop_reasons()
        assert word in reason


@BOTH
def test_the_angle_of_exploration_is_that_of_the_codes(make: Any) -> None:
    optimizer = make(400)
    advance(optimizer, 40, objective=_uphill)
    state, figures = optimizer.state_dict(), optimizer.summary()
    codes = optimizer.ask(rng_of(40), first_id=0, n=50).codes.astype(float)
    cosines = codes @ state["mean"] / np.linalg.norm(codes, axis=1) / figures["mean_norm"]
    found = np.degrees(np.arccos(cosines)).mean()

    assert figures["exploration_angle_deg"] == pytest.approx(found, abs=3.0)
    assert figures["exploration_angle_deg"] < 85.0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sigma0", 0.0),
        ("population_size", 1),
        ("step_size", "none"),
        ("refresh_gap", -1.0),
        ("precision", "float16"),
        ("max_sigma", 0.0),
    ],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptimizerOptionError, match=option):
        CmaEsOptions(**{option: value})
    if option not in ("refresh_gap", "precision"):
        with pytest.raises(OptimizerOptionError, match=option):
            DiagonalCmaEsOptions(**{option: value})
