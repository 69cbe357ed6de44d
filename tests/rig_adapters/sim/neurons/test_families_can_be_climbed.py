"""Evolutions through the linear-Gaussian generator climb every family, on single noisy responses.

With the session's usual optimizer; `benchmarks/neuron_families.py` does so for longer.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from generators.gaussian import GaussianGenerator
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.settings import SimRigSettings

POPULATION, GENERATIONS, COUNTED_S = 40, 12, 0.15


@pytest.fixture(scope="module")
def generator() -> GaussianGenerator:
    return GaussianGenerator(code_dim=256, image_size_px=72)


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "shape"},
        {"kind": "subspace"},
        {"kind": "linear_nonlinear"},
        {"kind": "linear_nonlinear", "filter": "smooth"},
        {"kind": "v1_complex"},
    ],
    ids=lambda table: "-".join(table.values()),
)
def test_twelve_generations_of_single_responses_treble_the_rate_that_shuffled_ones_leave(
    table: Mapping[str, Any], generator: GaussianGenerator
) -> None:
    unit = {**table, "channel": 1, "seed": 1}
    neurons = build_neurons(SimRigSettings.model_validate({"units": [unit]}).units)
    ends = {}
    for shuffled in (False, True):
        rng, curve = np.random.default_rng(3), []
        first = generator.initial_codes(POPULATION, rng)
        optimizer = CholeskyCmaEs(first, CholeskyCmaEsOptions(12.0, POPULATION))
        for generation in range(GENERATIONS):
            asked = optimizer.ask(rng, generation * POPULATION)
            rates_hz = neurons.evoked_hz(generator.render(asked.codes))[:, 0]
            scores = rng.poisson(rates_hz * COUNTED_S) / COUNTED_S
            told = rng.permutation(scores) if shuffled else scores
            optimizer.tell(asked.ids, asked.codes, told, np.ones(POPULATION, np.int64))
            curve.append(float(rates_hz.mean()))
        ends[shuffled] = float(np.mean(curve[-3:]))
        if not shuffled:
            assert ends[shuffled] > 3.0 * curve[0]
    assert ends[False] > 4.0 * ends[True]
