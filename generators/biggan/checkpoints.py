"""Weights of BigGAN-deep: read from a user's file, or drawn at random for tests.

The layout is that of pytorch-pretrained-biggan (``pytorch_model.bin``): ``embeddings.weight``,
``generator.gen_z.weight_orig``, ``generator.layers.3.bn_0.scale.weight_u`` and so on, also with
``module.`` in front. The tensors are kept as they were trained, each weight with the two vectors of
its spectral norm, and statistics for all truncations; `generators.biggan.folding` computes with
them.

Left out: the modules of TensorFlow Hub from which those files were made.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.biggan.variants import VARIANTS, Variant
from generators.errors import SettingsError, WeightsError
from generators.weights import (
    faults_of_shapes,
    file_sha256,
    nearest_networks,
    read_tensors,
    refuse_faults,
)

# Of random weights: how far classes lie apart, contrast of a picture, and by how much the direction
# that is made the strongest exceeds the others.
_EMBEDDING_DEVIATION = 0.1
_LAST_GAIN = 0.5
_LARGER = 1.1


@dataclass(frozen=True)
class BigGanWeights:
    """Checked tensors of one network, by their names in the published files.

    Attributes:
        variant: the network that they fit.
        tensors: name to float32 tensor, as `Variant.shapes` lists them.
        sha256: hex digest of the file, or of the drawn values.
        provenance: a sentence that says where they come from.
        trained: False for weights drawn at random.

    """

    variant: Variant
    tensors: Mapping[str, Tensor]
    sha256: str
    provenance: str
    trained: bool

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """The class embeddings, ``(n_classes, class_dim)``."""
        table: NDArray[np.float32] = self.tensors["embeddings.weight"].numpy().T
        return table


def read_weights(variant: Variant, path: Path) -> BigGanWeights:
    """Read the published tensors of one network.

    Raises:
        WeightsError: the file is missing, holds something else than named tensors, is of another
            network, or has missing, unexpected, misshapen or not finite tensors.

    """
    sha256 = file_sha256(path)
    tensors: dict[str, Tensor] = {}
    written: dict[str, str] = {}
    for name, tensor in read_tensors(path).items():
        short = name.removeprefix("module.")
        tensors[short], written[short] = tensor, name
    _check(variant, tensors, written, path)
    provenance = f"{variant.name} weights from the user's file {path.name} (sha256 {sha256})."
    finished = {name: tensors[name].to(torch.float32).contiguous() for name in variant.shapes}
    return BigGanWeights(variant, MappingProxyType(finished), sha256, provenance, trained=True)


def fitting_variants(path: Path) -> tuple[list[Variant], int]:
    """Say for which networks a file is meant, complete or not, and how many numbers it holds.

    Raises:
        WeightsError: the file cannot be read.

    """
    tensors = {name.removeprefix("module."): tensor for name, tensor in read_tensors(path).items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    networks = {kind: variant.shapes for kind, variant in VARIANTS.items()}
    n_parameters = sum(tensor.numel() for tensor in tensors.values())
    return [VARIANTS[kind] for kind in nearest_networks(shapes, networks)], n_parameters


def _check(
    variant: Variant, tensors: dict[str, Tensor], written: dict[str, str], path: Path
) -> None:
    faults = faults_of_shapes(tensors, variant.shapes, written)
    other = next((v for v in VARIANTS.values() if v is not variant and _fits(v, tensors)), None)
    if faults and other is not None:
        raise WeightsError(
            f"{path} holds the weights of {other.name}, not of {variant.name}: use kind "
            f"{other.kind} for it, or give the {variant.name} weights"
        )
    remedy = f"give the {variant.name} weights"
    network = f"the {variant.name} network"
    refuse_faults(path, network, faults, tensors, variant.shapes, written, remedy)


def _fits(variant: Variant, tensors: dict[str, Tensor]) -> bool:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()} == variant.shapes


def draw_weights(variant: Variant, seed: int) -> BigGanWeights:
    """Untrained weights that keep the scale of a code up to pixels of moderate contrast.

    Args:
        variant: the network to draw weights for.
        seed: 0 or more; the same seed gives the same weights.

    Returns:
        Tensors that say in their provenance that they are random.

    Raises:
        SettingsError: `seed` is negative.

    """
    if seed < 0:
        raise SettingsError(f"the seed of random weights is {seed}: give 0 or more")
    rng, digest = np.random.default_rng(seed), hashlib.sha256()
    tensors: dict[str, Tensor] = {}
    for name, shape in variant.shapes.items():
        drawn = np.zeros(shape, np.float32)
        if name.endswith(("weight_orig", "weight_v", "embeddings.weight")):
            drawn = rng.standard_normal(shape, dtype=np.float32)
        digest.update(f"{name} {shape}".encode())
        digest.update(drawn.data)
        tensors[name] = torch.from_numpy(drawn)
    _make_moderate(variant, tensors)
    provenance = f"UNTRAINED random weights (seed {seed}), for tests and timing only."
    frozen = MappingProxyType(tensors)
    return BigGanWeights(variant, frozen, digest.hexdigest(), provenance, trained=False)


def _make_moderate(variant: Variant, tensors: dict[str, Tensor]) -> None:
    """Give drawn matrices a largest singular value, and set the statistics to what comes of it.

    A matrix of standard normal numbers has a largest singular value near the sum of the roots of
    its two sizes. One along the drawn vector is made a little larger than that, so that the vectors
    beside a matrix tell the truth. What comes in after a normalisation and ReLU has a mean square
    near one half.
    """
    for name in [name for name in tensors if name.endswith("weight_v")]:
        _give_direction(tensors, name.removesuffix("_v"))
    tensors["embeddings.weight"] *= _EMBEDDING_DEVIATION
    square = variant.noise_dim + variant.class_dim * _EMBEDDING_DEVIATION**2
    variance = square * _square_gain(tensors, "generator.gen_z")
    for index, block in enumerate(variant.layers):
        name = f"generator.layers.{index}"
        if block is None:
            tensors[f"{name}.gamma"].fill_(0.5)
            continue
        tensors[f"{name}.bn_0.running_vars"].fill_(variance)
        within = variance
        for number, (n_in, _, kernel) in enumerate(block.ends):
            tensors[f"{name}.bn_{number}.running_vars"].fill_(within)
            within = 0.5 * n_in * kernel**2 * _square_gain(tensors, f"{name}.conv_{number}")
        variance += within
    tensors["generator.bn.running_vars"].fill_(variance)
    tensors["generator.bn.weight"].fill_(_LAST_GAIN)


def _give_direction(tensors: dict[str, Tensor], stem: str) -> None:
    weight, v = tensors[f"{stem}_orig"], tensors[f"{stem}_v"]
    matrix = weight.flatten(1)
    v /= v.norm()
    along = matrix @ v
    u = torch.nn.functional.normalize(along, dim=0)
    matrix += torch.outer(u, v) * (_LARGER * _largest(weight) - along.norm())
    tensors[f"{stem}_u"] = u


def _square_gain(tensors: dict[str, Tensor], layer: str) -> float:
    """Give the mean square of a matrix after its spectral normalisation, nearly."""
    return (_LARGER * _largest(tensors[f"{layer}.weight_orig"])) ** -2


def _largest(weight: Tensor) -> float:
    n_out, n_in = weight.flatten(1).shape
    return float(n_out**0.5 + n_in**0.5)
