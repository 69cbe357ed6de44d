"""Neurons with a known preference, and that an evolution through the embedded network finds one."""

import numpy as np
import pytest

from controller.optimizers.posterior.posterior_ascent import (
    PosteriorAscent,
    PosteriorAscentOptions,
)
from generators.embedded.generator import EmbeddedGenerator
from generators.procedural import procedural_images
from generators.testing.known_neurons import KnownNeuron, known_neurons

NEURONS = {neuron.name: neuron for neuron in known_neurons()}
GENERATIONS, POPULATION = 9, 16


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=list(NEURONS))
def test_a_neuron_prefers_what_it_prefers_at_its_place(neuron: KnownNeuron) -> None:
    preferred = np.rint(255 * neuron.preferred).astype(np.uint8)
    others = procedural_images(10, 128, np.random.default_rng(0))
    shown = np.stack([preferred, preferred[:, ::-1], *others])

    rates = neuron.rate_hz(shown)

    assert rates[0] == pytest.approx(100.0, abs=0.5)
    assert rates[1] < 70
    assert np.median(rates[2:]) < 20
    assert rates.min() >= 2.0


def test_brightness_contrast_and_what_lies_outside_the_window_count_for_nothing() -> None:
    neuron = NEURONS["grating"]
    preferred = np.rint(255 * neuron.preferred).astype(np.uint8)
    fainter = np.rint(0.5 * preferred + 60).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, preferred.shape, np.uint8)
    beside = np.where(neuron.window[..., None] > 0, preferred, noise)

    assert neuron.match(np.stack([fainter, beside])) == pytest.approx(1.0, abs=0.01)


def test_a_uniform_picture_evokes_the_spontaneous_rate() -> None:
    assert NEURONS["face"].rate_hz(np.full((1, 128, 128, 3), 77, np.uint8)) == pytest.approx(2.0)


def test_spikes_are_counted_with_poisson_noise() -> None:
    neuron = NEURONS["ring"]
    preferred = np.rint(255 * neuron.preferred).astype(np.uint8)
    rng = np.random.default_rng(0)

    counted = np.array([neuron.spikes_per_s(preferred[None], 0.5, rng)[0] for _ in range(400)])

    assert counted.mean() == pytest.approx(100.0, abs=4 * np.sqrt(200 / 400))
    assert counted.var() == pytest.approx(200.0, rel=0.3)
    assert (counted % 2 == 0).all()


def test_an_evolution_finds_far_better_pictures_than_chance() -> None:
    neuron, generator = NEURONS["sphere"], EmbeddedGenerator()
    rng = np.random.default_rng(0)
    options = PosteriorAscentOptions(population_size=POPULATION, schedule_length=GENERATIONS)
    optimizer = PosteriorAscent(generator.initial_codes(POPULATION, rng), options)
    first_id = 0
    for _ in range(GENERATIONS):
        asked = optimizer.ask(rng, first_id)
        images = generator.render(asked.codes)
        counted = neuron.spikes_per_s(images, 0.5, rng)
        optimizer.tell(asked.ids, asked.codes, counted, np.ones(POPULATION, np.int64))
        first_id += POPULATION
    chance = generator.render(generator.initial_codes(GENERATIONS * POPULATION, rng))

    evolved = np.median(neuron.rate_hz(images))

    assert evolved > neuron.rate_hz(chance).max()
