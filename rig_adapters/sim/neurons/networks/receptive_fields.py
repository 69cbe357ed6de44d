"""Where a unit of a network looks, by the gradient of its activation with respect to the picture.

`windows.extent` says which pixels can matter at all. How much they do falls off towards its edge,
for deep units steeply (Luo et al. 2016): the field that an experiment would map is smaller.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rig_adapters.sim.neurons.networks.architectures import Layer, Rectification
from rig_adapters.sim.neurons.networks.network import prepared
from rig_adapters.sim.neurons.networks.settings import NetworkSettings
from rig_adapters.sim.neurons.networks.sites import Sites
from rig_adapters.sim.neurons.networks.sources import Source, by_source, weights_of
from rig_adapters.sim.neurons.networks.windows import Span, Window
from rig_adapters.sim.neurons.settings import SimSettingsError

SHARE_IN_BOX = 0.95
"""Of the sensitivity of all rows, and of all columns."""
_TOGETHER = 8


@dataclass(frozen=True, eq=False)
class FieldMap:
    """Where a unit looks in pictures that fill its field.

    Attributes:
        sensitivity: (px, px), row and column of what the network is given; sums to 1.
        box: the rows and columns in the middle that have `SHARE_IN_BOX` of it, half-open.

    """

    sensitivity: npt.NDArray[np.float64]
    box: Window


def receptive_fields(
    units: Sequence[NetworkSettings], rng: np.random.Generator, n_images: int = 32
) -> tuple[FieldMap, ...]:
    """Map the fields of units: the size of the gradient, averaged over pictures of white noise.

    The gradient is that of what a unit is given before its rectification, so that noise to which
    it is silent says as much of it as any other.

    Args:
        units: of any networks.
        rng: of the noise, the same for all units.
        n_images: over how many the gradient is averaged.

    Raises:
        SimSettingsError: a file of weights is no good, or no pixel matters to a unit.

    """
    px = max(unit.input_px for unit in units)
    noise = rng.integers(0, 256, (n_images, px, px, 3), np.uint8)
    maps: dict[int, FieldMap] = {}
    for source, places in by_source(units).items():
        for layer in dict.fromkeys(units[k].layer for k in places):
            here = [k for k in places if units[k].layer == layer]
            sizes = _gradients(source, layer, [units[k] for k in here], noise)
            maps |= {k: _field_map(units[k], size) for k, size in zip(here, sizes, strict=True)}
    return tuple(maps[k] for k in range(len(units)))


def _gradients(
    source: Source, layer: str, units: Sequence[NetworkSettings], noise: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Return mean sizes of gradients (units, px, px), of colours together."""
    layers = source.architecture.through(layer)
    sites = dict.fromkeys(unit.site for unit in units)
    weights = weights_of(source, layer)
    network = Sites(_unrectified(layers), sites, weights.tensors, source.input_px)
    sizes = np.zeros((len(units), source.input_px, source.input_px))
    for first in range(0, len(noise), _TOGETHER):
        portion = torch.from_numpy(noise[first : first + _TOGETHER])
        pictures = prepared(portion, source.input_px).requires_grad_()
        made = dict(network.activations(pictures))
        for k, unit in enumerate(units):
            total = made[unit.site][:, unit.feature].sum()
            (gradient,) = torch.autograd.grad(total, pictures, retain_graph=True)
            sizes[k] += gradient.abs().sum(dim=(0, 1)).double().numpy()
    mean: npt.NDArray[np.float64] = sizes / len(noise)
    return mean


def _unrectified(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    *before, last = layers
    steps = last.steps[:-1] if isinstance(last.steps[-1], Rectification) else last.steps
    return (*before, Layer(last.name, steps))


def _field_map(unit: NetworkSettings, size: npt.NDArray[np.float64]) -> FieldMap:
    total = float(size.sum())
    if not 0.0 < total < np.inf:
        raise SimSettingsError(
            f"no pixel matters to feature {unit.feature} of {unit.layer} of "
            f"{unit.architecture.title}, so it has no receptive field: its weights are no good"
        )
    sensitivity = size / total
    rows, columns = (_middle(sensitivity.sum(axis=axis)) for axis in (1, 0))
    return FieldMap(sensitivity, Window(rows, columns))


def _middle(shares: npt.NDArray[np.float64]) -> Span:
    """Return the span that leaves out the same share of a sum before it and behind it."""
    left_out = (1.0 - SHARE_IN_BOX) / 2
    sums = np.cumsum(shares)
    return int(np.searchsorted(sums, left_out)), int(np.searchsorted(sums, 1.0 - left_out)) + 1
