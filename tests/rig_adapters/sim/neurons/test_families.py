"""Each family of simulated neurons against its equations, written down a second time."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from generators.gaussian import GaussianGenerator
from generators.images import to_uint8
from rig_adapters.sim.neurons.gabor import Gabor
from rig_adapters.sim.neurons.linear_nonlinear.neuron import LinearNonlinearNeurons
from rig_adapters.sim.neurons.linear_nonlinear.settings import LinearNonlinearSettings
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.neurons.subspace.neuron import GREY, SubspaceNeurons
from rig_adapters.sim.neurons.subspace.settings import SubspaceSettings
from rig_adapters.sim.neurons.v1_complex.neuron import ComplexCells
from rig_adapters.sim.neurons.v1_complex.settings import ComplexCellSettings
from rig_adapters.sim.retina import Placement

from .plain_retina import SAMPLES, seen_contrast, seen_pixels

FIELD = {"rf_center_deg": (1.0, -0.5), "rf_size_deg": 2.5}
IN_FIELD = (1.0, -0.5, 2.5)
PLACES = [(1.0, -0.5, 2.5), (0.2, 0.1, 3.0), (1.5, -0.9, 0.7)]
Pictures = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Give three small ones, wider than high."""
    return textures(3, np.random.default_rng(8))[:, ::8, ::6]


@pytest.mark.parametrize("place", PLACES)
def test_a_subspace_unit_fires_by_its_distance_from_the_peak(
    pictures: Pictures, place: tuple[float, float, float]
) -> None:
    unit = SubspaceSettings(kind="subspace", channel=1, seed=4, tuned_dims=6, **FIELD)
    neurons = SubspaceNeurons([unit])
    neuron = neurons.neurons[0]
    rates = neurons.evoked_hz(pictures, Placement(*place))[:, 0]

    for picture, rate in zip(pictures, rates, strict=True):
        seen, squared = seen_pixels(picture, place, IN_FIELD), 0.0
        for pattern, peak in zip(neuron.patterns, neuron.centre, strict=True):
            squared += ((pattern * seen).sum() / (SAMPLES * SAMPLES * 3) - peak) ** 2
        bw = 0.8 * math.sqrt(sum(peak**2 for peak in neuron.centre))
        assert rate == pytest.approx(195.0 * math.exp(-squared / bw**2), rel=1e-4)


def test_the_patterns_of_a_subspace_are_orthonormal_and_its_peak_can_be_shown() -> None:
    unit = SubspaceSettings(kind="subspace", channel=1, seed=4, tuned_dims=30, peak_contrast=1.0)
    neuron = SubspaceNeurons([unit]).neurons[0]
    flat = neuron.patterns.reshape(30, -1)
    np.testing.assert_allclose(flat @ flat.T / flat.shape[1], np.eye(30), atol=1e-12)
    preferred = neuron.preferred.astype(int)
    assert max(preferred.max() - 128, 128 - preferred.min()) == 127


def test_the_patterns_of_a_subspace_have_the_spectrum_of_natural_pictures() -> None:
    unit = SubspaceSettings(kind="subspace", channel=1, seed=4, tuned_dims=5)
    patterns = SubspaceNeurons([unit]).neurons[0].patterns
    power = np.square(np.abs(np.fft.fft2(patterns, axes=(1, 2)))).mean(axis=(0, 3))
    cycles = np.hypot(*np.meshgrid(np.fft.fftfreq(48, 1 / 48), np.fft.fftfreq(48, 1 / 48)))
    rings = np.array([power[np.abs(cycles - c) < 0.5].mean() for c in range(3, 20)])
    slope = np.polyfit(np.log(np.arange(3, 20)), np.log(rings), 1)[0]
    # Amplitudes fall as 1/f.
    assert slope == pytest.approx(-2.0, abs=0.3)


def test_behind_a_linear_generator_axes_and_peak_are_known_in_code_space() -> None:
    generator = GaussianGenerator(code_dim=64, image_size_px=128)
    unit = SubspaceSettings(kind="subspace", channel=1, seed=4, tuned_dims=7)
    neurons = SubspaceNeurons([unit])
    neuron = neurons.neurons[0]
    axes = neuron.axes_in_pixels((128, 128)).reshape(7, -1)
    codes = 0.7 * generator.initial_codes(5, np.random.default_rng(1))
    zero = generator.pixels(np.zeros((1, 64), np.float32)).reshape(-1).astype(float)
    steps = generator.pixels(np.eye(64, dtype=np.float32) * 100).reshape(64, -1) - zero
    tuning = axes @ steps.T / 100
    constant = axes @ (zero - GREY) - neuron.centre

    away = codes @ tuning.T + constant
    expected = 195.0 * np.exp(-np.square(away).sum(axis=1) / neuron.width**2)

    unclipped = generator.pixels(codes)
    assert np.abs(unclipped).max() < 1.0
    shown = to_uint8((unclipped + 1) / 2)
    np.testing.assert_allclose(neurons.evoked_hz(shown)[:, 0], expected, rtol=5e-3)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["gabor", "smooth"])
def test_a_linear_nonlinear_unit_fires_by_its_filter(
    pictures: Pictures, place: tuple[float, float, float], kind: str
) -> None:
    unit = LinearNonlinearSettings.model_validate(
        {"kind": "linear_nonlinear", "channel": 1, "seed": 3, "filter": kind}
        | {"threshold": 0.001, "exponent": 1.5, "half_drive": 0.2, **FIELD}
    )
    neurons = LinearNonlinearNeurons([unit])
    both = np.concatenate([pictures, 255 - pictures])
    rates = neurons.evoked_hz(both, Placement(*place))[:, 0]

    assert (rates > 0).any()
    for picture, rate in zip(both, rates, strict=True):
        contrast = seen_contrast(picture, place, IN_FIELD)
        drive = sum(
            float(neurons.neurons[0].filter[c, y, x] * contrast[c, y, x])
            for c in range(3)
            for y in range(SAMPLES)
            for x in range(SAMPLES)
        )
        above = max(0.0, drive - 0.001) / 0.999
        expected = 195.0 * (1 + 0.2**1.5) * above**1.5 / (above**1.5 + 0.2**1.5)
        assert rate == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_no_picture_drives_a_linear_filter_more_than_the_one_that_it_prefers() -> None:
    unit = LinearNonlinearSettings(
        kind="linear_nonlinear", channel=1, seed=5, filter="smooth", half_drive=1000.0, exponent=1.0
    )
    neurons = LinearNonlinearNeurons([unit])
    best = neurons.truths[0].preferred
    assert best is not None
    at_best = neurons.evoked_hz(best[None])[0, 0]
    rng = np.random.default_rng(0)
    for _ in range(20):
        changed = best.reshape(48, 2, 48, 2, 3).copy()
        row, column = rng.integers(12, 36, 2)
        changed[row, :, column, :, rng.integers(3)] ^= 255
        assert neurons.evoked_hz(changed.reshape(1, 96, 96, 3))[0, 0] < at_best
    assert at_best == pytest.approx(195.0, rel=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_a_complex_cell_fires_by_its_energy_among_that_of_its_neighbours(
    pictures: Pictures, place: tuple[float, float, float]
) -> None:
    unit = ComplexCellSettings(kind="v1_complex", channel=1, seed=3, semi_saturation=0.1, **FIELD)
    neurons = ComplexCells([unit])
    cell = neurons.neurons[0]
    pool = [(turn, octave) for octave in (-1, 0, 1) for turn in (0, 30, 60, 90, 120, 150)]
    weights = {p: math.exp(-((min(p[0], 180 - p[0]) / 30) ** 2) / 2 - p[1] ** 2 / 2) for p in pool}
    rates = neurons.evoked_hz(pictures, Placement(*place))[:, 0]

    for picture, rate in zip(pictures, rates, strict=True):
        luminance = seen_contrast(picture, place, IN_FIELD)[0]
        energy = {p: _plain_energy(cell.gabor, *p, luminance) for p in pool}
        around = sum(weights[p] * energy[p] for p in pool) / sum(weights.values())
        normalised = energy[0, 0] / (0.1**2 + around)
        assert rate == pytest.approx(195.0 * normalised / cell.bound, rel=1e-3)


def _plain_energy(gabor: Gabor, turn_deg: float, octave: int, luminance: object) -> float:
    """Return the energy of one neighbour: each filter in units of the highest drive of its pair."""
    contrast = np.asarray(luminance)
    cycles = gabor.cycles * 2**octave
    angle = math.radians(gabor.orientation_deg + turn_deg)
    # Full bandwidth of one octave at half height.
    width = math.sqrt(math.log(2) / 2) / (math.pi * cycles) * 3
    envelope, even, odd, window = (np.zeros((SAMPLES, SAMPLES)) for _ in range(4))
    for row in range(SAMPLES):
        for column in range(SAMPLES):
            right = (column + 0.5) / SAMPLES - 0.5 - gabor.right
            up = 0.5 - (row + 0.5) / SAMPLES - gabor.up
            phase = 2 * math.pi * cycles * (up * math.cos(angle) - right * math.sin(angle))
            envelope[row, column] = math.exp(-(right**2 + up**2) / (2 * width**2))
            even[row, column], odd[row, column] = math.cos(phase), math.sin(phase)
            radius = 2 * math.hypot((column + 0.5) / SAMPLES - 0.5, (row + 0.5) / SAMPLES - 0.5)
            edge = min(max((radius - 0.6) / 0.4, 0.0), 1.0)
            window[row, column] = (1 + math.cos(math.pi * edge)) / 2
    even = envelope * (even - (envelope * even).sum() / envelope.sum())
    odd = envelope * odd
    grey = ((128 / 255 + 0.055) / 1.055) ** 2.4
    highest = 0.0
    for phase in np.linspace(0, 2 * math.pi, 128, endpoint=False):
        weights = (math.cos(phase) * even + math.sin(phase) * odd) * window / grey
        light = np.where(weights > 0, 1.0, 0.0)
        highest = max(highest, float((weights * (light - grey)).sum()))
    return float((even * contrast).sum() ** 2 + (odd * contrast).sum() ** 2) / highest**2


def _grating(gabor: Gabor, turn_deg: float = 0.0, finer: float = 1.0, phase: float = 0.0) -> object:
    axis = (np.arange(96) + 0.5) / 96 - 0.5
    angle = math.radians(gabor.orientation_deg + turn_deg)
    right, up = axis[None] - gabor.right, -axis[:, None] - gabor.up
    across = up * math.cos(angle) - right * math.sin(angle)
    wave = np.cos(2 * math.pi * gabor.cycles * finer * across + phase)
    return np.round(128 + 50 * wave[..., None].repeat(3, axis=2)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_a_complex_cell_is_tuned_to_orientation_and_frequency_and_not_to_phase(seed: int) -> None:
    neurons = ComplexCells([ComplexCellSettings(kind="v1_complex", channel=1, seed=seed)])
    gabor = neurons.neurons[0].gabor

    def rate(**grating: float) -> float:
        picture = np.asarray(_grating(gabor, **grating))
        return float(neurons.evoked_hz(picture[None])[0, 0])

    best = rate()
    for phase in np.linspace(0.3, 6.0, 7):
        assert rate(phase=phase) == pytest.approx(best, rel=0.1)
    assert rate(turn_deg=90.0) < 0.02 * best
    assert best > max(rate(turn_deg=25.0), rate(turn_deg=-25.0)) > 1.5 * rate(turn_deg=50.0)
    assert best > 1.5 * max(rate(finer=1.8), rate(finer=0.55))


@pytest.mark.parametrize("semi_saturation", [0.02, 0.05, 0.2])
def test_what_a_complex_cell_prefers_comes_close_to_what_no_picture_can_exceed(
    semi_saturation: float,
) -> None:
    units = [
        ComplexCellSettings(kind="v1_complex", channel=k, seed=k, semi_saturation=semi_saturation)
        for k in range(6)
    ]
    neurons = ComplexCells(units)
    for column, truth in enumerate(neurons.truths):
        assert truth.preferred is not None
        reached = neurons.evoked_hz(truth.preferred[None])[0, column]
        assert (0.93 if semi_saturation <= 0.05 else 0.7) * 195.0 < reached <= 195.0
