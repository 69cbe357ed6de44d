"""The test of success keeps its level where nothing evolved, and finds what did."""

import numpy as np
import pytest
from scipy.stats import binomtest

from controller.bench.false_positives import KINDS, Kind, Rate, row_of
from controller.bench.made_sessions import Conditions, MadeSession, make_session

NULL_KINDS = [kind for kind in KINDS if kind.is_null]


@pytest.mark.parametrize("kind", NULL_KINDS, ids=lambda kind: kind.name)
def test_where_nothing_evolved_the_level_is_kept(kind: Kind) -> None:
    row = row_of(kind, 200, seed=1)
    assert row.changed.agrees_with(0.05)
    assert row.rose.agrees_with(0.025)


def test_the_naive_test_takes_drift_for_evolution() -> None:
    drifting = row_of(KINDS[1], 100, seed=1)
    assert drifting.naive_changed.interval(0.99)[0] > 0.3
    tail = row_of(KINDS[2], 50, seed=1)
    assert tail.naive_changed.interval(0.99)[0] > 0.7


def test_true_evolutions_are_found_the_more_they_gain() -> None:
    found = [row_of(kind, 50, seed=1).rose.share for kind in KINDS if kind.conditions.gain]
    assert found == sorted(found)
    assert found[0] < 0.4
    assert found[-1] > 0.9


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20), (50, 1000)])
def test_intervals_are_those_of_clopper_and_pearson(k: int, n: int) -> None:
    told = binomtest(k, n).proportion_ci(0.95, "exact")
    assert Rate(k, n).interval() == pytest.approx((told.low, told.high))


def test_made_sessions_have_published_statistics() -> None:
    rng = np.random.default_rng(3)
    made = [make_session(Conditions("published"), rng) for _ in range(200)]
    changes, cvs, firsts = [], [], []
    for session in made:
        blocks = session.references.mean(axis=0)
        third = len(blocks) // 3
        changes.append(blocks[-third:].mean() / blocks[:third].mean() - 1)
        cvs.append(blocks.std(ddof=1) / blocks.mean())
        firsts.append(session.evolved[session.generation < 2].mean())
    # The tolerances of the simulated rig days (controller.bench.rig_days.published).
    assert -0.075 < np.median(changes) < -0.025
    assert -0.23 < np.quantile(changes, 0.1) < -0.13
    assert 0.09 < np.median(cvs) < 0.14
    assert 71 < np.median(firsts) < 102


def test_a_tuned_site_walks_by_chance_and_its_scores_tell_images_apart() -> None:
    rng = np.random.default_rng(4)
    made = [make_session(Conditions("none", rho=0.6), rng) for _ in range(60)]
    plain = [make_session(Conditions("none"), rng) for _ in range(60)]

    def wander(sessions: list[MadeSession]) -> float:
        """Median change of means over the run, in standard deviations within a generation."""
        return float(
            np.median(
                [
                    abs(s.evolved[-40:].mean() - s.evolved[:40].mean()) / s.within_sd
                    for s in sessions
                ]
            )
        )

    # .67 sigma of a walk of rho sqrt(S T) = .6 * 1.63; without one, of sqrt(2 / 40).
    assert 0.4 < wander(made) < 1.0
    assert wander(plain) < 0.3
