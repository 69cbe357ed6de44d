"""A diffusion model ready to sample: network, meaning of its output, noise levels."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from generators.diffusion.denoisers import Denoiser, Network


@dataclass(frozen=True)
class DiffusionModel:
    """What a generator needs to know of a diffusion model, whichever file it came in.

    Attributes:
        network: a `Network` with parameters, on the CPU in float32.
        denoiser: makes a denoiser of the network, wherever and in what precision it is computed.
        image_px: height and width of the pictures.
        sigmas: noise levels, falling, the last one 0.
        start_deviation: standard deviation of pixels of the noise that sampling starts from.
        name: short identifier.
        sha256: digest of the weights.
        provenance: a sentence that says where they come from.

    """

    network: nn.Module
    denoiser: Callable[[Network], Denoiser]
    image_px: int
    sigmas: tuple[float, ...]
    start_deviation: float
    name: str
    sha256: str
    provenance: str
