"""Simulated neurons are what the race says they are: seeded, graded, partly known."""

from dataclasses import replace

import numpy as np
import pytest

from controller.bench.code_space import SpaceSpec, space_of
from controller.bench.neuron_sets import TEST, TUNING, neurons_of
from controller.bench.neurons import Neuron, NeuronSpec

SMALL = SpaceSpec("linear", seed=3, n_directions=48, knee=6, code_dim=64)


@pytest.mark.parametrize("spec", neurons_of("tuning", 64)[:5] + neurons_of("test", 64)[6:9])
def test_faint_random_pictures_give_about_one_spike_and_others_more(spec: NeuronSpec) -> None:
    codes = np.random.default_rng(0).standard_normal((200, 64)).astype(np.float32)
    neuron = Neuron(spec)
    rates = neuron.rate(codes)
    assert rates.shape == (200,)
    assert spec.baseline_hz <= rates.min() < rates.max()
    assert 0.5 < rates.mean() * 0.15 < 4
    assert np.array_equal(rates, Neuron(spec).rate(codes))
    assert not np.array_equal(rates, Neuron(replace(spec, seed=77)).rate(codes))


def test_the_two_sets_share_no_neuron_no_seed_and_no_space() -> None:
    for feature in ("name", "seed", "space"):
        tuning, test = ({getattr(spec, feature) for spec in one} for one in (TUNING, TEST))
        assert not tuning & test
    assert len({spec.family for spec in TEST} - {spec.family for spec in TUNING}) == 3
    names = [spec.name for spec in TUNING + TEST]
    assert len(set(names)) == len(names)


def test_contrast_saturates_where_optimizers_end() -> None:
    space = space_of(replace(TUNING[0].space, code_dim=256, n_directions=200))
    codes = np.random.default_rng(1).standard_normal((100, 256)).astype(np.float32)
    faint, strong, stronger = (space.render(sd * codes).std() for sd in (1, 4.5, 9))
    assert faint == pytest.approx(0.24, abs=0.03)
    assert strong > 2.5 * faint
    assert stronger < 1.4 * strong


@pytest.mark.parametrize("kind", ["linear", "deconvolution"])
def test_the_metric_foretells_how_much_a_step_changes_the_picture(kind: str) -> None:
    space = space_of(replace(SMALL, kind=kind))  # type: ignore[arg-type]  # both kinds, in turn
    directions, values = space.metric("exact")
    code = 3 * np.random.default_rng(2).standard_normal((1, 64)).astype(np.float32)
    step = np.float32(0.03)
    change = np.square(space.render(code + step * directions) - space.render(code))
    measured = change.sum(axis=(1, 2)) / step**2
    assert np.corrcoef(np.log(measured[:24]), np.log(values[:24]))[0, 1] > 0.8
    assert np.allclose(directions @ directions.T, np.eye(48), atol=1e-6)
    assert (np.diff(values) <= 0).all()


def test_an_estimated_metric_is_tilted_and_a_wrong_one_unrelated() -> None:
    space = space_of(SMALL)
    exact, estimated, wrong = (space.metric(q)[0] for q in ("exact", "estimated", "wrong"))
    overlap = np.abs((exact * estimated).sum(axis=1))
    assert (overlap[:10] > 0.85).all()
    assert (overlap[:10] < 0.99).all()
    assert np.abs((exact * wrong).sum(axis=1)).max() < 0.6
    assert np.allclose(estimated @ estimated.T, np.eye(48))
