"""LPIPS with AlexNet (Zhang et al. 2018), from two files of the user's own; none is shipped.

One file holds AlexNet's convolutions, with torchvision's names (``features.0.weight`` …; layers
after the convolutions may be in it and are not used). The other holds the five learned weightings
of LPIPS version 0.1 (``lin0.model.1.weight``, ``(1, 64, 1, 1)`` …). The value is a weighted sum of
squared differences of features, so it is d² of a feature distance, and its root is d.

Left out: VGG and SqueezeNet; resizing, so that pictures below 32 pixels are refused.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from generators.errors import SettingsError, WeightsError
from generators.geometry.distances import OfFeatures
from generators.weights import faults_of_shapes, faults_of_values, file_sha256, read_tensors


@dataclass(frozen=True)
class _Convolution:
    """One convolution of AlexNet; a ReLU follows each, and max pooling precedes some."""

    name: str
    n_in: int
    n_out: int
    kernel: int
    stride: int
    padding: int
    pooled_before: bool


CONVOLUTIONS = (
    _Convolution("features.0", 3, 64, 11, 4, 2, pooled_before=False),
    _Convolution("features.3", 64, 192, 5, 1, 2, pooled_before=True),
    _Convolution("features.6", 192, 384, 3, 1, 1, pooled_before=True),
    _Convolution("features.8", 384, 256, 3, 1, 1, pooled_before=False),
    _Convolution("features.10", 256, 256, 3, 1, 1, pooled_before=False),
)
SMALLEST_PX = 32
"""Smaller pictures vanish in the last pooling."""
# Pixels in -1..1 minus the first, over the second: LPIPS's own constants, by channel.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_TINY = 1e-20
"""Keeps the slope of a length finite where all channels are silent."""


class LpipsDistance(OfFeatures):
    """LPIPS as a distance.

    Args:
        network: AlexNet's convolutions, checked; see `read_lpips`.
        weightings: one ``(channels,)`` for each convolution, not negative.
        sha256: digest of both files.

    """

    def __init__(
        self, network: Mapping[str, Tensor], weightings: tuple[Tensor, ...], sha256: str
    ) -> None:
        self._network = network
        self._roots = tuple(weighting.sqrt() for weighting in weightings)
        self._sha256 = sha256

    @property
    def name(self) -> str:
        """``lpips-alex-`` and the beginning of the digest of its files."""
        return f"lpips-alex-{self._sha256[:12]}"

    def features(self, pixels: Tensor) -> Tensor:
        """Features whose squared difference is LPIPS: normalised, weighted, averaged over place."""
        if min(pixels.shape[2:]) < SMALLEST_PX:
            raise SettingsError(
                f"LPIPS needs pictures of {SMALLEST_PX} pixels or more, and these are "
                f"{pixels.shape[2]} x {pixels.shape[3]}: use the pyramid distance"
            )
        shift, scale = (pixels.new_tensor(each).view(1, 3, 1, 1) for each in (_SHIFT, _SCALE))
        x = (2.0 * pixels - 1.0 - shift) / scale
        parts = []
        for convolution, root in zip(CONVOLUTIONS, self._roots, strict=True):
            if convolution.pooled_before:
                x = functional.max_pool2d(x, 3, stride=2)
            x = self._convolved(convolution, x).relu()
            unit = x / (x.square().sum(dim=1, keepdim=True) + _TINY).sqrt()
            weighted = unit * root.to(x.device).view(1, -1, 1, 1)
            parts.append((weighted / (x.shape[2] * x.shape[3]) ** 0.5).flatten(1))
        return torch.cat(parts, dim=1)

    def _convolved(self, layer: _Convolution, x: Tensor) -> Tensor:
        weight, bias = (
            self._network[f"{layer.name}.{kind}"].to(x.device) for kind in ("weight", "bias")
        )
        return functional.conv2d(x, weight, bias, stride=layer.stride, padding=layer.padding)


def read_lpips(alexnet: Path, weightings: Path) -> LpipsDistance:
    """Read LPIPS from AlexNet's state dict and the state dict of its linear layers.

    Raises:
        WeightsError: a file is missing, is no plain file of tensors, or does not fit; nothing in
            it is executed.

    """
    network = {
        name: tensor
        for name, tensor in read_tensors(alexnet).items()
        if not name.startswith("classifier.")
    }
    linear = read_tensors(weightings)
    _check(network, _network_shapes(), alexnet)
    _check(linear, _linear_shapes(), weightings)
    found = tuple(linear[name].float().flatten() for name in _linear_shapes())
    if any(bool((weighting < 0).any()) for weighting in found):
        raise WeightsError(
            f"{weightings} holds negative weights, which those of LPIPS never are: copy the file "
            "again from where it comes from"
        )
    digest = hashlib.sha256((file_sha256(alexnet) + file_sha256(weightings)).encode())
    floats = MappingProxyType({name: tensor.float() for name, tensor in network.items()})
    return LpipsDistance(floats, found, digest.hexdigest())


def _network_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in CONVOLUTIONS:
        shapes[f"{layer.name}.weight"] = (layer.n_out, layer.n_in, layer.kernel, layer.kernel)
        shapes[f"{layer.name}.bias"] = (layer.n_out,)
    return shapes


def _linear_shapes() -> dict[str, tuple[int, ...]]:
    return {
        f"lin{index}.model.1.weight": (1, layer.n_out, 1, 1)
        for index, layer in enumerate(CONVOLUTIONS)
    }


def _check(
    tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], path: Path
) -> None:
    written = {name: name for name in tensors}
    faults = faults_of_shapes(tensors, expected, written) or faults_of_values(tensors, written)
    if faults:
        raise WeightsError(
            f"{path} does not fit LPIPS with AlexNet: {'; '.join(faults)}; give AlexNet with "
            "torchvision's names and the weightings of LPIPS 0.1"
        )
