"""Every behaviour keeps the contract, and the simulated animal is the one that its settings say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.behaviour.always import AlwaysFixating
from rig_adapters.stimulus.behaviour.base import Look
from rig_adapters.stimulus.behaviour.gaze import GAP_S, SILENCE_S, GazeSample, GazeWindow
from rig_adapters.stimulus.behaviour.simulated_animal import SimulatedAnimal
from rig_adapters.testing.behaviour_contract import BehaviourContract, Deed
from rig_adapters.wire.animal import EyeTrackerSettings, SimulatedAnimalSettings

SAMPLE_S = 0.002
LOST = (math.nan, math.nan)
TRACKER = EyeTrackerSettings(
    kind="eye_tracker",
    iohub_config="unused.yaml",
    window_radius_deg=1.2,
    acquisition_timeout_s=1.0,
    longest_blink_s=0.2,
)
FRESH = SimulatedAnimalSettings(kind="simulated", slowing_per_100_trials=0.0)


class AlwaysStage:
    def __init__(self) -> None:
        self.behaviour = AlwaysFixating()

    def next_trial(self, deed: Deed, trial_id: int, _spot_on_s: float) -> int:
        assert deed == "hold"
        return trial_id

    def until(self, time_s: float) -> None:
        """It has no eyes."""


class TestAlwaysFixating(BehaviourContract):
    can = ("hold",)

    @pytest.fixture
    def stage(self) -> AlwaysStage:
        return AlwaysStage()


class AnimalStage:
    """Finds a trial in which an animal of this seed does as is wished."""

    def __init__(self) -> None:
        self._settings = FRESH.model_copy(update={"inattentive_probability": 0.3})
        self.behaviour = SimulatedAnimal(self._settings, seed=3)

    def next_trial(self, deed: Deed, trial_id: int, _spot_on_s: float) -> int:
        wanted = {"hold": 1, "break": 2, "ignore": 0}[deed]
        while len(deeds(self._settings, 3, trial_id)) != wanted:
            trial_id += 1
        return trial_id

    def until(self, time_s: float) -> None:
        """It is made of numbers."""


class TestSimulatedAnimal(BehaviourContract):
    @pytest.fixture
    def stage(self) -> AnimalStage:
        return AnimalStage()


class RecordedGaze:
    """A gaze stream that is played as the clock goes on."""

    def __init__(self) -> None:
        self.stream: list[GazeSample] = []
        self.closed = 0
        self._now_s = 0.0

    def play(self, time_s: float) -> None:
        self._now_s = time_s

    def samples(self) -> list[GazeSample]:
        due = [sample for sample in self.stream if sample.time_s <= self._now_s]
        self.stream = self.stream[len(due) :]
        return due

    def close(self) -> None:
        self.closed += 1


class GazeStage:
    """A recorded gaze that comes to the spot, stays or leaves, and then wanders."""

    def __init__(self) -> None:
        self.gaze = RecordedGaze()
        self.behaviour = GazeWindow(self.gaze, TRACKER)
        self._rng = np.random.default_rng(5)

    def next_trial(self, deed: Deed, trial_id: int, spot_on_s: float) -> int:
        arrives_s = spot_on_s + 0.25 if deed != "ignore" else math.inf
        leaves_s = arrives_s + (0.2 if deed == "break" else 2.0)
        self.gaze.stream = [
            GazeSample(time_s, *self._place(arrives_s <= time_s < leaves_s, time_s, arrives_s))
            for time_s in np.arange(spot_on_s - 0.1, spot_on_s + 4.0, SAMPLE_S)
        ]
        return trial_id

    def until(self, time_s: float) -> None:
        self.gaze.play(time_s)

    def _place(self, inside: bool, time_s: float, arrives_s: float) -> tuple[float, float]:
        if not inside:
            return 7.0, -4.0
        if 0.05 <= time_s - arrives_s < 0.15:
            return LOST
        x_deg, y_deg = self._rng.normal(0.0, 0.2, 2)
        return float(x_deg), float(y_deg)


class TestGazeWindow(BehaviourContract):
    @pytest.fixture
    def stage(self) -> GazeStage:
        return GazeStage()


def deeds(settings: SimulatedAnimalSettings, seed: int, trial_id: int) -> list[Look]:
    """Return all that a new animal does in one trial that begins at 0 s and lasts 1 s."""
    animal = SimulatedAnimal(settings, seed)
    animal.begin_trial(trial_id, 0.0, 1.0)
    return list(animal.watch(1e9))


def watched(*places: tuple[float, tuple[float, float]], until_s: float = 9.0) -> list[Look]:
    """Return what a window makes of a gaze that is at each place from a moment on."""
    gaze = RecordedGaze()
    window = GazeWindow(gaze, TRACKER, spot_deg=(2.0, 1.0))
    for time_s in np.arange(0.0, until_s, SAMPLE_S):
        at = [place for moment_s, place in places if moment_s <= time_s + 1e-9]
        if at:
            gaze.stream.append(GazeSample(float(time_s), *at[-1]))
    gaze.play(until_s)
    window.begin_trial(1, 0.0, 5.0)
    return list(window.watch(until_s))


ON, OFF = (2.0, 1.0), (3.3, 1.0)


def test_two_thirds_of_the_begun_trials_are_completed_and_breaks_come_at_any_time() -> None:
    done = [deeds(FRESH, 1, trial_id) for trial_id in range(3000)]

    begun = [looks for looks in done if looks]
    broken = [looks for looks in begun if len(looks) == 2]
    ignored, failed = len(done) - len(begun), len(broken)
    assert 1e-4 < stats.binom.cdf(ignored, 3000, 0.02) < 1 - 1e-4
    assert 1e-4 < stats.binom.cdf(failed, len(begun), 0.33) < 1 - 1e-4
    moments = [looks[1].time_s - looks[0].time_s for looks in broken]
    assert stats.kstest(moments, "uniform").pvalue > 1e-4


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from([0.0, 0.33, 0.67, 1.0]),
    st.sampled_from([0.0, 0.02, 0.5]),
    st.sampled_from([0.0, 0.02, 1.0]),
    st.sampled_from([0, 5000]),
    st.floats(0.1, 5.0),
)
def test_in_the_long_run_every_animal_is_the_one_that_its_settings_say(
    seed: int, correct: float, ignores: float, slowing: float, first_id: int, hold_s: float
) -> None:
    configured = SimulatedAnimalSettings(
        kind="simulated",
        correct_probability=correct,
        inattentive_probability=ignores,
        acquisition_s=0.2,
        slowing_per_100_trials=slowing,
    )
    n, animal = 400, SimulatedAnimal(configured, seed)
    done: list[list[Look]] = []
    for trial_id in range(first_id, first_id + n):
        animal.begin_trial(trial_id, 10.0, hold_s)
        done.append(list(animal.watch(math.inf)))

    begun = [looks for looks in done if looks]
    broken = [looks for looks in begun if len(looks) == 2]
    slowness = 1.0 + slowing * np.arange(first_id, first_id + n) / 100.0
    assert within_chance(n - len(begun), n, ignores)
    completes = correct * float(np.mean(1.0 / slowness))
    assert within_chance(len(begun) - len(broken), len(begun), completes)
    assert all(0 <= b.time_s - a.time_s < hold_s for a, b in broken)
    latencies_s = [looks[0].time_s - 10.0 for looks in begun]
    assert min(latencies_s) > 0
    assert np.median(latencies_s) == pytest.approx(0.2 * np.median(slowness), rel=0.2)


def within_chance(found: int, n: int, probability: float) -> bool:
    """Whether one in ten million or more of such counts lies as far out."""
    less, more = stats.binom.cdf(found, n, probability), stats.binom.sf(found - 1, n, probability)
    return bool(min(less, more) > 1e-7)


def test_an_animal_has_good_and_bad_days_and_keeps_to_one_through_a_session() -> None:
    moody = FRESH.model_copy(update={"correct_log_odds_sd": 0.8})

    days = np.array([SimulatedAnimal(moody, seed).correct_probability for seed in range(2000)])
    log_odds = np.log(days / (1 - days))

    assert np.median(days) == pytest.approx(0.67, abs=0.03)
    assert stats.kstest((log_odds - np.log(0.67 / 0.33)) / 0.8, "norm").pvalue > 1e-4
    assert SimulatedAnimal(moody, 3).correct_probability == days[3]
    assert SimulatedAnimal(FRESH, 3).correct_probability == 0.67
    worst = int(np.argmin(days[:20]))
    broken = sum(len(deeds(moody, worst, trial_id)) == 2 for trial_id in range(1000))
    begun = sum(bool(deeds(moody, worst, trial_id)) for trial_id in range(1000))
    assert within_chance(begun - broken, begun, float(days[worst]))


def test_an_animal_tires_with_the_trials_that_it_did() -> None:
    tiring = FRESH.model_copy(update={"slowing_per_100_trials": 0.1})

    early = [deeds(tiring, 1, trial_id) for trial_id in range(1000)]
    late = [deeds(tiring, 1, trial_id) for trial_id in range(5000, 6000)]

    def latency_s(trials: list[list[Look]]) -> float:
        return float(np.median([looks[0].time_s for looks in trials if looks]))

    def broken(trials: list[list[Look]]) -> int:
        return sum(len(looks) == 2 for looks in trials)

    assert latency_s(late) > 3 * latency_s(early)
    assert broken(late) > broken(early) + 100


def test_an_animal_does_the_same_in_a_trial_whatever_came_before() -> None:
    animal = SimulatedAnimal(FRESH, 8)
    for trial_id in range(20):
        animal.begin_trial(trial_id, 0.0, 1.0)
        looks = list(animal.watch(1e9))
        assert looks == deeds(FRESH, 8, trial_id)
        animal.end_trial(2.0, True)
    assert deeds(FRESH, 8, 4) != deeds(FRESH, 9, 4)


def test_an_animal_that_did_not_look_may_look_the_next_time() -> None:
    lazy = FRESH.model_copy(update={"inattentive_probability": 0.9})
    animal = SimulatedAnimal(lazy, 1)
    tries = 0
    looks: list[Look] = []
    while not looks:
        animal.begin_trial(1, 10.0 * tries, 1.0)
        looks = list(animal.watch(10.0 * tries + 9.0))
        animal.end_trial(10.0 * tries + 9.0, bool(looks))
        tries += 1
    assert tries > 1


def test_a_gaze_that_leaves_the_window_breaks_the_fixation_at_that_sample() -> None:
    looks = watched((0.0, OFF), (0.5, ON), (1.0, OFF), (1.2, ON))

    assert [look.what for look in looks] == ["acquired", "broken"]
    assert [look.time_s for look in looks] == pytest.approx([0.5, 1.0])


def test_a_short_blink_breaks_nothing_and_a_long_one_counts_from_its_beginning() -> None:
    assert [look.what for look in watched((0.0, ON), (1.0, LOST), (1.19, ON))] == ["acquired"]

    looks = watched((0.0, ON), (1.0, LOST), (1.3, ON))
    assert [look.what for look in looks] == ["acquired", "broken"]
    assert looks[1].time_s == pytest.approx(1.0)


def test_an_eye_that_is_lost_acquires_nothing() -> None:
    assert watched((0.0, LOST)) == []


def test_the_window_is_round() -> None:
    corner = (2.0 + 1.1, 1.0 + 1.1)
    assert watched((0.0, corner)) == []
    assert [look.what for look in watched((0.0, (2.0 + 0.8, 1.0 - 0.8)))] == ["acquired"]


def test_a_tracker_that_sends_nothing_at_all_is_told() -> None:
    window = GazeWindow(RecordedGaze(), TRACKER)
    window.begin_trial(1, 10.0, 1.0)
    assert window.watch(10.0 + SILENCE_S) == []

    with pytest.raises(BehaviourError, match=r"has sent no sample for 2\.5 s"):
        window.watch(12.5)


def test_a_fixation_of_which_nothing_is_heard_is_broken_at_the_last_sample() -> None:
    gaze = RecordedGaze()
    window = GazeWindow(gaze, TRACKER, spot_deg=(2.0, 1.0))
    window.begin_trial(1, 10.0, 5.0)
    gaze.stream = [GazeSample(10.1, *ON), GazeSample(10.2, *ON), GazeSample(10.39, *ON)]
    gaze.play(20.0)

    assert window.watch(10.39) == [Look("acquired", 10.1)]
    assert window.watch(10.39 + GAP_S) == []
    assert window.watch(10.4 + GAP_S) == [Look("broken", 10.39)]
    assert window.watch(13.0) == []


def test_samples_that_are_missing_between_two_others_break_the_fixation_too() -> None:
    gaze = RecordedGaze()
    window = GazeWindow(gaze, TRACKER, spot_deg=(2.0, 1.0))
    window.begin_trial(1, 10.0, 5.0)
    gaze.stream = [GazeSample(10.1, *ON), GazeSample(10.31, *ON)]
    gaze.play(20.0)

    assert window.watch(10.32) == [Look("acquired", 10.1), Look("broken", 10.1)]


def test_a_tracker_may_be_silent_between_trials() -> None:
    window = GazeWindow(RecordedGaze(), TRACKER)
    assert window.watch(1000.0) == []
    window.begin_trial(1, 2000.0, 1.0)
    assert window.watch(2001.0) == []


def test_the_tracker_is_let_go_of_at_the_end() -> None:
    gaze = RecordedGaze()
    GazeWindow(gaze, TRACKER).close()
    assert gaze.closed == 1
