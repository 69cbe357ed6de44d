"""Weights of StyleGAN2: read from a user's file, or drawn at random for tests.

A file is a state dict in one of the two layouts of `generators.stylegan2.layouts`, by itself or as
``g_ema`` beside other things. What it may lack: the mean style (``latent_avg``, ``mapping.w_avg``),
and the noise maps, which are then drawn once and for all from a fixed seed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from generators.errors import SettingsError
from generators.stylegan2.layouts import MEAN_STYLE, WITHIN, canonical, variant_of
from generators.stylegan2.variants import Variant
from generators.weights import faults_of_shapes, file_sha256, read_tensors, refuse_faults

_NOISE_SEED = 0
_MAPPING_RATE = 0.01
_NOISE_STRENGTH = 0.1
_COLOUR_GAIN = 0.15
"""Random weights only: contrast of a picture."""


_FIRST_LAYERS = ("input.input", "style.1.", "mapping.", "synthesis.b4.")
"""Where names begin in one layout or the other."""


@dataclass(frozen=True)
class StyleGanWeights:
    """Checked tensors of one network, by rosinality's names.

    Attributes:
        variant: the network that they fit.
        tensors: name to float32 tensor, as `Variant.shapes` lists them.
        mean_style: ``(style_dim,)`` float32, if the file has one.
        sha256: hex digest of the file, or of the drawn values.
        provenance: a sentence that says where they come from.
        trained: False for weights drawn at random.

    """

    variant: Variant
    tensors: Mapping[str, Tensor]
    mean_style: Tensor | None
    sha256: str
    provenance: str
    trained: bool


def read_weights(path: Path) -> StyleGanWeights:
    """Read the tensors of a network, whatever its size.

    Raises:
        WeightsError: the file is missing, holds something else than named tensors, is of another
            network, or has missing, unexpected, misshapen or not finite tensors.

    """
    sha256 = file_sha256(path)
    tensors, written = canonical(read_tensors(path, WITHIN), path)
    variant = variant_of(tensors, path)
    mean_style = tensors.pop(MEAN_STYLE, None)
    shapes = variant.shapes
    drawn = ""
    if not any(name in tensors for name in shapes if name.startswith("noises.")):
        tensors |= _drawn_noise(variant)
        drawn = " Its noise maps are drawn from a fixed seed, since the file has none."
    _check(tensors, shapes, mean_style, written, path)
    finished = {name: tensors[name].to(torch.float32).contiguous() for name in shapes}
    provenance = (
        f"StyleGAN2 weights for {variant.image_size_px} pixels from the user's file {path.name} "
        f"(sha256 {sha256}).{drawn}"
    )
    style = None if mean_style is None else mean_style.to(torch.float32).reshape(-1).contiguous()
    frozen = MappingProxyType(finished)
    return StyleGanWeights(variant, frozen, style, sha256, provenance, trained=True)


def seen_size(path: Path) -> tuple[int, int] | None:
    """Return image size and number of parameters of a file; None for another family's.

    Raises:
        WeightsError: it cannot be read, or is of a network of this family that is not supported.

    """
    tensors = read_tensors(path, WITHIN)
    if not any(name.removeprefix("module.").startswith(_FIRST_LAYERS) for name in tensors):
        return None
    named, _ = canonical(tensors, path)
    return variant_of(named, path).image_size_px, sum(t.numel() for t in named.values())


def _check(
    tensors: dict[str, Tensor],
    shapes: dict[str, tuple[int, ...]],
    mean_style: Tensor | None,
    written: dict[str, str],
    path: Path,
) -> None:
    names = {name: written.get(name, name) for name in tensors}
    faults = faults_of_shapes(tensors, shapes, names)
    if mean_style is not None:
        # Its values count whatever its shape.
        tensors, shapes = {**tensors, MEAN_STYLE: mean_style}, dict(shapes)
        shapes[MEAN_STYLE], names[MEAN_STYLE] = tuple(mean_style.shape), written[MEAN_STYLE]
        if mean_style.numel() != shapes["style.1.bias"][0]:
            faults.append(f"{written[MEAN_STYLE]} has shape {tuple(mean_style.shape)}")
    network = "the StyleGAN2 network that it is for by its first layers"
    remedy = "give one whole generator of it"
    refuse_faults(path, network, faults, tensors, shapes, names, remedy)


def _drawn_noise(variant: Variant) -> dict[str, Tensor]:
    rng = np.random.default_rng(_NOISE_SEED)
    return {
        name: torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
        for name, shape in variant.shapes.items()
        if name.startswith("noises.")
    }


def draw_weights(variant: Variant, seed: int) -> StyleGanWeights:
    """Untrained weights as training begins with, but for a little noise and a moderate contrast.

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
        values = _first_values(name, shape, rng)
        digest.update(f"{name} {shape}".encode())
        digest.update(values.data)
        tensors[name] = torch.from_numpy(values)
    provenance = f"UNTRAINED random weights (seed {seed}), for tests and timing only."
    frozen = MappingProxyType(tensors)
    return StyleGanWeights(variant, frozen, None, digest.hexdigest(), provenance, trained=False)


def _first_values(
    name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if name.endswith("noise.weight"):
        return np.full(shape, _NOISE_STRENGTH, np.float32)
    if name.endswith("modulation.bias"):
        return np.ones(shape, np.float32)
    if name.endswith("bias"):
        return np.zeros(shape, np.float32)
    gain = 1.0
    if name.startswith("style."):
        gain = 1.0 / _MAPPING_RATE
    if name.startswith("to_rgb") and name.endswith("conv.weight"):
        gain = _COLOUR_GAIN
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(gain)
