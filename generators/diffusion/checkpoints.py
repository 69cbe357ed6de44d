"""Weights of EDM's unconditional networks, read from a user's file.

The file is what ``torch.save(network.state_dict(), path)`` writes for a network of the
repository NVlabs/edm (``model.enc.32x32_conv.weight`` …), with or without ``model.`` or
``module.`` in front. The size of the network follows from the names and shapes. NVIDIA's own
``.pkl`` files carry code and are refused; their parameters have to be saved once elsewhere.

Left out: what a file does not say. Networks of the same names and shapes that were trained with
another preconditioning (VP, VE) give pictures of noise here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from generators.diffusion.song_unet import SongShape, SongUNet
from generators.errors import WeightsError
from generators.weights import faults_of_shapes, file_sha256, read_tensors, refuse_faults

_PART = re.compile(r"enc\.(\d+)x\1_(conv|block\d+)\.")
_LARGEST_PX = 1024
_OTHERS = {
    "map_label.": "a network that is told classes",
    "map_noise.freqs": "an NCSN++ network",
    "out_norm.": "a network of Dhariwal & Nichol's build",
}


@dataclass(frozen=True)
class SongWeights:
    """Checked parameters of one network.

    Attributes:
        shape: the network that they fit.
        tensors: parameter name to float32 tensor; fits `song_unet.SongUNet`.
        sha256: hex digest of the file.
        provenance: a sentence that says where they come from.

    """

    shape: SongShape
    tensors: Mapping[str, Tensor]
    sha256: str
    provenance: str

    @property
    def fold(self) -> int:
        """So many by so many pixels are one place of the network's maps, and its channels."""
        return isqrt(self.shape.channels // 3)


def read_weights(path: Path) -> SongWeights:
    """Read a state dict.

    Raises:
        WeightsError: the file is missing, holds something else than named tensors, is of another
            network, or has missing, unexpected, misshapen or not finite parameters.

    """
    sha256 = file_sha256(path)
    tensors, written = _canonical_names(read_tensors(path), path)
    provenance = f"EDM weights from the user's file {path.name} (sha256 {sha256})."
    return checked_weights(tensors, written, path, sha256, provenance)


def numbers_of(path: Path) -> int | None:
    """Return how many numbers a file holds that seems to be of EDM's network; None for others.

    Raises:
        WeightsError: as `generators.weights.read_tensors`.

    """
    tensors = read_tensors(path)
    short = [name.removeprefix("module.").removeprefix("model.") for name in tensors]
    if not any(_PART.match(name) for name in short):
        return None
    return sum(tensor.numel() for tensor in tensors.values())


def checked_weights(
    tensors: Mapping[str, Tensor],
    written: Mapping[str, str],
    path: Path,
    sha256: str,
    provenance: str,
) -> SongWeights:
    """Recognise the network of some parameters, and check them against it.

    Args:
        tensors: what a file holds, by the names that the network has.
        written: the names in the file.
        path: the file, for its errors.
        sha256: the file's digest.
        provenance: where they come from.

    """
    shape = _recognised(tensors, path)
    try:
        with torch.device("meta"):
            expected = {k: tuple(v.shape) for k, v in SongUNet(shape).state_dict().items()}
    except ValueError as error:
        raise WeightsError(
            f"{path} has {shape.width} channels, which cannot be normed in groups as EDM does: "
            "give the weights of an EDM network"
        ) from error
    faults = faults_of_shapes(tensors, expected, written)
    network = f"the EDM network of {shape.map_px} pixels and {shape.width} channels"
    remedy = "give the whole state dict"
    refuse_faults(path, network, faults, tensors, expected, written, remedy)
    finished = {name: tensor.to(torch.float32).contiguous() for name, tensor in tensors.items()}
    return SongWeights(shape, MappingProxyType(finished), sha256, provenance)


def _canonical_names(
    tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors by their names in the network, and how each is written in the file."""
    renamed: dict[str, Tensor] = {}
    written: dict[str, str] = {}
    for name, tensor in tensors.items():
        short = name.removeprefix("module.").removeprefix("model.")
        if short in renamed:
            raise WeightsError(
                f"{path} has two parameters for {short}, {written[short]} and {name}: save one "
                "network"
            )
        if short.endswith(".resample_filter"):
            _check_filter(tensor, name, path)
        elif not short.startswith("map_augment."):
            renamed[short], written[short] = tensor, name
    return renamed, written


def _check_filter(tensor: Tensor, name: str, path: Path) -> None:
    # Sizes are changed by averages of 2 x 2; other filters are a part of NCSN++.
    if tuple(tensor.shape) != (1, 1, 2, 2) or not bool((tensor == 0.25).all()):
        raise WeightsError(
            f"{path} resamples by another filter than averages of 2 x 2 ({name}), as NCSN++ does: "
            "give the weights of a DDPM++ network"
        )


def _recognised(tensors: Mapping[str, Tensor], path: Path) -> SongShape:
    """Tell the network from the names and shapes of its parameters."""
    for start, what in _OTHERS.items():
        if any(name.startswith(start) for name in tensors):
            raise WeightsError(
                f"{path} holds {what}: give the weights of an unconditional DDPM++ network of EDM"
            )
    parts = {(int(m[1]), m[2]) for m in map(_PART.match, tensors) if m}
    sizes = sorted({px for px, _ in parts}, reverse=True)
    first = tensors.get(f"enc.{sizes[0]}x{sizes[0]}_conv.weight") if sizes else None
    if first is None or first.ndim != 4 or not 8 <= sizes[0] <= _LARGEST_PX:
        raise WeightsError(
            f"{path} is not of an EDM network (no enc.32x32_conv.weight or the like): save "
            "network.state_dict() of a network of NVlabs/edm"
        )
    width, channels = first.shape[:2]
    multiples = []
    for px in sizes:
        inner = tensors.get(f"enc.{px}x{px}_block0.conv1.weight")
        multiples.append(len(inner) // width if inner is not None and inner.ndim else 0)
    halved = [sizes[0] >> level for level in range(len(sizes))]
    if sizes != halved or 0 in multiples or channels not in (3, 12, 48):
        raise WeightsError(
            f"{path} has sizes {sizes} and {channels} colour channels, which is no EDM network for "
            "colour pictures: give the weights of one"
        )
    n_blocks = sum(px == sizes[0] and part != "conv" for px, part in parts)
    attention = tuple(px for px in sizes if f"enc.{px}x{px}_block0.qkv.weight" in tensors)
    return SongShape(sizes[0], channels, width, tuple(multiples), n_blocks, attention)
