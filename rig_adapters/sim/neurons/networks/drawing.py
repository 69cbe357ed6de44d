"""Random weights of a network that has learned nothing, such that its units are alive.

They are drawn as He et al. 2015 do. Drawn so and left at that, a deep network says nearly the same
of every picture, and half of its units are silent for all. So each feature map, one layer after the
other, is shifted and scaled to mean 0 and variance 1 over the calibration pictures, before its
rectification (as Mishkin & Matas 2016, *All you need is a good init*, do with one number for a
layer). Where a BatchNorm follows, these are its statistics; elsewhere they go into weight and bias.

The draws are the same on every machine; what is measured, up to rounding.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rig_adapters.sim.neurons.networks.architectures import Dense, Layer, Weighted
from rig_adapters.sim.neurons.networks.network import NORM_EPSILON, walk, weighed

_LEAST_VARIANCE = 1e-12


def drawn_parameters(layers: Sequence[Layer], seed: int, pictures: Tensor) -> dict[str, Tensor]:
    """Draw all parameters of some first layers, under torchvision's names.

    A layer gets the same ones whichever layers come behind it.

    Args:
        layers: from the first.
        seed: 0 or more.
        pictures: (n, 3, px, px) as a network is given them; they are of several contents.

    """
    parameters: dict[str, Tensor] = {}
    numbers = {one: k for k, one in enumerate(one for layer in layers for one in layer.weighted)}

    def settle(step: Weighted, x: Tensor) -> Tensor:
        weight = _drawn_weight(step, np.random.default_rng([seed, numbers[step]]))
        made = weighed(step, x, weight, None)
        others = [axis for axis in range(made.ndim) if axis != 1]
        variance, mean = torch.var_mean(made, dim=others, correction=0)
        variance = variance.clamp_min(_LEAST_VARIANCE)
        parameters.update(_with_statistics(step, weight, mean, variance))
        apart = (slice(None), *(None for _ in others[1:]))
        # In place: maps of all pictures are some hundred megabytes.
        return made.sub_(mean[apart]).div_(torch.sqrt(variance[apart] + _epsilon(step)))

    with torch.inference_mode():
        for _ in walk(layers, pictures, settle):
            pass
    return parameters


def _drawn_weight(step: Weighted, rng: np.random.Generator) -> Tensor:
    shape = step.shapes[f"{step.name}.weight"]
    gain = np.float32(np.sqrt(2.0 / np.prod(shape[1:])))
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32) * gain)


def _with_statistics(
    step: Weighted, weight: Tensor, mean: Tensor, variance: Tensor
) -> dict[str, Tensor]:
    name = f"{step.name}.weight"
    if isinstance(step, Dense) or not step.norm:
        deviation = torch.sqrt(variance)
        scaled = weight / deviation.reshape(-1, *[1] * (weight.ndim - 1))
        return {name: scaled, f"{step.name}.bias": -mean / deviation}
    return {
        name: weight,
        f"{step.norm}.weight": torch.ones_like(mean),
        f"{step.norm}.bias": torch.zeros_like(mean),
        f"{step.norm}.running_mean": mean,
        f"{step.norm}.running_var": variance,
    }


def _epsilon(step: Weighted) -> float:
    return 0.0 if isinstance(step, Dense) or not step.norm else NORM_EPSILON
