"""Units of image networks as simulated neurons: one forward pass for all units of a network.

    image → what falls into the field → pre-processing → activations → rates

A network is computed as deep as the deepest of its units, no wider than they need, in portions of
a few images. What is
raw in all of this, `activations`, is there for benchmarks, which publish them and not rates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from rig_adapters.sim.neurons.base import Images, Rates, Truth
from rig_adapters.sim.neurons.networks.architectures import Architecture, Layer
from rig_adapters.sim.neurons.networks.drawing import drawn_parameters
from rig_adapters.sim.neurons.networks.network import Network, prepared
from rig_adapters.sim.neurons.networks.pictures import calibration_pictures
from rig_adapters.sim.neurons.networks.rates import Activations, Scale, fitted_scale
from rig_adapters.sim.neurons.networks.settings import RANDOM, NetworkSettings
from rig_adapters.sim.neurons.networks.view import view
from rig_adapters.sim.neurons.networks.weights_files import read_weights
from rig_adapters.sim.neurons.networks.windows import Position, windowed
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.retina import Placement, ReceptiveField

MOST_TOGETHER = 16
"""Images in one portion; more of them are no faster for each, and need more memory."""

Site = tuple[str, Position]
"""A layer and a position in its maps."""
Index = tuple[int | slice, ...]


@dataclass(frozen=True)
class _Source:
    """Which network, with which weights: what units share that are computed together."""

    kind: str
    weights: str
    weights_seed: int
    input_px: int


class NetworkNeurons:
    """Units of this family; see `Neurons`."""

    def __init__(self, units: Sequence[NetworkSettings]) -> None:
        self._n_units = len(units)
        self._room_hz = np.array([unit.room_hz for unit in units])
        sources = [
            _Source(unit.kind, unit.weights, unit.weights_seed, unit.input_px) for unit in units
        ]
        self._parts: list[tuple[list[int], _UnitsOfOne]] = []
        truths: dict[int, Truth] = {}
        for source in dict.fromkeys(sources):
            columns = [k for k, one in enumerate(sources) if one == source]
            part = _UnitsOfOne(source, [units[k] for k in columns])
            self._parts.append((columns, part))
            truths |= dict(zip(columns, part.truths, strict=True))
        self.unit_ids = tuple(unit.unit_id for unit in units)
        self.truths = tuple(truths[k] for k in range(self._n_units))

    def activations(self, images: Images, place: Placement | None = None) -> Activations:
        """Return activations (n, u) as networks have them: rectified, but for logits.

        Args:
            images: (n, h, w, 3) uint8, sRGB.
            place: where they are shown; None where each fills the field of every unit, which is
                the published way.

        """
        return self._gathered(len(images), lambda part: part.activations(images, place))

    def evoked_hz(self, images: Images, place: Placement | None = None) -> Rates:
        """Mean rates (n, u); see `Neurons.evoked_hz`."""
        shares = self._gathered(
            len(images), lambda part: part.shares(part.activations(images, place))
        )
        rates: Rates = shares * self._room_hz
        return rates

    def _gathered(self, n: int, of: "Callable[[_UnitsOfOne], Activations]") -> Activations:
        gathered = np.empty((n, self._n_units))
        for columns, part in self._parts:
            gathered[:, columns] = of(part)
        return gathered


class _UnitsOfOne:
    """Units of one network with one set of weights."""

    def __init__(self, source: _Source, units: Sequence[NetworkSettings]) -> None:
        self._units = tuple(units)
        self._input_px = source.input_px
        architecture = units[0].architecture
        names = architecture.layer_names
        deepest = max((unit.layer for unit in units), key=names.index)
        layers = architecture.through(deepest)
        parameters, origin = _parameters(source, architecture, layers)
        sites = {layer.name: [u.place for u in units if u.layer == layer.name] for layer in layers}
        parts = windowed(layers, sites, source.input_px)
        self._network, self._origins = Network(parts.layers, parameters), parts.origins
        self.truths = tuple(Truth(_about(unit, origin)) for unit in units)
        self._scales = self._fitted(origin)
        # What is known of them by number, from here on: the last layer has only those asked for.
        self._columns = [unit.feature for unit in units]
        if layers[-1].is_dense:
            asked = list(dict.fromkeys(unit.feature for unit in units if unit.layer == deepest))
            self._network.keep_features(layers[-1], asked)
            for k, unit in enumerate(units):
                if unit.layer == deepest:
                    self._columns[k] = asked.index(unit.feature)

    def activations(self, images: Images, place: Placement | None) -> Activations:
        """Return (n, units) of images (n, h, w, 3)."""
        seen = np.empty((len(images), len(self._units)))
        fields = dict.fromkeys(unit.field for unit in self._units)
        if place is None or all(field.filled == place for field in fields):
            return self._of_views(images, None, None, range(len(self._units)), seen)
        for field in fields:
            units = [k for k, unit in enumerate(self._units) if unit.field == field]
            self._of_views(images, place, field, units, seen)
        return seen

    def shares(self, activations: Activations) -> Activations:
        """Return by how much of their room (n, units) the units fire."""
        shares = np.empty_like(activations)
        for k, unit in enumerate(self._units):
            shares[:, k] = self._scales[_site(unit)].shares(activations[:, k])
        return shares

    def _of_views(
        self,
        images: Images,
        place: Placement | None,
        field: ReceptiveField | None,
        units: Sequence[int],
        into: Activations,
    ) -> Activations:
        """Fill in the columns of some units for what their field sees of the images."""
        for first in range(0, len(images), MOST_TOGETHER):
            portion = slice(first, first + MOST_TOGETHER)
            shown = images[portion]
            if place is None or field is None or place == field.filled:
                x = torch.from_numpy(np.require(shown, requirements=["C", "W"]))
            else:
                x = torch.from_numpy(view(shown, place, field, self._input_px))
            with torch.inference_mode():
                self._take(prepared(x, self._input_px), units, into[portion])
        return into

    def _take(self, pictures: Tensor, units: Sequence[int], into: Activations) -> None:
        for layer, made in self._network.activations(pictures):
            for k in units:
                if self._units[k].layer == layer.name:
                    at = self._at(layer, self._columns[k], self._units[k].place)
                    into[:, k] = made[at].numpy()

    def _at(self, layer: Layer, features: int | slice, place: Position) -> Index:
        """Return the index of features at a position in what is computed of a layer."""
        if layer.is_dense:
            return (slice(None), features)
        (row, column), (top, left) = place, self._origins[layer.name]
        return (slice(None), features, row - top, column - left)

    def _fitted(self, origin: str) -> dict[Site, Scale]:
        sites = dict.fromkeys(_site(unit) for unit in self._units)
        made: dict[Site, list[Activations]] = {site: [] for site in sites}
        with torch.inference_mode():
            for portion in torch.split(_calibration(self._input_px), MOST_TOGETHER):
                for layer, values in self._network.activations(portion):
                    for name, place in sites:
                        if name == layer.name:
                            every = values[self._at(layer, slice(None), place)]
                            made[name, place].append(every.double().numpy())
        scales = {}
        for site in sites:
            rectified = self._units[0].architecture.layer(site[0]).is_rectified
            scale = fitted_scale(np.concatenate(made[site]), rectified=rectified)
            if scale is None:
                raise SimSettingsError(
                    f"no unit of {site[0]} of {self._units[0].architecture.title} tells pictures "
                    f"apart with {origin}: the weights are no good, or the position at fault"
                )
            scales[site] = scale
        return scales


def _site(unit: NetworkSettings) -> Site:
    return (unit.layer, unit.place)


def _parameters(
    source: _Source, architecture: Architecture, layers: Sequence[Layer]
) -> tuple[Mapping[str, Tensor], str]:
    """Draw or read the weights; return them, and where they come from in words."""
    if source.weights == RANDOM:
        drawn = _drawn(architecture, len(layers), source.weights_seed, source.input_px)
        return drawn, f"UNTRAINED random weights (seed {source.weights_seed})"
    path = Path(source.weights)
    read = read_weights(architecture, path)
    return read.tensors, f"weights from {path.name} (sha256 {read.sha256[:12]})"


@lru_cache(maxsize=1)
def _drawn(
    architecture: Architecture, n_layers: int, seed: int, input_px: int
) -> Mapping[str, Tensor]:
    """Draw weights; the last ones are kept, since a benchmark builds the same units many times."""
    layers = architecture.layers[:n_layers]
    return MappingProxyType(drawn_parameters(layers, seed, _calibration(input_px)))


def _calibration(input_px: int) -> Tensor:
    return prepared(torch.from_numpy(calibration_pictures()), input_px)


def _about(unit: NetworkSettings, origin: str) -> str:
    architecture = unit.architecture
    layer = architecture.layer(unit.layer)
    where = "" if layer.is_dense else f" at {unit.place}"
    return f"feature {unit.feature} of {architecture.title} {unit.layer}{where}, {origin}"
