"""Units of image networks as simulated neurons: one forward pass for all units of a network.

    image → what falls into the field → pre-processing → activations → rates

A network is computed as deep as the deepest of its units and no wider than they need, in portions
of a few images. What is raw in all of this, `activations`, is there for benchmarks, which publish
them and not rates.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from rig_adapters.sim.neurons.base import Images, Rates, Truth
from rig_adapters.sim.neurons.networks.network import prepared
from rig_adapters.sim.neurons.networks.rates import Activations, Scale, fitted_scale
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.networks.sites import Site, Sites
from rig_adapters.sim.neurons.networks.sources import Source, by_source, calibration, weights_of
from rig_adapters.sim.neurons.networks.view import view
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.retina import Floats, Placement, ReceptiveField

Glance = Callable[[Images], Images | Floats]
"""Gives what is seen of images, in 0..255."""
MOST_TOGETHER = 16
"""Images in one portion; more of them are no faster for each, and need more memory."""


class NetworkNeurons:
    """Units of this family; see `Neurons`."""

    def __init__(self, units: Sequence[NetworkSettings]) -> None:
        self._n_units = len(units)
        self._room_hz = np.array([unit.room_hz for unit in units])
        self._parts: list[tuple[list[int], _UnitsOfOne]] = []
        truths: dict[int, Truth] = {}
        for source, columns in by_source(units).items():
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

    def __init__(self, source: Source, units: Sequence[NetworkSettings]) -> None:
        self._units = tuple(units)
        self._input_px = source.input_px
        names = source.architecture.layer_names
        deepest = max((unit.layer for unit in units), key=names.index)
        weights = weights_of(source, deepest)
        layers = source.architecture.through(deepest)
        sites = dict.fromkeys(unit.site for unit in units)
        self._sites = Sites(layers, sites, weights.tensors, source.input_px)
        self.truths = tuple(Truth(_about(unit, weights.origin)) for unit in units)
        self._scales = self._fitted(weights.origin)
        self._columns = {site: [k for k, u in enumerate(units) if u.site == site] for site in sites}
        self._features = [unit.feature for unit in units]
        if layers[-1].is_dense:
            # Of the last layer only those features are computed from here on that somebody wants.
            (last,) = (columns for site, columns in self._columns.items() if site[0] == deepest)
            self._sites.keep_features_of_last([units[k].feature for k in last])
            for number, k in enumerate(last):
                self._features[k] = number

    def activations(self, images: Images, place: Placement | None) -> Activations:
        """Return (n, units) of images (n, h, w, 3)."""
        seen = np.empty((len(images), len(self._units)))
        fields = dict.fromkeys(unit.field for unit in self._units)
        if place is None or all(field.filled == place for field in fields):
            self._look(images, lambda shown: shown, range(len(self._units)), seen)
            return seen
        for field in fields:
            looking = [k for k, unit in enumerate(self._units) if unit.field == field]
            self._look(images, self._glance(place, field), looking, seen)
        return seen

    def shares(self, activations: Activations) -> Activations:
        """Return by how much of their room (n, units) the units fire."""
        shares = np.empty_like(activations)
        for site, columns in self._columns.items():
            shares[:, columns] = self._scales[site].shares(activations[:, columns])
        return shares

    def _glance(self, place: Placement, field: ReceptiveField) -> Glance:
        """Return what gives of images that which is seen in a field."""
        if place == field.filled:
            return lambda shown: shown
        return lambda shown: view(shown, place, field, self._input_px)

    def _look(
        self,
        images: Images,
        glance: Glance,
        units: Sequence[int],
        into: Activations,
    ) -> None:
        """Fill in the columns of some units for what they see of the images."""
        wanted = frozenset(units)
        for first in range(0, len(images), MOST_TOGETHER):
            portion = slice(first, first + MOST_TOGETHER)
            seen = np.require(glance(images[portion]), requirements=["C", "W"])
            with torch.inference_mode():
                pictures = prepared(torch.from_numpy(seen), self._input_px)
                for site, made in self._sites.activations(pictures):
                    for k in wanted.intersection(self._columns[site]):
                        into[portion, k] = made[:, self._features[k]].numpy()

    def _fitted(self, origin: str) -> dict[Site, Scale]:
        made: dict[Site, list[Tensor]] = {}
        with torch.inference_mode():
            for portion in torch.split(calibration(self._input_px), MOST_TOGETHER):
                for site, values in self._sites.activations(portion):
                    made.setdefault(site, []).append(values.double())
        architecture = self._units[0].architecture
        scales = {}
        for site, parts in made.items():
            rectified = architecture.layer(site[0]).is_rectified
            scale = fitted_scale(torch.cat(parts).numpy(), rectified=rectified)
            if scale is None:
                raise SimSettingsError(
                    f"no unit of {site[0]} of {architecture.title} tells pictures apart with "
                    f"{origin}: the weights are no good, or the position at fault"
                )
            scales[site] = scale
        return scales


def _about(unit: NetworkSettings, origin: str) -> str:
    architecture = unit.architecture
    where = "" if architecture.layer(unit.layer).is_dense else f" at {unit.place}"
    return f"feature {unit.feature} of {architecture.title} {unit.layer}{where}, {origin}"
