"""A day at the rig: responses that vary, adapt and drift, and recordings with losses.

Each statistic is held against what its setting says, with a chance of 1e-4 to be wrong; nothing of
it happens where it was not asked for.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from rig_adapters.recorded import Recording
from rig_adapters.sim.answers import Answers
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.outbox import Outbox
from rig_adapters.sim.reports import Reports, SimulatedDisconnect
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.sim.simulation import Simulation
from rig_adapters.wire.light import ImagesUploaded, LightChanged
from rig_adapters.wire.messages import Message, SpikesRecorded

TrialLight = Callable[[float, list[str]], list[LightChanged]]
SHAS = ["1" * 64, "2" * 64]
UNITS = (ShapeSettings(channel=1, seed=1), ShapeSettings(channel=2, seed=2))
EVERYTHING: dict[str, Any] = {
    "gain_trend_sd_per_min": 0.01,
    "variability": {
        "multiplicative_noise": 0.2,
        "presentation_gain_cv": 0.3,
        "presentation_gain_correlation": 0.5,
    },
    "time_course": {
        "latency_jitter_s": 0.004,
        "latency_of_weakest_s": 0.03,
        "transient_range": (0.0, 4.0),
    },
    "adaptation": {"fatigue": 0.5, "repetition_suppression": 0.2},
    "background": {"rate_hz": 60.0, "spread": 0.5},
    "losses": {
        "dropouts_per_hour": 100.0,
        "dropout_s": 5.0,
        "units_lost_per_hour": 3.0,
        "missed_spikes": 0.1,
    },
}


def settings(**changes: Any) -> SimRigSettings:
    table = {"units": UNITS, "gain_cv": 0.0, "gain_trend_per_min": 0.0} | changes
    return SimRigSettings.model_validate(table)


def counts(
    asked: SimRigSettings, rate_hz: float, n: int, apart_s: float = 100.0, sha: str = "{}"
) -> npt.NDArray[np.int64]:
    """Counts (n, u) in the window in which a rate is a mean rate."""
    answers = Answers(asked, seed=3)
    rates = np.full(len(asked.units), rate_hz)
    return np.array(
        [
            [
                np.count_nonzero((spikes >= 0.05) & (spikes < 0.2))
                for _, spikes in answers.spikes_s(k, apart_s * k, sha.format(k), rates, 1.0)
            ]
            for k in range(n)
        ]
    )


def simulation(asked: SimRigSettings, seed: int = 1) -> Simulation:
    simulated = Simulation(asked, seed)
    preferred = simulated.neurons.truths[0].preferred
    assert preferred is not None
    simulated.see(
        ImagesUploaded(sha256s=tuple(SHAS), images=np.stack([preferred, 255 - preferred]))
    )
    return simulated


def light_of(trial_light: TrialLight, n_trials: int) -> list[LightChanged]:
    return [c for t in range(n_trials) for c in trial_light(1.0 + 3.0 * t, [SHAS[0], SHAS[1]])]


def test_a_gain_for_each_presentation_adds_its_square_to_the_variance() -> None:
    cv, n, rate_hz = 0.4, 3000, 80.0
    told = counts(settings(variability={"presentation_gain_cv": cv}), rate_hz, n)
    mean = rate_hz * 0.15
    for column in told.T:
        # Standard errors from the sample itself: the counts are not normal.
        assert abs(column.mean() - mean) < 4 * column.std() / math.sqrt(n)
        squares = (column - mean) ** 2
        assert abs(squares.mean() - (mean + cv**2 * mean**2)) < 4 * squares.std() / math.sqrt(n)


@pytest.mark.parametrize("shared", [0.0, 0.6, 1.0])
def test_units_share_as_much_of_that_gain_as_was_asked(shared: float) -> None:
    cv, n, rate_hz = 0.4, 3000, 60.0
    table = {"presentation_gain_cv": cv, "presentation_gain_correlation": shared}
    told = counts(settings(variability=table), rate_hz, n)
    mean, sd2 = rate_hz * 0.15, math.log1p(cv**2)
    expected = mean**2 * math.expm1(shared * sd2)
    products = (told[:, 0] - mean) * (told[:, 1] - mean)
    assert abs(products.mean() - expected) < 4 * products.std() / math.sqrt(n)


def test_the_published_noise_stands_alone_where_spikes_come_evenly() -> None:
    s, n, rate_hz = 0.5, 3000, 80.0
    told = counts(settings(variability={"multiplicative_noise": s, "counts": "even"}), rate_hz, n)
    mean = rate_hz * 0.15
    z = np.linspace(stats.norm.ppf(5e-5), stats.norm.ppf(1 - 5e-5), 20001)
    clipped = np.minimum(np.maximum(0.0, 1.0 + s * z) * mean, UNITS[0].room_hz * 0.15)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    expected = (clipped * weights).sum()
    variance = ((clipped - expected) ** 2 * weights).sum()
    for column in told.T:
        assert abs(column.mean() - expected) < 4 * math.sqrt(variance / n)
        # Rounding to whole spikes adds at most a quarter.
        squares = (column - column.mean()) ** 2
        assert abs(squares.mean() - variance) < 0.25 + 4 * squares.std() / math.sqrt(n)


def test_even_counts_without_noise_differ_by_one_spike_at_most() -> None:
    told = counts(settings(variability={"counts": "even"}), 70.0, 200)
    assert told.min() >= 10
    assert told.max() <= 11
    assert told.mean() == pytest.approx(10.5, abs=0.15)


def test_weak_responses_come_later_and_all_of_them_jitter() -> None:
    asked = settings(
        time_course={"latency_of_weakest_s": 0.04, "latency_jitter_s": 0.003},
        variability={"counts": "even"},
    )
    answers = Answers(asked, seed=1)
    first: dict[float, list[float]] = {}
    for k, rate_hz in enumerate([60.0, 195.0] * 300):
        (_, spikes), _ = answers.spikes_s(k, 100.0 * k, str(k), np.full(2, rate_hz), 1.0)
        first.setdefault(rate_hz, []).append(float(np.median(spikes)))
    weak, strong = (np.array(first[rate]) for rate in (60.0, 195.0))
    assert weak.mean() - strong.mean() == pytest.approx(0.04 * 135 / 195, abs=0.004)
    assert 0.002 < strong.std() < 0.006


def test_each_unit_keeps_its_own_time_course_all_day() -> None:
    asked = settings(time_course={"transient_range": (0.0, 6.0)}, day_seed=6)
    early = []
    for seed in (1, 2):
        answers, share = Answers(asked, seed), np.zeros(2)
        for k in range(400):
            for unit, (_, spikes) in enumerate(
                answers.spikes_s(k, 100.0 * k, str(k), np.full(2, 150.0), 1.0)
            ):
                share[unit] += np.mean(spikes < 0.1) / 400
        early.append(share)
    np.testing.assert_allclose(early[0], early[1], atol=0.02)
    assert abs(early[0][0] - early[0][1]) > 0.05


def test_an_image_shown_again_at_once_is_answered_less_and_another_is_not() -> None:
    table = {"repetition_suppression": 0.4, "repetition_memory_s": 10.0}
    asked = settings(adaptation=table, variability={"counts": "even"})
    same = counts(asked, 100.0, 400, apart_s=1.0, sha="same")[1:]
    other = counts(asked, 100.0, 400, apart_s=1.0)
    assert same.mean() / other.mean() == pytest.approx(1.0 - 0.4 * math.exp(-0.1), abs=0.01)


def test_a_strong_response_tires_its_unit_for_the_next_image_and_that_passes() -> None:
    table = {"fatigue": 1.0, "recovery_s": 0.5}
    asked = settings(adaptation=table, variability={"counts": "even"})
    rested = counts(asked, 195.0, 200, apart_s=100.0).mean()
    rapid = counts(asked, 195.0, 200, apart_s=0.15)[50:].mean()
    kept = math.exp(-0.15 / 0.5)
    # In the long run f = kept * (f + r) and r = 1 / (1 + f), in shares of the ceiling.
    fatigue = (math.sqrt(1 + 4 * kept / (1 - kept)) - 1) / 2
    assert rapid / rested == pytest.approx(1 / (1 + fatigue), abs=0.01)


def test_the_background_differs_from_day_to_day_and_stays_within_one() -> None:
    table = {"rate_hz": 60.0, "spread": 0.5}
    days = [Answers(settings(background=table, day_seed=d), d).background_hz for d in range(300)]
    again = Answers(settings(background=table, day_seed=7), 99).background_hz
    np.testing.assert_array_equal(days[7], again)
    logs = np.log(np.array(days) / 60.0)
    assert abs(logs.mean()) < 4 * 0.5 / math.sqrt(600)
    assert logs.std() == pytest.approx(0.5, rel=0.12)


def test_everything_at_once_is_the_same_however_often_it_is_read(trial_light: TrialLight) -> None:
    light = light_of(trial_light, 20)

    def spikes(take_every: int) -> list[int]:
        simulated = simulation(settings(**EVERYTHING))
        simulated.begin(0.0)
        told: list[int] = []
        for index, change in enumerate(light):
            simulated.see(change)
            if index % take_every == 0:
                told += simulated.take(change.host_time_s).spike_samples.tolist()
        return told + simulated.take(light[-1].host_time_s).spike_samples.tolist()

    results = [spikes(every) for every in (1, 5, 1000)]
    assert len(results[0]) > 300
    assert results[0] == results[1] == results[2]


def test_tables_that_are_given_and_ask_for_nothing_change_no_spike(trial_light: TrialLight) -> None:
    light = light_of(trial_light, 10)
    results = []
    for tables in ({}, {key: {} for key in EVERYTHING} | {"gain_trend_sd_per_min": 0.0}):
        simulated = simulation(SimRigSettings.model_validate({"units": UNITS} | tables))
        simulated.begin(0.0)
        for change in light:
            simulated.see(change)
        results.append(simulated.take(light[-1].host_time_s).spike_samples.tolist())
    assert results[0] == results[1]


def spontaneous(asked: SimRigSettings, seed: int, from_s: float, to_s: float) -> dict[int, Any]:
    simulated = Simulation(asked, seed, day_began_s=0.0)
    simulated.begin(from_s)
    told = simulated.take(to_s)
    host_s = simulated.clock.truth.to_host(simulated.clock.seconds(told.spike_samples))
    return {unit.unit_id: host_s[told.spike_unit_ids == unit.unit_id] for unit in asked.units}


def test_a_unit_is_lost_for_good_also_where_the_rig_is_started_anew() -> None:
    asked = settings(losses={"units_lost_per_hour": 4.0}, day_seed=5)
    lost_s = {u.unit_id: Simulation(asked, 1).losses.lost_from_s(u.unit_id) for u in UNITS}
    for unit_id, spikes in spontaneous(asked, 1, 0.0, 3000.0).items():
        assert spikes.max() < lost_s[unit_id]
        assert spikes.max() > min(lost_s[unit_id], 3000.0) - 5.0
    restarted = spontaneous(asked, 2, min(lost_s.values()) + 1.0, 3000.0)
    assert restarted[min(lost_s, key=lambda unit_id: lost_s[unit_id])].size == 0


def test_a_unit_drops_out_for_as_long_as_was_asked_and_comes_back() -> None:
    asked = settings(losses={"dropouts_per_hour": 60.0, "dropout_s": 20.0})
    for unit_id, spikes in spontaneous(asked, 1, 0.0, 3500.0).items():
        silences = Simulation(asked, 1).losses.silences(unit_id, 0.0, 3500.0)
        assert 30 < len(silences) < 95
        for silence in silences:
            assert not ((spikes >= silence.from_s) & (spikes < silence.to_s)).any()
        # 5 spikes/s outside of the silences, which may overlap.
        quiet = np.unique([int(t) for s in silences for t in np.arange(s.from_s, s.to_s)]).size
        assert spikes.size == pytest.approx(5.0 * (3500 - quiet), rel=0.1)


def test_spikes_that_the_sorter_misses_are_as_many_as_was_asked() -> None:
    whole = spontaneous(settings(), 1, 0.0, 2000.0)
    missed = spontaneous(settings(losses={"missed_spikes": 0.3}), 1, 0.0, 2000.0)
    for unit_id, spikes in missed.items():
        assert set(spikes) <= set(whole[unit_id])
        n = whole[unit_id].size
        assert abs(spikes.size - 0.7 * n) < 4 * math.sqrt(n * 0.3 * 0.7)


def batches(asked: SimRigSettings, through_s: int) -> tuple[Simulation, list[SpikesRecorded]]:
    simulated = Simulation(asked, 1)
    simulated.begin(0.0)
    reports = Reports(simulated, 0.0)
    return simulated, [r.batch for s in range(1, through_s) for r in reports.through(float(s))]


def test_what_the_rig_says_it_lost_is_a_gap_and_nothing_else_is() -> None:
    asked = settings(losses={"gaps_per_hour": 120.0, "gap_s": 2.0}, clock_offset_s=0.0)
    simulated, told = batches(asked, 1800)
    recording = Recording()
    for batch in told:
        recording.add(batch)
    wanted = simulated.losses.gaps(0.0, 1799.0)
    assert len(wanted) > 40
    lost_s = sum(gap.to_rig_s - gap.from_rig_s for gap in recording.gaps)
    assert lost_s == pytest.approx(sum(gap.to_s - gap.from_s for gap in wanted), abs=0.1)
    for gap in wanted:
        middle_s = float(simulated.clock.truth.to_rig((gap.from_s + gap.to_s) / 2))
        assert not recording.covers(middle_s, middle_s + 1e-3)
    assert recording.through_rig_s == pytest.approx(1799.0, abs=0.1)
    whole = spontaneous(settings(), 1, 0.0, 1799.0)[101].size
    heard = np.count_nonzero(recording.spikes().unit_ids == 101)
    assert heard == pytest.approx(whole * (1 - lost_s / 1799.0), rel=0.05)


def test_a_reply_that_never_comes_leaves_its_number_out() -> None:
    _, told = batches(settings(losses={"missing_replies_per_hour": 60.0}), 1800)
    recording = Recording()
    for batch in told:
        recording.add(batch)
    numbers = [batch.sequence for batch in told]
    absent = set(range(numbers[-1] + 1)) - set(numbers)
    assert 15 < len(absent) < 50
    assert len(recording.gaps) >= len(absent) / 2
    steps = [b.from_rig_s - a.through_rig_s for a, b in itertools.pairwise(told)]
    assert sum(steps) == pytest.approx(len(absent), abs=1e-3)


def test_a_lost_recording_system_comes_back_and_is_not_lost_again_at_once() -> None:
    asked = settings(losses={"disconnects_per_hour": 60.0})
    with pytest.raises(SimulatedDisconnect, match="there is nothing to do"):
        batches(asked, 3600)
    simulated = Simulation(asked, 1, day_began_s=0.0)
    simulated.begin(100.0)
    reports = Reports(simulated, 100.0)
    for s in range(101, 160):
        reports.through(float(s))


def test_a_late_message_holds_back_those_behind_it_and_none_before() -> None:
    now_s, sent = [0.0], []
    box = Outbox(lambda message: sent.append(message.host_time_s), clock=lambda: now_s[0])

    def message(number: float) -> Message:
        return LightChanged(what="dark_until", host_time_s=number)

    box.put(message(1.0))
    box.put(message(2.0), late_s=1.0)
    box.put(message(3.0))
    assert sent == [1.0]
    assert box.due_in_s == 1.0
    now_s[0] = 1.0
    box.send_due()
    assert sent == [1.0, 2.0, 3.0]
    assert box.due_in_s is None
    box.put(message(4.0), late_s=100.0)
    box.send_all()
    assert sent[-1] == 4.0


def test_the_trend_is_drawn_once_for_a_day() -> None:
    def trend(day: int, seed: int) -> float:
        asked = settings(gain_trend_sd_per_min=0.01, gain_trend_per_min=-0.005, day_seed=day)
        gain = Simulation(asked, seed, day_began_s=0.0)._gain
        return (gain.at(600.0, np.random.default_rng(0)) - 1.0) / 10.0

    days = np.array([trend(day, 1) for day in range(300)])
    assert trend(5, 1) == trend(5, 2)
    assert days.mean() == pytest.approx(-0.005, abs=4 * 0.01 / math.sqrt(300))
    assert days.std() == pytest.approx(0.01, rel=0.2)
