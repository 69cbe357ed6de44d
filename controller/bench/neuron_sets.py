"""Which neurons are raced on. Optimizers are developed on TUNING alone, and judged on TEST.

TEST has other seeds and other spaces, and three families that TUNING lacks: nothing in it was
looked at while an optimizer was made.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from controller.bench.code_space import USUAL_CODE_DIM, SpaceSpec
from controller.bench.neurons import NeuronSpec

_TUNING_SPACES = (
    SpaceSpec("linear", seed=11, n_directions=600, knee=40),
    SpaceSpec("linear", seed=12, n_directions=900, knee=20),
)
_TUNING_NETWORK = SpaceSpec("deconvolution", seed=13, n_directions=400, knee=30)
_TEST_SPACES = (
    SpaceSpec("linear", seed=21, n_directions=400, knee=60),
    SpaceSpec("linear", seed=22, n_directions=800, knee=30),
)
_TEST_NETWORK = SpaceSpec("deconvolution", seed=23, n_directions=500, knee=50)

TUNING: tuple[NeuronSpec, ...] = (
    NeuronSpec("linear", 1, _TUNING_SPACES[0], spread=0.5),
    NeuronSpec("radial", 1, _TUNING_SPACES[1], spread=0.3),
    NeuronSpec("energy", 1, _TUNING_SPACES[0], spread=0.6),
    NeuronSpec("conjunction", 1, _TUNING_SPACES[1], spread=0.5),
    NeuronSpec("convolutional", 1, _TUNING_NETWORK),
    NeuronSpec("linear", 2, _TUNING_SPACES[1], spread=0.5, preferred_hz=50.0),
    NeuronSpec("radial", 2, _TUNING_SPACES[0], spread=0.3, preferred_hz=50.0),
    NeuronSpec("energy", 2, _TUNING_SPACES[1], spread=0.6, preferred_hz=50.0),
    NeuronSpec("conjunction", 2, _TUNING_SPACES[0], spread=0.5, preferred_hz=50.0),
    NeuronSpec("convolutional", 2, _TUNING_NETWORK, preferred_hz=50.0),
)
TEST: tuple[NeuronSpec, ...] = (
    NeuronSpec("linear", 101, _TEST_SPACES[0], spread=0.2, preferred_hz=60.0),
    NeuronSpec("radial", 102, _TEST_SPACES[1], spread=0.2, baseline_hz=3.0),
    NeuronSpec("energy", 103, _TEST_SPACES[1], spread=0.4),
    NeuronSpec("conjunction", 104, _TEST_SPACES[0], spread=0.4),
    NeuronSpec("convolutional", 105, _TEST_NETWORK, baseline_hz=8.0, preferred_hz=100.0),
    NeuronSpec("convolutional", 106, _TEST_SPACES[0]),
    NeuronSpec("divisive", 107, _TEST_SPACES[1]),
    NeuronSpec("product", 108, _TEST_SPACES[0]),
    NeuronSpec("several_peaks", 109, _TEST_SPACES[1], spread=0.3),
    NeuronSpec("radial", 110, _TEST_NETWORK, spread=0.3),
)
SETS: Mapping[str, tuple[NeuronSpec, ...]] = MappingProxyType({"tuning": TUNING, "test": TEST})


def neurons_of(name: str, code_dim: int = USUAL_CODE_DIM) -> tuple[NeuronSpec, ...]:
    """Return the specs of a set, in codes of another length where one is given."""
    return tuple(replace(spec, space=replace(spec.space, code_dim=code_dim)) for spec in SETS[name])
