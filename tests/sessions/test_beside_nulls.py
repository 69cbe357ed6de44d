"""Figures beside their nulls are what they say they are, where the truth is known."""

import math

import numpy as np
import pytest

from sessions.analysis.beside_nulls import (
    beyond_drift,
    drift_beside_walk,
    path_beside_walk,
    reliability,
)
from sessions.records import Floats, Ints

GENERATIONS = np.repeat(np.arange(10), 40)


def _session(
    rates: Floats, reference_rates: Floats, rng: np.random.Generator
) -> tuple[Floats, Ints, Floats]:
    """Scores of 40 images and 10 references in each of ten generations, with noise."""
    evolved = np.repeat(rates, 40) + rng.normal(0, 8, 400)
    references = np.linspace(0.5, 1.5, 10)[:, None] * reference_rates + rng.normal(0, 4, (10, 10))
    return evolved, GENERATIONS, references


def test_a_drift_by_a_factor_is_taken_out_by_a_factor() -> None:
    rng = np.random.default_rng(0)
    drift = np.linspace(1.0, 0.5, 10)
    found = beyond_drift(*_session(60 * drift, 30 * drift, rng), rng)
    assert found.verdict == "no change shown"
    assert found.drift == pytest.approx(0.57, abs=0.05)
    # Evolved images fell from 60 to 40, and would have fallen to 30.
    risen = beyond_drift(*_session(np.linspace(60, 40, 10), 30 * drift, rng), rng)
    assert risen.verdict == "rises"
    assert risen.achieved("maximise")
    assert not risen.achieved("minimise")


def test_where_references_do_not_respond_their_change_is_subtracted() -> None:
    rng = np.random.default_rng(1)
    found = beyond_drift(*_session(np.full(10, 60.0), np.linspace(0, -20, 10), rng), rng)
    assert found.verdict == "rises"
    assert found.gain.value == pytest.approx(17.8, abs=4)
    assert math.isnan(found.drift)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng, drift = np.random.default_rng(2), np.linspace(1.0, 0.7, 10)
    said = [beyond_drift(*_session(40 * drift, 40 * drift, rng), rng).verdict for _ in range(60)]
    assert said.count("no change shown") >= 52


def test_references_without_a_score_at_one_end_are_left_out() -> None:
    rng = np.random.default_rng(3)
    evolved, generation, references = _session(np.linspace(20, 60, 10), np.full(10, 30.0), rng)
    references[:9, 7:] = np.nan
    assert beyond_drift(evolved, generation, references, rng).verdict == "no references"
    references[1, 8] = 45.0
    assert beyond_drift(evolved, generation, references, rng).verdict == "rises"
    evolved[:] = np.nan
    assert beyond_drift(evolved, generation, references, rng).verdict == "too few scores"


def test_norms_scatter_about_that_of_the_walk_as_told() -> None:
    rng, dim, s = np.random.default_rng(4), 60, 0.09
    sigmas, begin = np.linspace(3, 2, 12), np.zeros(dim)
    begin[0] = 5.0
    moves = np.sqrt(s) * sigmas[:-1, None] * rng.standard_normal((4000, 11, dim))
    norms = np.linalg.norm(begin + moves.sum(axis=1), axis=1)
    found = drift_beside_walk(np.array([5.0, 17.0]), sigmas, np.full(12, s), dim)
    assert found.norm == 17.0
    assert found.expected == pytest.approx(np.sqrt(np.square(norms).mean()), rel=0.01)
    assert found.sd == pytest.approx(norms.std(), rel=0.05)


def test_paths_need_five_points() -> None:
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.standard_normal((30, 400)), axis=0)
    assert path_beside_walk(walk[:4]) is None
    found = path_beside_walk(walk)
    assert found is not None
    assert found.shares == pytest.approx(found.walk_shares, abs=0.04)
    assert abs(found.step_cosine) < 4 * found.step_cosine_sd
    straight = path_beside_walk(np.outer(np.arange(30.0), np.ones(400)))
    assert straight is not None
    assert straight.step_cosine == pytest.approx(1)
    still = path_beside_walk(np.ones((6, 3)))
    assert still is not None
    assert math.isnan(still.step_cosine)


def _presentations(
    signal_sd: float, n_repeats: int, rng: np.random.Generator
) -> tuple[Floats, Ints, Ints, Floats]:
    """Scores of 30 generations of 40 images, each with its repeats; and what is true of them."""
    generation = np.repeat(np.arange(30), 40)
    true = 20.0 * generation + signal_sd * rng.standard_normal(1200)
    image = np.repeat(np.arange(1200), n_repeats)
    scores = true[image] + rng.standard_normal(image.size)
    return scores, image, generation[image], true - 20.0 * generation


@pytest.mark.parametrize(("signal_sd", "n_repeats"), [(0.5, 2), (1.0, 3), (0.2, 5)])
def test_rho_is_the_correlation_of_scores_with_the_truth(signal_sd: float, n_repeats: int) -> None:
    rng = np.random.default_rng(6)
    scores, image, generation, true = _presentations(signal_sd, n_repeats, rng)
    found = reliability(scores, image, generation)
    assert found is not None
    means = scores.reshape(1200, n_repeats).mean(axis=1) - 20.0 * np.repeat(np.arange(30), 40)
    assert found.rho == pytest.approx(np.corrcoef(means, true)[0, 1], abs=0.06)
    assert (found.n_images, found.rho > found.null_rho) == (1200, True)


def test_rho_of_two_repeats_is_the_root_of_the_corrected_split_half() -> None:
    rng = np.random.default_rng(7)
    scores, image, generation, _ = _presentations(0.7, 2, rng)
    found = reliability(
        scores[generation == 0], image[generation == 0], generation[generation == 0]
    )
    halves = scores[generation == 0].reshape(40, 2)
    # Which half is which is arbitrary, so correlate with both orders pooled.
    r = np.corrcoef(np.vstack([halves, halves[:, ::-1]]).T)[0, 1]
    assert found is not None
    assert found.rho == pytest.approx(np.sqrt(2 * r / (1 + r)), rel=0.03)


def test_images_that_make_no_difference_stay_below_the_limit_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    found = [reliability(*_presentations(0.0, 3, rng)[:3]) for _ in range(60)]
    below = sum(each is not None and each.rho <= each.null_rho for each in found)
    assert 51 <= below < 60
    scores, image, generation, _ = _presentations(1.0, 1, rng)
    assert reliability(scores, image, generation) is None
