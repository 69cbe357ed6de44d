"""Weights of the fc6 network: read from a user's file, or drawn at random for tests.

Nothing is downloaded, and nothing in a file is executed: only tensors are unpickled
(``weights_only``). Left out: Caffe's own binary format, which has to be converted once elsewhere.

Three layouts are in use, all with the same shapes:

- the layer names of the Caffe model (``defc7.weight``, ``conv5_1.bias``), also with a prefix
  ``G.`` or ``module.`` in front and with ``.1`` behind the layer (``defc7.1.weight``);
- the XDREAM conversion (``fc7``, ``tconv5_0``, ``tconv5_1``, ``tconv2``; in older files
  ``deconv5_0``), which leaves out the biases of the convolutions because they were fixed at zero
  in training;
- any of these with the three size-keeping layers stored as plain convolutions.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from generators.errors import SettingsError, WeightsError

_LINEAR = dict.fromkeys(("defc7", "defc6", "defc5"), (4096, 4096))
# Transposed convolutions: input channels, output channels, kernel height and width.
_TRANSPOSED = {
    "deconv5": (256, 256, 4, 4),
    "conv5_1": (256, 512, 3, 3),
    "deconv4": (512, 256, 4, 4),
    "conv4_1": (256, 256, 3, 3),
    "deconv3": (256, 128, 4, 4),
    "conv3_1": (128, 128, 3, 3),
    "deconv2": (128, 64, 4, 4),
    "deconv1": (64, 32, 4, 4),
    "deconv0": (32, 3, 4, 4),
}
_KEEPING = ("conv5_1", "conv4_1", "conv3_1")
_XDREAM = {"fc7": "defc7", "fc6": "defc6", "fc5": "defc5"} | {
    f"{prefix}{number}": name
    for prefix in ("tconv", "deconv")
    for number, name in {
        "5_0": "deconv5", "5_1": "conv5_1", "4_0": "deconv4", "4_1": "conv4_1",
        "3_0": "deconv3", "3_1": "conv3_1", "2": "deconv2", "1": "deconv1", "0": "deconv0",
    }.items()
}  # fmt: skip


@dataclass(frozen=True)
class Fc6Weights:
    """Checked parameters of the network, under the Caffe layer names.

    Attributes:
        tensors: parameter name to float32 tensor; fits `DeepSimFc6Network`.
        sha256: hex digest of the file, or of the drawn values.
        provenance: a sentence that says where they come from.
        trained: False for weights drawn at random.

    """

    tensors: Mapping[str, Tensor]
    sha256: str
    provenance: str
    trained: bool


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Every parameter of the network and its shape."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, linear in _LINEAR.items():
        shapes |= {f"{layer}.weight": linear, f"{layer}.bias": linear[:1]}
    for layer, kernel in _TRANSPOSED.items():
        shapes |= {f"{layer}.weight": kernel, f"{layer}.bias": kernel[1:2]}
    return shapes


def read_fc6_weights(path: Path) -> Fc6Weights:
    """Read a state dict of the fc6 network, in any of the layouts of this module.

    Args:
        path: a file written by ``torch.save(network.state_dict(), path)``.

    Returns:
        Float32 parameters under the Caffe names. Absent convolution biases are zero.

    Raises:
        WeightsError: the file is missing, holds something else than named tensors, or has
            missing, unexpected, misshapen or not finite parameters; all of them are named.

    """
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}: give the path of your fc6 weights")
    sha256 = _file_sha256(path)
    named = _canonical_names(_load_tensors(path), path)
    tensors = _as_transposed(_with_zero_biases(named))
    _check(tensors, path)
    provenance = f"DeePSiM fc6 weights from the user's file {path.name} (sha256 {sha256})."
    finished = {name: tensor.to(torch.float32).contiguous() for name, tensor in tensors.items()}
    return Fc6Weights(MappingProxyType(finished), sha256, provenance, trained=True)


def draw_fc6_weights(seed: int) -> Fc6Weights:
    """Untrained weights that keep the scale of a code up to pixels of moderate contrast.

    Args:
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
    for name, shape in expected_shapes().items():
        values = np.zeros(shape, dtype=np.float32)
        if name.endswith("weight"):
            values = rng.standard_normal(shape, dtype=np.float32) * np.float32(_gain(name, shape))
        digest.update(f"{name} {shape}".encode())
        digest.update(values.data)
        tensors[name] = torch.from_numpy(values)
    provenance = f"UNTRAINED random weights (seed {seed}), for tests and timing only."
    return Fc6Weights(MappingProxyType(tensors), digest.hexdigest(), provenance, trained=False)


def _gain(name: str, shape: tuple[int, ...]) -> float:
    """Give the deviation that keeps the mean square through a leaky ReLU (He et al. 2015)."""
    # Of a doubling layer's 4 x 4 kernel, 2 x 2 entries reach each output pixel.
    fan_in = shape[1] if len(shape) == 2 else shape[0] * (4 if shape[2] == 4 else 9)
    # A code of norm 300 has elements near 4.7; 10 times that is a contrast seen in pictures.
    last = 10.0 if name.startswith("deconv0") else 1.0
    return float(last * np.sqrt(2.0 / (1.0 + 0.3**2) / fan_in))


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} is not a plain file of tensors, and nothing else is opened: save it again "
            "with torch.save(network.state_dict(), path)"
        ) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise WeightsError(
            f"{path} holds {type(loaded).__name__} instead of parameter names with tensors: save "
            "network.state_dict() itself"
        )
    return dict(loaded)


def _canonical_names(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
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
                f"{path} has two parameters for {canonical}, one of them {name}: save one network"
            )
        renamed[canonical] = tensor
    return renamed


def _with_zero_biases(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add convolution biases where a file has none at all; some but not all is an error later."""
    biases = {f"{layer}.bias": shape[1] for layer, shape in _TRANSPOSED.items()}
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


def _check(tensors: dict[str, Tensor], path: Path) -> None:
    expected = expected_shapes()
    faults = [f"missing {name}" for name in expected if name not in tensors]
    faults += [f"unexpected {name}" for name in tensors if name not in expected]
    for name in expected.keys() & tensors.keys():
        tensor = tensors[name]
        if tuple(tensor.shape) != expected[name]:
            faults.append(f"{name} has shape {tuple(tensor.shape)}, not {expected[name]}")
        elif not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            faults.append(f"{name} holds values that are not finite numbers")
    if faults:
        raise WeightsError(
            f"{path} does not fit the DeePSiM fc6 network: {'; '.join(sorted(faults))}: give "
            "the fc6 weights, not those of another layer"
        )
