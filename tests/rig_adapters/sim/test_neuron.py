"""Simulated neurons: they prefer what was planted, and only where they look."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from rig_adapters.sim.neurons.shape.neuron import build_neuron
from rig_adapters.sim.neurons.shape.oriented_energy import N_FEATURES, early_response
from rig_adapters.sim.neurons.shape.patterns import KINDS, preferred_picture, textures
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.neurons.shape.texture_features import (
    computed_texture_features,
    texture_features,
)
from rig_adapters.sim.retina import Placement, ReceptiveField, patches

Rates = Callable[..., npt.NDArray[np.float64]]
NEURONS = [build_neuron(ShapeSettings(channel=seed, seed=seed)) for seed in range(1, 5)]
each_neuron = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.kind)


def pictures_but(left_out: str) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(77)
    kinds = [kind for kind in KINDS if kind != left_out]
    others = [preferred_picture(kind, rng) for kind in kinds for _ in range(5)]
    return np.concatenate([np.array(others), textures(40, rng)])


@each_neuron
def test_the_preferred_pattern_beats_every_other_kind_of_picture(neuron, rates_hz: Rates) -> None:
    best = rates_hz(neuron, neuron.preferred[None])[0]
    assert 150 < best <= neuron.settings.max_rate_hz
    assert rates_hz(neuron, pictures_but(neuron.kind)).max() < best


def test_the_features_of_textures_in_the_file_are_those_that_are_computed() -> None:
    computed = computed_texture_features()
    assert texture_features().dtype == computed.dtype == np.float32
    # Not to the last bit: the Fourier transforms of two processors may differ in that.
    np.testing.assert_allclose(texture_features(), computed, rtol=1e-3, atol=1e-5)


@each_neuron
def test_textures_fire_moderately_and_never_below_spontaneous(neuron, rates_hz: Rates) -> None:
    rates = rates_hz(neuron, textures(60, np.random.default_rng(5)))
    assert 15 < rates.mean() < 45
    assert rates.min() >= neuron.settings.spontaneous_hz


@each_neuron
def test_the_rate_falls_step_by_step_away_from_the_preferred_pattern(
    neuron, rates_hz: Rates
) -> None:
    texture = textures(1, np.random.default_rng(5))[0].astype(float)
    shares = np.linspace(0, 1, 9)[:, None, None, None]
    blends = np.round((1 - shares) * neuron.preferred + shares * texture).astype(np.uint8)
    rates = rates_hz(neuron, blends)
    assert rates[0] > rates[4] + 20 > rates[8] + 20


@each_neuron
@pytest.mark.parametrize("x_deg", [3.2, -10.0])
def test_an_image_outside_the_receptive_field_leaves_the_spontaneous_rate(
    neuron, rates_hz: Rates, x_deg: float
) -> None:
    rates = rates_hz(neuron, neuron.preferred[None], Placement(x_deg, 0.0, 3.0))
    assert rates[0] == neuron.settings.spontaneous_hz


def test_an_image_moved_with_the_receptive_field_evokes_the_same_rate(rates_hz: Rates) -> None:
    moved = build_neuron(ShapeSettings(channel=1, seed=1, rf_center_deg=(4.0, -2.0)))
    images = pictures_but("corner")[:5]
    there = rates_hz(moved, images, Placement(4.0, -2.0, 3.0))
    np.testing.assert_allclose(there, rates_hz(NEURONS[0], images), rtol=1e-3)


def test_up_in_the_visual_field_is_the_top_of_the_image() -> None:
    image = np.full((1, 64, 64, 3), 128, np.uint8)
    image[:, :16] = 255
    high, low = (
        patches(image, Placement(0, 0, 4.0), ReceptiveField((0.0, y), 2.0)) for y in (1.0, -1.0)
    )
    assert high[0, 0].max() > 1.0
    assert np.abs(low).max() < 1e-6


@each_neuron
def test_size_of_the_picture_in_pixels_hardly_matters(neuron, rates_hz: Rates) -> None:
    fine = neuron.preferred.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(
        rates_hz(neuron, fine[None]), rates_hz(neuron, neuron.preferred[None]), rtol=1e-3
    )


def test_a_grey_field_has_no_contrast_and_no_features() -> None:
    grey = np.full((1, 32, 32, 3), 128, np.uint8)
    early = early_response(patches(grey, Placement(0, 0, 3.0), NEURONS[0].settings.field))
    assert early.features.shape == (1, N_FEATURES)
    assert np.abs(early.features).max() < 1e-6
    assert early.contrast[0] == 0.0


def test_a_neuron_is_the_same_whenever_it_is_built_and_differs_between_seeds() -> None:
    again = build_neuron(NEURONS[0].settings)
    np.testing.assert_array_equal(again.template, NEURONS[0].template)
    other = build_neuron(ShapeSettings(channel=1, seed=5))
    assert other.kind == NEURONS[0].kind
    assert (other.preferred != NEURONS[0].preferred).any()


def test_polarity_matters(rates_hz: Rates) -> None:
    for neuron in NEURONS:
        negative = rates_hz(neuron, 255 - neuron.preferred[None])[0]
        assert negative < rates_hz(neuron, neuron.preferred[None])[0] - 10
