"""The simulated animal and recorder: the same light gives the same spikes, however it is read."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.retina import Placement
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.sim.simulation import Recorded, Simulation
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged

TrialLight = Callable[[float, list[str]], list[LightChanged]]
SHAS = ["1" * 64, "2" * 64]
CALM = {"gain_cv": 0.0, "gain_trend_per_min": 0.0}
UNITS = (
    ShapeSettings(channel=1, seed=1),
    ShapeSettings(channel=2, unit=3, seed=2, rf_center_deg=(1.0, 0.0)),
)


def simulation(
    seed: int = 1, units: Sequence[ShapeSettings] = UNITS, **changes: float
) -> Simulation:
    settings = SimRigSettings.model_validate({"units": units, "clock_offset_s": -50.0} | changes)
    simulated = Simulation(settings, seed)
    preferred = simulated.neurons.truths[0].preferred
    assert preferred is not None
    images = np.stack([preferred, 255 - preferred])
    simulated.see(ImagesUploaded(sha256s=tuple(SHAS), images=images))
    return simulated


def session(trial_light: TrialLight, n_trials: int) -> list[LightChanged]:
    return [
        change
        for trial in range(n_trials)
        for change in trial_light(1.0 + 3.0 * trial, [SHAS[trial % 2], SHAS[0], SHAS[1]])
    ]


def watch(simulated: Simulation, light: list[LightChanged], take_every: int) -> list[Recorded]:
    simulated.begin(0.0)
    parts = []
    for index, change in enumerate(light, start=1):
        simulated.see(change)
        if index % take_every == 0:
            parts.append(simulated.take(change.host_time_s))
    parts.append(simulated.take(light[-1].host_time_s))
    return parts


def columns(parts: list[Recorded]) -> list[list[int]]:
    names = ("spike_samples", "spike_unit_ids", "sync_samples")
    return [np.concatenate([getattr(p, name) for p in parts]).tolist() for name in names]


def test_the_same_light_gives_the_same_spikes_however_often_it_is_read(
    trial_light: TrialLight,
) -> None:
    light = session(trial_light, 12)
    results = [columns(watch(simulation(), light, every)) for every in (1, 3, 7, 1000)]
    assert len(results[0][0]) > 200
    assert all(result == results[0] for result in results)


def test_another_seed_gives_other_spikes(trial_light: TrialLight) -> None:
    light = session(trial_light, 2)
    one, other = (columns(watch(simulation(seed), light, 5)) for seed in (1, 2))
    assert one[0] != other[0]
    assert one[2] == other[2]


def test_another_unit_beside_it_does_not_change_a_units_spikes(trial_light: TrialLight) -> None:
    light = session(trial_light, 3)
    spikes = []
    for units in (UNITS, UNITS[:1]):
        samples, ids, *_ = columns(watch(simulation(units=units), light, 5))
        spikes.append([s for s, unit in zip(samples, ids, strict=True) if unit == 101])
    assert spikes[0] == spikes[1]


def test_parts_join_without_gap_and_hold_only_their_own_time(trial_light: TrialLight) -> None:
    parts = watch(simulation(), session(trial_light, 4), 2)
    for before, after in itertools.pairwise(parts):
        assert before.through_sample == after.from_sample
    for part in parts:
        for samples in (part.spike_samples, part.sync_samples):
            assert (samples >= part.from_sample).all()
            assert (samples < part.through_sample).all()
            assert (np.diff(samples) >= 0).all()


def test_without_a_patch_there_is_nothing_for_a_photodiode_to_see(trial_light: TrialLight) -> None:
    light = [c for c in trial_light(1.0, SHAS, 0.5) if not c.what.startswith("patch")]
    samples, _, edges = columns(watch(simulation(), light, 4))
    assert samples
    assert edges == []


def test_every_change_of_the_patch_is_one_edge_on_the_rigs_clock(trial_light: TrialLight) -> None:
    simulated, light = simulation(), session(trial_light, 5)
    onsets = [change.host_time_s for change in light if change.what == "image_on"]
    edges = columns(watch(simulated, light, 4))[2]
    assert edges == simulated.clock.samples(onsets).tolist()


def test_the_preferred_image_drives_its_unit_after_the_latency(trial_light: TrialLight) -> None:
    simulated = simulation(**CALM)
    parts = watch(simulated, trial_light(1.0, [SHAS[0]]), 100)
    samples, ids, edges = columns(parts)
    onset = edges[0] / 30_000
    times = np.array([s for s, unit in zip(samples, ids, strict=True) if unit == 101]) / 30_000
    response = ((times >= onset + 0.05) & (times < onset + 0.2)).sum()
    before = ((times >= onset - 0.1) & (times < onset + 0.05)).sum()
    # About 27 spikes against fewer than one.
    assert response > 10
    assert before < 7


def test_a_unit_never_fires_faster_than_its_cap(trial_light: TrialLight) -> None:
    unit = ShapeSettings(channel=1, seed=1, max_rate_hz=40.0, spontaneous_hz=1.0)
    simulated = simulation(units=[unit], **(CALM | {"gain_trend_per_min": 1.0}))
    n = 300
    light = [change for k in range(n) for change in trial_light(1.0 + 2.0 * k, [SHAS[0]])]
    samples, _, edges = columns(watch(simulated, light, 9))
    spikes, onsets = np.array(samples) / 30_000, np.array(edges) / 30_000
    begin, end = np.searchsorted(spikes, onsets + 0.05), np.searchsorted(spikes, onsets + 0.2)
    expected = 40.0 * 0.15 * n
    assert abs((end - begin).sum() - expected) < 4 * np.sqrt(expected)


def test_a_patch_that_is_seen_too_late_is_counted_and_leaves_no_edge() -> None:
    simulated = simulation()
    simulated.begin(0.0)
    simulated.take(5.0)
    simulated.see(LightChanged(what="patch_lit", host_time_s=4.9))
    assert simulated.take(6.0).sync_samples.size == 0
    assert simulated.late == 1


def test_forgotten_images_cannot_be_shown() -> None:
    simulated = simulation()
    simulated.see(ImagesForgotten(sha256s=(SHAS[0],)))
    with pytest.raises(RemoteProtocolError, match="has not uploaded"):
        simulated.see(
            LightChanged(what="image_on", host_time_s=1.0, image_sha256=SHAS[0], size_deg=3.0)
        )


def test_what_happened_before_the_recording_began_is_not_in_it(trial_light: TrialLight) -> None:
    simulated = simulation()
    for change in trial_light(1.0, SHAS):
        simulated.see(change)
    first = simulated.begin(10.0)
    recorded = simulated.take(11.0)
    assert recorded.from_sample == first
    assert recorded.sync_samples.size == 0
    assert (recorded.spike_samples >= first).all()


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SimSettingsError, match="0 or more"):
        Simulation(SimRigSettings(units=UNITS), -1)


def test_a_screen_whose_clock_leaps_is_at_fault_and_does_not_hang_the_rig() -> None:
    simulated = simulation()
    simulated.begin(0.0)
    simulated.see(LightChanged(what="dark_until", host_time_s=9e8))
    with pytest.raises(RemoteProtocolError, match="clock leapt by 9000"):
        simulated.take(9e8)


@pytest.mark.parametrize("host_time_s", [-1.0, 1e300])
def test_a_time_that_no_clock_says_is_the_displays_fault(host_time_s: float) -> None:
    with pytest.raises(RemoteProtocolError, match="the screen's clock says"):
        simulation().see(LightChanged(what="fixation_on", host_time_s=host_time_s))


def test_an_image_without_a_size_is_the_displays_fault() -> None:
    with pytest.raises(RemoteProtocolError, match="without a size"):
        simulation().see(LightChanged(what="image_on", host_time_s=1.0, image_sha256=SHAS[0]))


def test_what_is_foreseen_changes_no_response(trial_light: TrialLight) -> None:
    light = session(trial_light, 4)
    as_shown, ahead = simulation(), simulation()
    expected = watch(as_shown, light, 3)

    found = watch(ahead, light[:1], 3)
    for change in light[1:]:
        ahead.foresee(SHAS)
        ahead.see(change)
    found.append(ahead.take(light[-1].host_time_s))

    assert columns(found) == columns(expected)


def test_responses_are_foreseen_where_images_have_one_place(
    trial_light: TrialLight, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = trial_light(1.0, [SHAS[0]])
    simulated = simulation()
    asked: list[int] = []
    compute = simulated.neurons.evoked_hz

    def counting(images: np.ndarray, place: Placement | None = None) -> np.ndarray:
        asked.append(len(images))
        return compute(images, place)

    monkeypatch.setattr(simulated.neurons, "evoked_hz", counting)
    simulated.foresee(SHAS)
    assert asked == [], "nobody knows yet where images appear"
    watch(simulated, light, 1)
    assert asked == [1]
    simulated.foresee(SHAS)
    assert asked == [1, 1], "of the other image alone"

    shown = next(change for change in light if change.what == "image_on")
    simulated.see(shown.model_copy(update={"x_deg": shown.x_deg + 1.0, "host_time_s": 9.0}))
    assert asked == [1, 1, 1]
    simulated.foresee(SHAS)
    assert asked == [1, 1, 1], "images have appeared in two places"
