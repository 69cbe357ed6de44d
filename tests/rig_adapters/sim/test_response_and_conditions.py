"""Spike times and what goes wrong: latency, Poisson counts, broken trials, a wandering gain."""

import numpy as np
import pytest
from scipy import stats

from rig_adapters.sim.clock import SampleClock
from rig_adapters.sim.conditions import GAIN_MEMORY_S, ResponseGain
from rig_adapters.sim.event_queue import EventQueue
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.randomness import Purpose, rng_at
from rig_adapters.sim.response import RESPONSE_S, evoked_spikes_s, spontaneous_spikes_s
from rig_adapters.sim.settings import SimRigSettings, read_settings


def test_the_rate_is_the_mean_over_150_ms_from_the_latency_and_counts_are_poisson() -> None:
    rng, rate_hz, n = np.random.default_rng(0), 60.0, 4000
    trials = [evoked_spikes_s(rate_hz, 0.05, rng) for _ in range(n)]
    counts = np.array([((t >= 0.05) & (t < 0.2)).sum() for t in trials])
    expected = rate_hz * 0.15
    assert abs(counts.mean() - expected) < 4 * np.sqrt(expected / n)
    # The index of dispersion of n Poisson counts is chi-squared with n - 1 degrees of freedom.
    dispersion = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert 1e-4 < stats.chi2.cdf(dispersion, n - 1) < 1 - 1e-4


def test_a_response_has_a_latency_a_transient_a_sustained_part_and_an_end() -> None:
    rng = np.random.default_rng(1)
    spikes = np.concatenate([evoked_spikes_s(100.0, 0.07, rng) for _ in range(2000)])
    assert spikes.min() >= 0.07
    assert spikes.max() <= 0.07 + RESPONSE_S
    early, late, end = np.histogram(spikes, [0.08, 0.1, 0.12, 0.2, 0.22, 0.235, 0.24])[0][[0, 3, 5]]
    assert early > 1.5 * late
    assert late > 20 * end > 0 or end == 0


def test_no_rate_gives_no_spikes() -> None:
    assert evoked_spikes_s(0.0, 0.05, np.random.default_rng(0)).size == 0
    assert spontaneous_spikes_s(0.0, 1.0, np.random.default_rng(0)).size == 0


def test_the_gain_has_the_spread_that_was_asked_for_and_forgets() -> None:
    gain, step_s = ResponseGain(0.11, 0.0), 30.0
    values = np.array([gain.at(step_s * k, rng_at(3, Purpose.GAIN, k)) for k in range(6000)])
    assert values.std() == pytest.approx(0.11, rel=0.1)
    assert values.mean() == pytest.approx(1.0, abs=0.02)
    neighbours = np.corrcoef(values[:-1], values[1:])[0, 1]
    assert neighbours == pytest.approx(np.exp(-step_s / GAIN_MEMORY_S), abs=0.05)


def test_a_trend_takes_five_per_cent_in_twenty_minutes() -> None:
    gain = ResponseGain(0.0, -0.0025)
    assert gain.at(100.0, np.random.default_rng(0)) == 1.0
    assert gain.at(100.0 + 20 * 60, np.random.default_rng(0)) == pytest.approx(0.95)


def test_a_long_downward_trend_ends_at_silence_not_below() -> None:
    gain = ResponseGain(0.0, -0.5)
    gain.at(0.0, np.random.default_rng(0))
    assert gain.at(600.0, np.random.default_rng(0)) == 0.0


def test_addresses_do_not_collide() -> None:
    addresses = [(p, k, u) for p in Purpose for k in (-2, -1, 0, 1, 2) for u in (0, 1)]
    draws = {rng_at(4, *address).integers(2**63) for address in addresses}
    assert len(draws) == len(addresses)


def test_the_sample_clock_has_its_own_offset_drift_and_grain() -> None:
    clock = SampleClock.from_settings(SimRigSettings(clock_offset_s=100.0, clock_drift_ppm=50.0))
    assert clock.seconds(clock.sample(1000.0)) == pytest.approx(1100.05, abs=1 / 30_000)
    samples = clock.samples([1.0, 1.0 + 1e-6])
    assert samples[0] == samples[1]


def test_events_are_taken_in_order_of_time_whatever_the_order_in_which_they_came() -> None:
    parts = [(np.array([9, 3]), 1), (np.array([3, 5]), 2)]
    taken = []
    for order in (parts, parts[::-1]):
        queue = EventQueue()
        for samples, unit in order:
            queue.put(samples, unit)
        taken.append([column.tolist() for column in queue.take_before(9)])
    assert taken == [[[3, 3, 5], [1, 2, 2]]] * 2


def test_unit_ids_follow_from_channel_and_unit() -> None:
    assert ShapeSettings(channel=13, unit=2, seed=0).unit_id == 1302


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"units": []}, "units"),
        ({"units": [{"channel": 1, "seed": 1}, {"channel": 1, "seed": 2}]}, "same channel"),
        ({"units": [{"channel": 1, "seed": 1, "max_rate_hz": 5}]}, "below max_rate_hz"),
        ({"gain_cv": 1.5}, "gain_cv"),
        ({"gain": 3}, "gain"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    table: dict[str, object], where: str
) -> None:
    with pytest.raises(SimSettingsError, match=where):
        read_settings(table)
