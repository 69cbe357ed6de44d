"""An evolution can climb a simulated neuron on single noisy responses, and only because of them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import fft

from rig_adapters.sim.neurons.shape.neuron import build_neuron
from rig_adapters.sim.neurons.shape.settings import ShapeSettings

Rates = Callable[..., npt.NDArray[np.float64]]
N_MODES, SIZE_PX, POPULATION, GENERATIONS = 16, 48, 40, 20


def paint(codes: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Turn codes (n, 3 * N_MODES**2) into pictures with 1/f amplitudes (n, px, px, 3)."""
    order = np.hypot(*np.mgrid[:N_MODES, :N_MODES])
    modes = np.zeros((len(codes), 3, SIZE_PX, SIZE_PX))
    shaped = codes.reshape(-1, 3, N_MODES, N_MODES) / np.maximum(order, 1.0)
    modes[:, :, :N_MODES, :N_MODES] = shaped
    pictures = 128 + 1200 * fft.idctn(modes, axes=(2, 3), norm="ortho")
    return np.clip(np.round(pictures), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def evolve(rates_hz: Rates, seed: int, shuffled: bool) -> npt.NDArray[np.float64]:
    """Return the mean rate of each generation of a plain (20/20, 40) evolution strategy."""
    neuron, rng = build_neuron(ShapeSettings(channel=1, seed=1)), np.random.default_rng(seed)
    mean, curve = np.zeros(3 * N_MODES**2), []
    for _ in range(GENERATIONS):
        codes = mean + 0.6 * rng.standard_normal((POPULATION, mean.size))
        rates = rates_hz(neuron, paint(codes))
        counts = rng.poisson(rates * 0.15)
        if shuffled:
            counts = rng.permutation(counts)
        mean = codes[np.argsort(-counts, kind="stable")[: POPULATION // 2]].mean(axis=0)
        curve.append(rates.mean())
    return np.array(curve)


def test_twenty_generations_of_single_poisson_responses_treble_the_rate(rates_hz: Rates) -> None:
    for seed in (1, 2):
        curve = evolve(rates_hz, seed, shuffled=False)
        assert curve[-3:].mean() > 3.0 * curve[0]


def test_shuffled_responses_only_drift(rates_hz: Rates) -> None:
    # A random walk may end a little higher or lower, so it takes some to judge.
    curves = np.array([evolve(rates_hz, seed, shuffled=True) for seed in range(1, 4)])
    assert curves[:, -3:].mean() < 1.5 * curves[:, 0].mean()
