"""Simulated days beside the published ones, in small; scripts/rig_days does two hundred.

With few days a statistic may lie beyond its tolerance by its own sampling error. What needs a whole
run of generations (gains, variances of counts, changes from third to third) is left to the script.
"""

import numpy as np
import pytest

from controller.bench.rig_days.days import Day, config_of_day, run_day
from controller.bench.rig_days.published import STATISTICS, reference_change
from controller.bench.rig_days.verdicts import losses, table, verdicts

SHORT = ("stopping.max_generations=4", "generators.main.code_dim=256")
ANY_LENGTH = (
    "references, CV from block to block, median",
    "correct trials, median",
    "SEM of a generation over its mean, median",
    "first two generations, sp/s, median",
)


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return [run_day(config_of_day("typical_rig_day", seed, SHORT)) for seed in range(501, 505)]


def test_a_few_short_days_are_as_near_to_the_published_ones_as_they_can_tell(
    days: list[Day],
) -> None:
    rows = {row.statistic.name: row for row in verdicts(days)}
    assert [rows[name] for name in ANY_LENGTH if not rows[name].may_be_within] == []


def test_a_day_that_is_not_typical_is_found_out() -> None:
    wild = (
        *SHORT,
        "rig.settings.variability.presentation_gain_cv=1.0",
        "behaviour.correct_probability=0.2",
    )
    rows = verdicts([run_day(config_of_day("typical_rig_day", seed, wild)) for seed in range(3)])
    missed = {row.statistic.name for row in rows if not row.may_be_within}
    assert set(ANY_LENGTH[1:3]) <= missed


def test_a_day_is_the_same_each_time_and_each_day_another(days: list[Day]) -> None:
    again = run_day(config_of_day("typical_rig_day", 501, SHORT))
    np.testing.assert_array_equal(again.evolved, days[0].evolved)
    np.testing.assert_array_equal(again.reference, days[0].reference)
    assert again.outcomes == days[0].outcomes
    assert not np.array_equal(days[0].evolved, days[1].evolved)


def test_a_recording_system_that_is_lost_costs_a_gap_and_the_day_goes_on() -> None:
    lossy = (*SHORT, "rig.settings.losses.disconnects_per_hour=60.0", "stopping.max_generations=8")
    found = [run_day(config_of_day("typical_rig_day", seed, lossy)) for seed in (1, 2)]
    assert sum(day.disconnects for day in found) > 0
    assert all(len(day.evolved) == 8 and np.isfinite(day.evolved).all() for day in found)
    assert sum(day.outcomes.get("not_heard", 0) for day in found) > 0


def test_statistics_of_a_made_up_day_are_what_they_say() -> None:
    reference = np.repeat([[100.0], [90.0], [80.0]], 4, axis=1)
    made = Day(1, reference, reference, reference * 0.15, 10, 6, {"completed": 12}, False, 0, 1.0)
    assert reference_change(made) == pytest.approx(-0.2)
    of = {s.name: s.of_day(made) for s in STATISTICS}
    assert of["references, CV from block to block, median"] == pytest.approx(10 / 90)
    assert of["correct trials, median"] == 0.6
    assert of["first two generations, sp/s, median"] == 95.0
    assert of["gain, last three over first two, median"] == pytest.approx(90 / 95)
    # Shorter than the published sessions of which that was counted.
    assert np.isnan(of["ends above its references, share"])
    assert "| **no** |" in table(verdicts([made, made]))
    assert losses([made]).startswith("1 sessions of 1 minutes (median), 12 presentations")
