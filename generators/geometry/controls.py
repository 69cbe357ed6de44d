"""What training did to a generator's geometry: the network beside itself untrained and shuffled.

Two controls of the same build (Wang & Ponce 2021): one whose weights are drawn anew, as before
training; one whose trained weights are shuffled within each parameter, so that the distributions of
weights are the trained ones. Training makes few directions matter, the same ones everywhere. The
shuffled network has lost both; the untrained one is alike everywhere, but in all directions.

Left out: networks that are no modules of torch.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators.geometry.decoder import Decoder
from generators.geometry.distances import Distance
from generators.geometry.metric import Tell
from generators.geometry.service import Geometry, measure
from generators.geometry.spectrum import SHARES, dims_for
from generators.network import StagedNetwork


@dataclass(frozen=True, eq=False)
class Comparison:
    """Geometries of one network and its two controls, at codes drawn alike."""

    trained: Geometry
    untrained: Geometry
    shuffled: Geometry

    def dims(self) -> dict[str, tuple[int | None, ...]]:
        """Fewest directions for each of `spectrum.SHARES`, by network."""
        return {
            name: tuple(dims_for(geometry.usual_values, share) for share in SHARES)
            for name, geometry in self._named().items()
        }

    def log_homogeneity(self) -> dict[str, float]:
        """Homogeneity of the logarithms, by network."""
        return {name: geometry.homogeneity.log for name, geometry in self._named().items()}

    def _named(self) -> dict[str, Geometry]:
        return {
            "trained": self.trained, "untrained": self.untrained, "shuffled": self.shuffled
        }  # fmt: skip


def compare(
    network: nn.Module,
    code_dim: int,
    norm_hint: float,
    distance: Distance,
    rng: np.random.Generator,
    n_codes: int = 8,
    tell: Tell = lambda _: None,
) -> Comparison:
    """Measure a trained network and its controls.

    Args:
        network: codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)``; it is left as it is.
        code_dim: elements of a code.
        norm_hint: norm of the random codes at which metrics are taken.
        distance: between pictures.
        rng: draws weights and codes.
        n_codes: reference codes, the same for all three.
        tell: is told how far work has come.

    """
    drawn = rng.standard_normal((n_codes, code_dim)) * norm_hint / code_dim**0.5
    codes = drawn.astype(np.float32)
    networks = {
        "trained": _twin(network),
        "untrained": untrained(network, rng),
        "shuffled": shuffled(network, rng),
    }
    found = {
        name: measure(
            Decoder(each, code_dim, norm_hint, name),
            distance,
            codes,
            tell=_of(tell, name),
        )
        for name, each in networks.items()
    }
    return Comparison(**found)


def _of(tell: Tell, name: str) -> Tell:
    return lambda told: tell(f"{name} network, {told}")


def untrained(network: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Return a copy whose weights are drawn as torch draws those of a new layer.

    Weights and biases of a layer with n inputs are uniform within ±1/sqrt(n); parameters of one
    axis without such a layer, as those of normalisation, keep a weight of 1 and a bias of 0, and so
    do statistics of what went through.
    """
    fresh = _twin(network)
    for module in fresh.modules():
        weight = getattr(module, "weight", None)
        own = dict(module.named_parameters(recurse=False))
        for name, parameter in own.items():
            if isinstance(weight, Tensor) and weight.ndim >= 2:
                reach = 1.0 / _n_inputs(module, weight) ** 0.5
                drawn = rng.uniform(-reach, reach, tuple(parameter.shape))
            else:
                drawn = np.full(tuple(parameter.shape), 1.0 if name == "weight" else 0.0)
            _put(parameter, drawn)
        for name, buffer in module.named_buffers(recurse=False):
            if name in ("running_mean", "running_var"):
                _put(buffer, np.full(tuple(buffer.shape), float(name == "running_var")))
    return fresh


def shuffled(network: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Return a copy with the numbers of each parameter in another order."""
    mixed = _twin(network)
    for parameter in mixed.parameters():
        flat = parameter.detach().cpu().numpy().ravel()
        _put(parameter, rng.permutation(flat).reshape(tuple(parameter.shape)))
    return mixed


def _twin(network: nn.Module) -> nn.Module:
    """Return a copy that computes with its own parameters, not with what was laid out of others."""
    return network.unprepared() if isinstance(network, StagedNetwork) else copy.deepcopy(network)


def _n_inputs(module: nn.Module, weight: Tensor) -> int:
    """Return how many numbers go into one output; transposed layers have the axes swapped."""
    is_transposed = bool(getattr(module, "transposed", False))
    if not is_transposed:
        return int(weight[0].numel())
    # Each input reaches kernel² outputs, of which stride² lie between two inputs.
    per_step = int(np.prod(getattr(module, "stride", (1,))))
    return max(1, int(weight.shape[0] * weight[0, 0].numel()) // per_step)


def _put(tensor: Tensor, values: NDArray[np.floating]) -> None:
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.asarray(values, np.float32)))
