"""Which network with which weights a unit is of; its weights, read or drawn; units by network.

Left out: what a file of weights holds (`weights_files`) and how weights are drawn (`drawing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from rig_adapters.sim.neurons.networks.architectures import ARCHITECTURES, Architecture
from rig_adapters.sim.neurons.networks.drawing import drawn_parameters
from rig_adapters.sim.neurons.networks.network import prepared
from rig_adapters.sim.neurons.networks.pictures import calibration_pictures
from rig_adapters.sim.neurons.networks.settings import RANDOM, NetworkSettings
from rig_adapters.sim.neurons.networks.weights_files import read_weights


@dataclass(frozen=True)
class Source:
    """What units share that are computed together."""

    kind: str
    weights: str
    weights_seed: int
    input_px: int

    @property
    def architecture(self) -> Architecture:
        """The network without its weights."""
        return ARCHITECTURES[self.kind]


@dataclass(frozen=True, eq=False)
class Weights:
    """Parameters by torchvision's names, and where they come from in a few words."""

    tensors: Mapping[str, Tensor]
    origin: str


def by_source(units: Sequence[NetworkSettings]) -> dict[Source, list[int]]:
    """Return the places in `units` of those of each source."""
    places: dict[Source, list[int]] = {}
    for k, unit in enumerate(units):
        source = Source(unit.kind, unit.weights, unit.weights_seed, unit.input_px)
        places.setdefault(source, []).append(k)
    return places


def weights_of(source: Source, deepest: str) -> Weights:
    """Read or draw the weights of the layers up to one.

    Raises:
        SimSettingsError: a file is not one of weights of this network.

    """
    if source.weights == RANDOM:
        tensors = _drawn(source, deepest)
        return Weights(tensors, f"UNTRAINED random weights (seed {source.weights_seed})")
    path = Path(source.weights)
    read = read_weights(source.architecture, path)
    return Weights(read.tensors, f"weights from {path.name} (sha256 {read.sha256[:12]})")


def calibration(input_px: int) -> Tensor:
    """Return the pictures that networks are calibrated with, as they are given them."""
    return prepared(torch.from_numpy(calibration_pictures()), input_px)


@lru_cache(maxsize=1)
def _drawn(source: Source, deepest: str) -> Mapping[str, Tensor]:
    """Draw weights; the last ones are kept, since a benchmark builds the same units many times."""
    layers = source.architecture.through(deepest)
    drawn = drawn_parameters(layers, source.weights_seed, calibration(source.input_px))
    return MappingProxyType(drawn)
