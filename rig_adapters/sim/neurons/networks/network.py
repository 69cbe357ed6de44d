"""A network in torch, from the table of architectures: pictures to activations of its layers.

It computes on the CPU with one set of weights: BatchNorm is folded into the convolution before it.
It changes no settings of torch. Left out: where parameters come from, and what becomes of
activations.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rig_adapters.sim.neurons.networks.architectures import (
    Averaging,
    Block,
    Convolution,
    Cut,
    Dense,
    Layer,
    Pooling,
    Rectification,
    Step,
    Weighted,
)

NORM_EPSILON = 1e-5
"""What torchvision's BatchNorm adds to a variance."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of red, green and blue in 0..1: what torchvision's networks were trained with."""

Weigh = Callable[[Weighted, Tensor], Tensor]
"""Computes a step with parameters from its input."""


@dataclass(frozen=True, eq=False)
class Linear:
    """What a step with parameters does: a weight, and a bias (n_out,)."""

    weight: Tensor
    bias: Tensor


class Network:
    """Some first layers of a network.

    Args:
        layers: of the table, in the order of computation, from the first.
        parameters: all of theirs by torchvision's names, as `Layer.weighted` has them.

    """

    def __init__(self, layers: Sequence[Layer], parameters: Mapping[str, Tensor]) -> None:
        self._layers = tuple(layers)
        self._linear = {
            one.name: folded(one, parameters) for layer in layers for one in layer.weighted
        }

    def activations(self, pictures: Tensor) -> Iterator[tuple[Layer, Tensor]]:
        """Give what one layer after the other makes of pictures: (n, features[, px, px]).

        Args:
            pictures: (n, 3, px, px) as `prepared` returns them.

        """
        return walk(self._layers, pictures, self._weigh)

    def keep_features(self, layer: Layer, features: Sequence[int]) -> None:
        """Compute only some features, in this order, of a layer that no other one needs."""
        last = self._linear[layer.weighted[-1].name]
        rows = torch.tensor(list(features))
        kept = Linear(last.weight[rows].contiguous(), last.bias[rows].contiguous())
        self._linear[layer.weighted[-1].name] = kept

    def _weigh(self, step: Weighted, x: Tensor) -> Tensor:
        linear = self._linear[step.name]
        return weighed(step, x, linear.weight, linear.bias)


def prepared(images: Tensor, size_px: int) -> Tensor:
    """Turn images (n, h, w, 3) in 0..255 into what a network is given: (n, 3, size_px, size_px).

    The published benchmark's way: the whole image, bilinear, corner pixels on corner pixels.
    """
    x = images.permute(0, 3, 1, 2).to(torch.float32) / 255.0
    if x.shape[2:] != (size_px, size_px):
        size = (size_px, size_px)
        x = functional.interpolate(x, size, mode="bilinear", align_corners=True)
    mean, deviation = x.new_tensor(IMAGENET_MEAN), x.new_tensor(IMAGENET_DEVIATION)
    x = (x - mean[:, None, None]) / deviation[:, None, None]
    # oneDNN is a third faster with the features of a place beside each other.
    return x.contiguous(memory_format=torch.channels_last)


def walk(layers: Sequence[Layer], x: Tensor, weigh: Weigh) -> Iterator[tuple[Layer, Tensor]]:
    """Give what one layer after the other makes of `x`; `weigh` does steps with parameters."""
    for layer in layers:
        x = through(layer.steps, x, weigh)
        yield layer, x


def taken(step: Step, x: Tensor, weigh: Weigh) -> Tensor:
    """Return what one step makes of `x`."""
    match step:
        case Convolution() | Dense():
            return weigh(step, x)
        case Pooling():
            return functional.max_pool2d(x, step.kernel, step.stride, step.padding)
        case Averaging():
            return x.mean(dim=(2, 3), keepdim=True)
        case Rectification():
            return functional.relu_(x)  # what it is given is nobody else's
        case Cut():
            above, below, left, right = step.margin
            cut = x[:, :, slice(*step.rows), slice(*step.columns)]
            margin = (left, right, above, below)
            return functional.pad(cut, margin, value=step.fill) if any(margin) else cut
        case Block():
            return through(step.path, x, weigh) + through(step.shortcut, x, weigh)


def through(steps: Sequence[Step], x: Tensor, weigh: Weigh) -> Tensor:
    """Return what several steps make of `x`."""
    for step in steps:
        x = taken(step, x, weigh)
    return x


def weighed(step: Weighted, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the products of a step with parameters."""
    if isinstance(step, Dense):
        return functional.linear(x.flatten(1), weight, bias)
    return functional.conv2d(x, weight, bias, step.stride, step.padding)


def folded(step: Weighted, parameters: Mapping[str, Tensor]) -> Linear:
    """Return one step's weight and bias, with its BatchNorm in them."""
    weight = parameters[f"{step.name}.weight"]
    if isinstance(step, Dense) or not step.norm:
        bias = parameters[f"{step.name}.bias"].float()
    else:
        scale, shift, mean, variance = (
            parameters[f"{step.norm}.{name}"].double()
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        scale = scale / torch.sqrt(variance + NORM_EPSILON)
        weight = weight.double() * scale[:, None, None, None]
        bias = (shift - mean * scale).float()
    if isinstance(step, Dense):
        return Linear(weight.float().contiguous(), bias)
    return Linear(weight.float().contiguous(memory_format=torch.channels_last), bias)
