"""Score curves, gains and the test of success."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sessions.analysis.evolution import difference_of_means, ends, judge_evolution, score_curve


def test_a_curve_leaves_missing_scores_out() -> None:
    curve = score_curve(
        np.array([1.0, 3.0, math.nan, 5.0]),
        np.array([0, 0, 1, 2]),
        np.array([2.0, 4.0, 9.0]),
        np.array([0, 0, 2]),
    )

    assert curve.generation.tolist() == [0, 1, 2]
    assert curve.n_scored.tolist() == [2, 0, 1]
    np.testing.assert_array_equal(curve.evolved_mean, [2.0, math.nan, 5.0])
    np.testing.assert_allclose(curve.evolved_sem, [1.0, math.nan, math.nan])
    np.testing.assert_array_equal(curve.evolved_max, [3.0, math.nan, 5.0])
    np.testing.assert_array_equal(curve.reference_mean, [3.0, math.nan, 9.0])


@pytest.mark.parametrize(
    ("n", "first", "last"),
    [
        (0, [], []),
        (1, [], [0]),
        (2, [0], [1]),
        (4, [0, 1], [2, 3]),
        (9, [0, 1], [6, 7, 8]),
    ],
)
def test_first_and_last_generations_never_overlap(
    n: int, first: list[int], last: list[int]
) -> None:
    assert [ids.tolist() for ids in ends(np.arange(n))] == [first, last]


def run(slope: float, drift: float, seed: int, direction="maximise"):
    """Judge a made-up thread: references drift, evolved images drift and climb."""
    rng = np.random.default_rng(seed)
    generation = np.repeat(np.arange(10), 20)
    evolved = 30 + (slope + drift) * generation + rng.normal(0, 5, 200)
    reference_generation = np.repeat(np.arange(10), 10)
    reference = 30 + drift * reference_generation + rng.normal(0, 5, 100)
    return judge_evolution(
        evolved, generation, reference, reference_generation, direction, np.random.default_rng(0)
    )


def test_a_climbing_thread_goes_beyond_and_its_gain_is_estimated() -> None:
    found = run(slope=3.0, drift=0.0, seed=1)

    assert found.beyond_references
    assert found.gain.low < 3.0 * 7.5 < found.gain.high
    assert found.ratio == pytest.approx(found.last / found.first)


def test_drift_that_references_share_is_no_success() -> None:
    assert not any(run(slope=0.0, drift=3.0, seed=seed).beyond_references for seed in range(10))


def test_minimising_goes_beyond_by_falling() -> None:
    assert run(slope=-2.0, drift=0.0, seed=1, direction="minimise").beyond_references
    assert not run(slope=-2.0, drift=0.0, seed=1).beyond_references


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        found = difference_of_means(rng.normal(2, 3, 40), rng.normal(0, 1, 40), rng)
        covered += found.low < 2 < found.high
    # 200 draws at 95 % leave this range once in a few hundred thousand times.
    assert 170 <= covered <= 200


def test_too_few_scores_give_no_interval() -> None:
    found = difference_of_means(np.array([1.0]), np.array([1.0, 2.0]), np.random.default_rng(0))
    assert math.isnan(found.value)
