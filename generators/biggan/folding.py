"""From what was trained to what is computed: spectral norms and statistics become plain numbers.

Spectral normalisation divides a weight matrix W by its largest singular value, which the file
keeps as two vectors u and v with ``sigma = u^T W v``; after training neither changes. Statistics of
the normalisations depend on the truncation alone. Both are worked in once, so that nothing of it is
left in `generators.biggan.network`.

The statistics are given for truncations 0, 0.02, ... 1, and between two of them in proportion to
how near each is. At those 51 values all implementations agree. Between them
pytorch-pretrained-biggan gives the *farther* one the greater weight.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from generators.biggan.variants import NORM_EPSILON
from generators.errors import WeightsError

N_COLOURS = 3
_NEARLY = 1e-9
"""Of a step between truncations; 0.58 / 0.02 is not quite 29."""


def folded(tensors: Mapping[str, Tensor], truncation: float) -> dict[str, Tensor]:
    """Return the parameters of `network.BigGanNetwork` for one truncation.

    Args:
        tensors: as `checkpoints.BigGanWeights` has them.
        truncation: above 0, and 1 at the most.

    Raises:
        WeightsError: a spectral norm is not above zero, or a variance is below it.

    """
    parameters: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not name.startswith("generator."):
            continue
        short, _, kind = name.removeprefix("generator.").rpartition(".")
        if kind == "weight_orig":
            parameters[f"{short}.weight"] = _divided(tensors, name)
        elif kind == "running_means":
            parameters[f"{short}.mean"] = _at(tensor, truncation)
        elif kind == "running_vars":
            parameters[f"{short}.inverse_deviation"] = _inverse_deviation(name, tensor, truncation)
        elif kind in ("weight", "bias", "gamma"):
            parameters[f"{short}.{kind}"] = tensor
    # The last convolution gives as many channels as it takes; only three of them are colours.
    for kind in ("weight", "bias"):
        parameters[f"conv_to_rgb.{kind}"] = parameters[f"conv_to_rgb.{kind}"][:N_COLOURS].clone()
    return parameters


def _divided(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    stem = name.removesuffix("_orig")
    weight, u, v = (tensors[f"{stem}_{part}"] for part in ("orig", "u", "v"))
    sigma = torch.dot(u.double(), weight.flatten(1).double() @ v.double())
    if not float(sigma) > 0:
        raise WeightsError(
            f"the spectral norm of {stem} is {float(sigma):.3g} by the vectors beside it, and has "
            "to be above zero: give the weights as they were published"
        )
    return weight / sigma.to(torch.float32)


def _inverse_deviation(name: str, table: Tensor, truncation: float) -> Tensor:
    if bool((table < 0).any()):
        raise WeightsError(
            f"{name} holds variances below zero: give the weights as they were published"
        )
    return torch.rsqrt(_at(table, truncation) + NORM_EPSILON)


def _at(table: Tensor, truncation: float) -> Tensor:
    """Give the row ``(n,)`` for a truncation from a table ``(n_truncations, n)``."""
    place = truncation * (len(table) - 1)
    if abs(place - round(place)) < _NEARLY:
        return table[round(place)].clone()
    row = int(place)
    return torch.lerp(table[row], table[row + 1], place - row)
