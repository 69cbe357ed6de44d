"""The eye of a simulated animal: coarse away from fixation, and not quite where it should look."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.sim.eye.magnification import RING_STEP, Magnification
from rig_adapters.sim.eye.seen import SEEN_PX, build_neurons_behind, seen_in
from rig_adapters.sim.eye.settings import EyeSettings
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.settings import SimSettingsError, UnitSettings
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.randomness import Purpose, rng_at
from rig_adapters.sim.retina import Placement, ReceptiveField, light_of
from rig_adapters.sim.settings import SimRigSettings, read_settings
from rig_adapters.sim.simulation import Simulation
from rig_adapters.wire.light import ImagesUploaded, LightChanged

LAW = Magnification(0.75)
TrialLight = Callable[[float, list[str]], list[LightChanged]]


@given(st.floats(0.0, 60.0), st.floats(0.2, 5.0))
def test_magnification_is_what_cortex_there_is_for_a_degree(
    eccentricity_deg: float, e2_deg: float
) -> None:
    law, step = Magnification(e2_deg), 1e-5 * (e2_deg + eccentricity_deg)
    along = law.on_cortex([eccentricity_deg + step, eccentricity_deg + 2 * step, eccentricity_deg])
    slope = (4 * (along[0] - along[2]) - (along[1] - along[2])) / (2 * step)
    assert slope == pytest.approx(1 / (1 + eccentricity_deg / e2_deg), rel=1e-8)
    assert law.at(eccentricity_deg) == pytest.approx(slope, rel=1e-8)
    assert law.eccentricity_deg(law.on_cortex(eccentricity_deg)) == pytest.approx(eccentricity_deg)


def test_the_warp_is_the_published_one_with_e2_in_place_of_its_constants() -> None:
    # r = (exp(C R / R0) - 1) / C in units in which the image reaches c: E2 = c / C.
    steepness, half_diagonal, reach_deg = 1.5, 181.0, 8.0
    published = (np.exp(steepness * np.arange(182) / half_diagonal) - 1) / steepness
    law = Magnification(reach_deg / steepness)
    ours = law.eccentricity_deg(np.arange(182) / half_diagonal * reach_deg)
    np.testing.assert_allclose(ours, published * reach_deg, rtol=1e-12)


def test_the_windows_of_the_rings_sum_to_one_everywhere() -> None:
    eccentricities = np.concatenate([[0.0], np.geomspace(0.01, 14.0, 2000)])
    total = np.sum(list(LAW.rings(eccentricities).values()), axis=0)
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=4e-16)


@pytest.mark.parametrize("center_deg", [(0.0, 0.0), (4.0, -2.5)])
def test_what_is_seen_is_blurred_by_the_grain_of_cortex(center_deg: tuple[float, float]) -> None:
    field, place = ReceptiveField(center_deg, 2.0), Placement(center_deg[0] + 0.4, -2.0, 3.0)
    image = textures(1, np.random.default_rng(4))[:, ::8, ::12]

    seen = seen_in(field, image, place, LAW, grain_deg=0.06)[0]

    light = light_of(image)[0].astype(float)
    for row, column in ((0, 0), (70, 31), (143, 100), (20, 143)):
        x = center_deg[0] + (column + 0.5 - SEEN_PX / 2) * 2.0 / SEEN_PX
        y = center_deg[1] - (row + 0.5 - SEEN_PX / 2) * 2.0 / SEEN_PX
        expected = _plainly_blurred(light, place, x, y)
        np.testing.assert_allclose(light_of(seen[row, column]), expected, atol=0.006)


def _plainly_blurred(
    light: npt.NDArray[np.float64], place: Placement, x: float, y: float
) -> npt.NDArray[np.float64]:
    """Add what each pixel of an image gives to one point of the visual field, ring by ring."""
    height, width, _ = light.shape
    grey = ((128 / 255 + 0.055) / 1.055) ** 2.4
    steps = math.log(1 + math.hypot(x, y) / 0.75) / RING_STEP
    total = np.full(3, grey)
    for ring in (math.floor(steps), math.floor(steps) + 1):
        share = math.cos(math.pi / 2 * (steps - ring)) ** 2
        sigma = 0.06 * math.exp(RING_STEP * ring)
        for i in range(height):
            top = place.y_deg + place.size_deg * (0.5 - i / height)
            down = _normal(top, y, sigma) - _normal(top - place.size_deg / height, y, sigma)
            for j in range(width):
                left = place.x_deg + place.size_deg * (j / width - 0.5)
                right = left + place.size_deg / width
                across = _normal(right, x, sigma) - _normal(left, x, sigma)
                total += share * down * across * (light[i, j] - grey)
    return total


def _normal(at: float, mean: float, sigma: float) -> float:
    return (1 + math.erf((at - mean) / sigma / math.sqrt(2))) / 2


def test_bars_fade_with_eccentricity_as_magnification_falls() -> None:
    across = np.cos(2 * np.pi * 4 * (np.arange(256) + 0.5) / 256)
    bars = np.round(128 + 60 * across)[None, :, None].repeat(256, axis=0).repeat(3, axis=2)
    contrasts = []
    for x_deg in (0.0, 3.0, 8.0):
        field = ReceptiveField((x_deg, 0.0), 2.0)
        images = bars[None].astype(np.uint8)
        seen = light_of(seen_in(field, images, field.filled, LAW, 0.03))[0, 72, 36:108]
        contrasts.append(float(np.ptp(seen)))
    # Two cycles in a degree: a Gaussian blur leaves exp(-2 pi^2 f^2 s^2) of them.
    left = [math.exp(-2 * (math.pi * 2 * 0.03 * (1 + x / 0.75)) ** 2) for x in (0.0, 3.0, 8.0)]
    np.testing.assert_allclose(
        np.array(contrasts) / contrasts[0], np.array(left) / left[0], atol=0.1
    )
    assert contrasts[0] > 2 * contrasts[1] > 20 * contrasts[2]


MIXED: list[dict[str, object]] = [
    {"kind": "shape", "channel": 1, "seed": 1, "rf_center_deg": (5.0, 0.0)},
    {"kind": "v1_complex", "channel": 2, "seed": 2},
    {"kind": "linear_nonlinear", "channel": 3, "seed": 3, "rf_center_deg": (5.0, 0.0)}
    | {"half_drive": 1.0},
]


def _mixed_units() -> tuple[UnitSettings, ...]:
    return SimRigSettings.model_validate({"units": MIXED}).units


def test_units_behind_an_eye_keep_their_columns_and_the_contract_of_places() -> None:
    eye, units = EyeSettings(e2_deg=0.75, grain_deg=0.02), _mixed_units()
    behind, pictures = build_neurons_behind(eye, units), textures(3, np.random.default_rng(1))

    assert behind.unit_ids == (101, 201, 301)
    assert all(truth.best_hz is None for truth in behind.truths)
    filled = behind.evoked_hz(pictures)
    for column, unit in enumerate(units):
        alone = build_neurons_behind(eye, [unit]).evoked_hz(pictures, unit.field.filled)[:, 0]
        np.testing.assert_allclose(filled[:, column], alone, rtol=1e-4, atol=1e-3)
        assert behind.truths[column].about == build_neurons([unit]).truths[0].about


def test_an_eye_without_grain_hardly_changes_what_is_fixated_and_much_what_is_not() -> None:
    eye, units = EyeSettings(e2_deg=0.75, grain_deg=0.002), _mixed_units()
    clear, behind = build_neurons(units), build_neurons_behind(eye, units)
    preferred = np.stack([np.asarray(truth.preferred) for truth in clear.truths])
    np.testing.assert_allclose(
        behind.evoked_hz(preferred), clear.evoked_hz(preferred), rtol=0.15, atol=3
    )

    coarse = EyeSettings(e2_deg=0.75, grain_deg=0.05)
    dimmed = np.diag(build_neurons_behind(coarse, units).evoked_hz(preferred))
    lost = dimmed / np.diag(clear.evoked_hz(preferred))
    # Bars of a degree and more survive at fixation, and hardly do at 5°.
    assert lost[1] > 0.8
    assert lost[2] < 0.5


def test_an_eye_that_is_left_out_changes_nothing() -> None:
    units, pictures = _mixed_units(), textures(3, np.random.default_rng(1))
    behind = build_neurons_behind(EyeSettings(gaze_sd_deg=1.0), units)
    np.testing.assert_array_equal(
        behind.evoked_hz(pictures), build_neurons(units).evoked_hz(pictures)
    )


@pytest.mark.parametrize("table", [{"e2_deg": 0.75}, {"grain_deg": 0.02}])
def test_half_an_eye_is_refused(table: dict[str, float]) -> None:
    with pytest.raises(SimSettingsError, match="together"):
        read_settings({"eye": table})


def _places_seen(
    trial_light: TrialLight, eye: EyeSettings, monkeypatch: pytest.MonkeyPatch, seed: int = 5
) -> list[Placement]:
    """Return where 6 trials of 4 presentations at (1°, 2°) are relative to gaze."""
    simulated = Simulation(SimRigSettings(eye=eye), seed)
    images = textures(1, np.random.default_rng(1))
    simulated.see(ImagesUploaded(sha256s=("1" * 64,), images=images))
    seen: list[Placement] = []
    evoked_hz = simulated.evoked_hz

    def looked(sha256: str, place: Placement) -> npt.NDArray[np.float64]:
        seen.append(place)
        return evoked_hz(sha256, place)

    monkeypatch.setattr(simulated, "evoked_hz", looked)
    for trial in range(6):
        for light in trial_light(1.0 + 3.0 * trial, ["1" * 64] * 4):
            changed = light
            if light.what == "image_on":
                changed = LightChanged(
                    what="image_on",
                    host_time_s=light.host_time_s,
                    image_sha256=light.image_sha256,
                    x_deg=1.0,
                    y_deg=2.0,
                    size_deg=3.0,
                )
            simulated.see(changed)
    assert len(seen) == 24
    return seen


def test_a_still_gaze_leaves_images_where_they_are_shown(
    trial_light: TrialLight, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _places_seen(trial_light, EyeSettings(), monkeypatch)
    assert set(seen) == {Placement(1.0, 2.0, 3.0)}


def test_gaze_is_drawn_for_each_trial_or_presentation_at_an_address_of_its_own(
    trial_light: TrialLight, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_trial = _places_seen(trial_light, EyeSettings(gaze_sd_deg=0.3), monkeypatch)
    assert [len(set(by_trial[k : k + 4])) for k in range(0, 24, 4)] == [1] * 6
    assert len(set(by_trial)) == 6
    by_onset = _places_seen(
        trial_light, EyeSettings(gaze_sd_deg=0.3, gaze_changes="presentation"), monkeypatch
    )
    assert len(set(by_onset)) == 24
    for places, counters in ((by_trial, range(1, 7)), (by_onset[::4], range(1, 25, 4))):
        for place, counter in zip(dict.fromkeys(places), counters, strict=True):
            right, up = 0.3 * rng_at(5, Purpose.GAZE, counter).standard_normal(2)
            assert place == Placement(1.0 - right, 2.0 - up, 3.0)


def test_an_image_is_seen_where_gaze_leaves_it(trial_light: TrialLight) -> None:
    still, wanders = (
        Simulation(SimRigSettings(eye=EyeSettings(gaze_sd_deg=sd)), 5) for sd in (0.0, 1.0)
    )
    for simulated in (still, wanders):
        preferred = simulated.neurons.truths[0].preferred
        assert preferred is not None
        simulated.see(ImagesUploaded(sha256s=("1" * 64,), images=preferred[None]))
        simulated.begin(0.0)
        for trial in range(20):
            for light in trial_light(1.0 + 2.0 * trial, ["1" * 64] * 3):
                simulated.see(light)
    spikes = [simulated.take(45.0).spike_unit_ids for simulated in (still, wanders)]
    n_still, n_wanders = (int((ids == 101).sum()) for ids in spikes)
    # A degree away from the middle of a field of 3°, what is preferred is no longer in place.
    assert n_wanders < 0.7 * n_still
