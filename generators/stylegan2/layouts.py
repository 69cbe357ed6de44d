"""The names that weights of StyleGAN2 have in files, and what a file says of its network.

Two layouts are read: rosinality's, which is also the one inside the program, and that of NVIDIA's
stylegan2-ada-pytorch (``synthesis.b8.conv0.affine.weight``), both with the same values: there too
the kernels of doubling convolutions are stored mirrored, as a transposed convolution takes them.

Left out: NVIDIA's own files, ``.pkl``, which run code when they are opened and have to be converted
once elsewhere, and class-conditional networks.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from generators.errors import WeightsError
from generators.stylegan2.variants import Variant

WITHIN = ("g_ema", "G_ema")
"""Where training programs keep the averaged generator, beside everything else."""
MEAN_STYLE = "latent_avg"
_BLUR = (1.0, 3.0, 3.0, 1.0)
_FILTERS = ("blur.kernel", "upsample.kernel", "resample_filter")


def canonical(
    tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors by rosinality's names and shapes, and how each is written in the file.

    Filters, which are the same in all networks that are known here, are compared and left out.

    Raises:
        WeightsError: a filter is another, or two tensors are for one place.

    """
    renamed: dict[str, Tensor] = {}
    written: dict[str, str] = {}
    for name, tensor in tensors.items():
        if name.endswith(_FILTERS):
            _check_filter(name, tensor, path)
            continue
        short = name.removeprefix("module.")
        ours = _from_ada(short) or short
        if ours in renamed:
            raise WeightsError(
                f"{path} has two tensors for {ours}, {written[ours]} and {name}: save one network"
            )
        renamed[ours] = _reshaped(ours, tensor) if ours != short else tensor
        written[ours] = name
    return renamed, written


def variant_of(tensors: Mapping[str, Tensor], path: Path) -> Variant:
    """Return the network that tensors by rosinality's names are for, as far as they tell.

    Raises:
        WeightsError: they are not for a StyleGAN2 generator, or for a class-conditional one.

    """
    if "mapping.embed.weight" in tensors:
        raise WeightsError(
            f"{path} holds a class-conditional StyleGAN2, which is not supported: give the weights "
            "of a network without classes"
        )
    needed = ("input.input", "style.1.weight", "convs.0.conv.weight")
    missing = [name for name in needed if name not in tensors or tensors[name].ndim < 2]
    if missing:
        raise WeightsError(
            f"{path} holds no generator of StyleGAN2, since {', '.join(missing)} is missing in it: "
            "give the averaged generator (g_ema) of such a network"
        )
    n_mapping, n_doublings = 1, 0
    while f"style.{n_mapping + 1}.weight" in tensors:
        n_mapping += 1
    widths = [tensors["input.input"].shape[1]]
    while (convolution := tensors.get(f"convs.{2 * n_doublings}.conv.weight")) is not None:
        widths.append(convolution.shape[1] if convolution.ndim > 1 else 0)
        n_doublings += 1
    return Variant(tensors["style.1.weight"].shape[0], n_mapping, tuple(widths))


def _check_filter(name: str, tensor: Tensor, path: Path) -> None:
    blur = torch.tensor(_BLUR)
    wanted = torch.outer(blur, blur)
    found = tensor.float()
    same = found.shape == wanted.shape and torch.allclose(
        found / found.sum(), wanted / wanted.sum(), atol=1e-4
    )
    if not same:
        raise WeightsError(
            f"{path} is of a network with another filter than 1 3 3 1 in {name}, which is not "
            "supported: give weights of a network with the published filter"
        )


def _from_ada(name: str) -> str | None:
    """Return rosinality's name for one of stylegan2-ada-pytorch's; None if it is none of them."""
    if name == "mapping.w_avg":
        return MEAN_STYLE
    if name == "synthesis.b4.const":
        return "input.input"
    if found := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", name):
        return f"style.{int(found[1]) + 1}.{found[2]}"
    found = re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.+)", name)
    if found is None or (size := int(found[1])).bit_count() != 1 or size < 4:
        return None
    doublings = size.bit_length() - 3
    if found[2] == "torgb":
        layer = "to_rgb1" if doublings == 0 else f"to_rgbs.{doublings - 1}"
        place = -1
    else:
        place = 2 * doublings - (found[2] == "conv0")
        layer = "conv1" if place == 0 else f"convs.{place - 1}"
    parts = {
        "weight": f"{layer}.conv.weight",
        "affine.weight": f"{layer}.conv.modulation.weight",
        "affine.bias": f"{layer}.conv.modulation.bias",
        "bias": f"{layer}.bias" if place < 0 else f"{layer}.activate.bias",
        "noise_strength": f"{layer}.noise.weight",
        "noise_const": f"noises.noise_{place}",
    }
    return parts.get(found[3])


def _reshaped(name: str, tensor: Tensor) -> Tensor:
    """Add the axes of length 1 that only rosinality's tensors have."""
    if name == "input.input" and tensor.ndim == 3:
        return tensor[None]
    if name.endswith("conv.weight") and tensor.ndim == 4:
        return tensor[None]
    if name.startswith("noises.") and tensor.ndim == 2:
        return tensor[None, None]
    if name.endswith("noise.weight") and tensor.ndim == 0:
        return tensor[None]
    if re.fullmatch(r"to_rgb(1|s\.\d+)\.bias", name) and tensor.ndim == 1:
        return tensor[None, :, None, None]
    return tensor
