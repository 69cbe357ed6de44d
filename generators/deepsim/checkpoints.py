"""Weights of the DeePSiM networks: read from a user's file, or drawn at random for tests.

Three layouts are in use, all with the same values:

- the layer names of the Caffe model (``defc7.weight``, ``Rconv6.weight``, ``conv5_1.bias``), also
  with a prefix ``G.`` or ``module.`` in front and with ``.1`` behind the layer
  (``defc7.1.weight``), as `upconvGAN` of circuit_toolkit and ActMax-Optimizer-Dev has them;
- the XDREAM conversion (``fc7``, ``conv6``, ``tconv5_0``, ``tconv5_1``, ``tconv2``; in older files
  ``deconv5_0``), which leaves out the biases of the transposed convolutions because they were
  fixed at zero in training;
- any of these with the three size-keeping layers stored as plain convolutions.

Left out: Caffe's own binary format, which has to be converted once elsewhere.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from generators.deepsim.variants import LEAK, VARIANTS, Layer, Variant
from generators.errors import SettingsError, WeightsError
from generators.weights import (
    faults_of_shapes,
    file_sha256,
    nearest_networks,
    read_tensors,
    refuse_faults,
)

_KEEPING = ("conv5_1", "conv4_1", "conv3_1")
_XDREAM = {
    "fc7": "defc7", "fc6": "defc6", "fc5": "defc5",
    "conv6": "Rconv6", "conv7": "Rconv7", "conv8": "Rconv8",
} | {
    f"{prefix}{number}": name
    for prefix in ("tconv", "deconv")
    for number, name in {
        "5_0": "deconv5", "5_1": "conv5_1", "4_0": "deconv4", "4_1": "conv4_1",
        "3_0": "deconv3", "3_1": "conv3_1", "2": "deconv2", "1": "deconv1", "0": "deconv0",
    }.items()
}  # fmt: skip
# Mean absolute biases of defc7, defc6 and defc5 of the published weights, as the notebooks with
# which XDREAM converted them print them. Files of fc6 and fc7 can be told apart by nothing else.
_PUBLISHED_BIASES = {"fc6": (0.993, 1.155, 0.570), "fc7": (0.682, 0.826, 0.391)}
_BIAS_TOLERANCE = 0.00075
"""They are printed to three decimals."""
_LAST_GAIN = 10.0
"""For a code of fc6 whose elements are near 4.7; 10 times that is a contrast seen in pictures."""


@dataclass(frozen=True)
class DeepSimWeights:
    """Checked parameters of one network, under the Caffe layer names.

    Attributes:
        variant: the network that they fit.
        tensors: parameter name to float32 tensor; fits `network.DeepSimNetwork`.
        sha256: hex digest of the file, or of the drawn values.
        provenance: a sentence that says where they come from.
        trained: False for weights drawn at random.

    """

    variant: Variant
    tensors: Mapping[str, Tensor]
    sha256: str
    provenance: str
    trained: bool


def read_weights(variant: Variant, path: Path) -> DeepSimWeights:
    """Read a state dict of one network, in any of the layouts of this module.

    Args:
        variant: the network that the file is for.
        path: a file written by ``torch.save(network.state_dict(), path)``.

    Returns:
        Float32 parameters under the Caffe names. Absent biases of transposed convolutions are zero.

    Raises:
        WeightsError: the file is missing, holds something else than named tensors, is of another
            network, or has missing, unexpected, misshapen or not finite parameters.

    """
    sha256 = file_sha256(path)
    tensors, written = _canonical_names(read_tensors(path), path)
    tensors = _as_transposed(_with_zero_biases(tensors, variant))
    _check(variant, tensors, written, path)
    provenance = (
        f"DeePSiM {variant.name} weights from the user's file {path.name} (sha256 {sha256})."
    )
    finished = {name: tensor.to(torch.float32).contiguous() for name, tensor in tensors.items()}
    return DeepSimWeights(variant, MappingProxyType(finished), sha256, provenance, trained=True)


def fitting_variants(path: Path) -> tuple[list[Variant], int]:
    """Say which networks a file is meant for, and how many numbers it holds.

    A file that fits none of them is meant for the nearest, and `read_weights` can tell what is
    wrong. Networks that are alike are all named.

    Raises:
        WeightsError: the file cannot be read, or names a parameter twice.

    """
    tensors, _ = _canonical_names(read_tensors(path), path)
    shapes = {name: tuple(tensor.shape) for name, tensor in _as_transposed(tensors).items()}
    networks = {
        # Biases of the trunk may be left out as a whole.
        name: {n: s for n, s in variant.shapes.items() if n in shapes or n.endswith("weight")}
        for name, variant in VARIANTS.items()
    }
    n_parameters = sum(tensor.numel() for tensor in tensors.values())
    return [VARIANTS[name] for name in nearest_networks(shapes, networks)], n_parameters


def draw_weights(variant: Variant, seed: int) -> DeepSimWeights:
    """Untrained weights that keep the scale of a code up to pixels of moderate contrast.

    Args:
        variant: the network to draw weights for.
        seed: 0 or more; the same seed gives the same weights.

    Returns:
        Parameters that say in their provenance that they are random.

    Raises:
        SettingsError: `seed` is negative.

    """
    if seed < 0:
        raise SettingsError(f"the seed of random weights is {seed}: give 0 or more")
    rng = np.random.default_rng(seed)
    digest = hashlib.sha256()
    tensors: dict[str, Tensor] = {}
    for layer in (*variant.head, *variant.trunk):
        gain = _gain(layer)
        if layer is variant.trunk[-1]:
            gain *= _LAST_GAIN * VARIANTS["fc6"].gene_deviation / variant.gene_deviation
        for name, shape in layer.shapes.items():
            values = np.zeros(shape, dtype=np.float32)
            if name.endswith("weight"):
                values = rng.standard_normal(shape, dtype=np.float32) * np.float32(gain)
            digest.update(f"{name} {shape}".encode())
            digest.update(values.data)
            tensors[name] = torch.from_numpy(values)
    provenance = f"UNTRAINED random weights (seed {seed}), for tests and timing only."
    frozen = MappingProxyType(tensors)
    return DeepSimWeights(variant, frozen, digest.hexdigest(), provenance, trained=False)


def _gain(layer: Layer) -> float:
    """Give the deviation that keeps the mean square through a leaky ReLU (He et al. 2015)."""
    # Of a doubling layer's 4 x 4 kernel, 2 x 2 entries reach each output pixel.
    reaching = {"linear": 1, "convolution": 9, "transposed": 4 if layer.stride == 2 else 9}
    return float(np.sqrt(2.0 / (1.0 + LEAK**2) / (layer.n_in * reaching[layer.kind])))


def _canonical_names(
    tensors: dict[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors by their Caffe names, and how each of them is written in the file."""
    renamed: dict[str, Tensor] = {}
    written: dict[str, str] = {}
    for name, tensor in tensors.items():
        short = name
        for prefix in ("module.", "G."):
            short = short.removeprefix(prefix)
        layer, _, parameter = short.rpartition(".")
        layer = layer.removesuffix(".1")
        # XDREAM's deconv2, deconv1 and deconv0 are the Caffe names, so the table maps them to
        # themselves.
        canonical = f"{_XDREAM.get(layer, layer)}.{parameter}"
        if canonical in renamed:
            raise WeightsError(
                f"{path} has two parameters for {canonical}, {written[canonical]} and {name}: "
                "save one network"
            )
        renamed[canonical], written[canonical] = tensor, name
    return renamed, written


def _with_zero_biases(tensors: dict[str, Tensor], variant: Variant) -> dict[str, Tensor]:
    """Add the trunk's biases where a file has none at all; some but not all is an error later."""
    biases = {f"{layer.name}.bias": layer.n_out for layer in variant.trunk}
    if any(name in tensors for name in biases):
        return tensors
    return tensors | {name: torch.zeros(size) for name, size in biases.items()}


def _as_transposed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Turn plain convolutions into the transposed ones that compute the same.

    With stride 1 and padding 1 a transposed convolution with kernel ``K[in, out, y, x]`` is a
    convolution with ``K[out, in, 2 - y, 2 - x]``. Only conv5_1 has unequal channel numbers, so
    its shape tells the layout of all three.
    """
    first = tensors.get("conv5_1.weight")
    if first is None or tuple(first.shape) != (512, 256, 3, 3):
        return tensors
    turned = dict(tensors)
    for name in (f"{layer}.weight" for layer in _KEEPING):
        if name in tensors and tensors[name].ndim == 4:
            turned[name] = tensors[name].transpose(0, 1).flip(2, 3).contiguous()
    return turned


def _check(
    variant: Variant, tensors: dict[str, Tensor], written: dict[str, str], path: Path
) -> None:
    faults = faults_of_shapes(tensors, variant.shapes, written)
    other = next((v for v in VARIANTS.values() if v is not variant and _fits(v, tensors)), None)
    if faults and other is not None:
        raise WeightsError(
            f"{path} holds the weights of DeePSiM {other.name}, not of {variant.name} "
            f"({'; '.join(faults)}): use kind deepsim_{other.name} for it, or give the "
            f"{variant.name} weights"
        )
    remedy = f"give the {variant.name} weights"
    network = f"the DeePSiM {variant.name} network"
    refuse_faults(path, network, faults, tensors, variant.shapes, written, remedy)
    _refuse_the_published_weights_of_another(variant, tensors, path)


def _fits(variant: Variant, tensors: dict[str, Tensor]) -> bool:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()} == variant.shapes


def _refuse_the_published_weights_of_another(
    variant: Variant, tensors: dict[str, Tensor], path: Path
) -> None:
    for other, sizes in _PUBLISHED_BIASES.items():
        if other == variant.name or variant.shapes != VARIANTS[other].shapes:
            continue
        found = (tensors[f"{layer.name}.bias"].abs().mean().item() for layer in variant.head)
        if all(abs(a - b) < _BIAS_TOLERANCE for a, b in zip(found, sizes, strict=True)):
            raise WeightsError(
                f"{path} holds the published weights of DeePSiM {other}, not of {variant.name}, "
                f"whose shapes are the same: use kind deepsim_{other} for it"
            )
