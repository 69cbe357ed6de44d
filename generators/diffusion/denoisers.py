"""From a network to a denoiser: the best guess of the picture behind noise of a known level.

A denoiser is a function ``D(x, sigma)`` of noisy pictures ``x = picture + sigma * noise``, shape
``(n, 3, h, w)`` in units where -1 is black and 1 is white, and of one noise level. Samplers
(`generators.diffusion.samplers`) and the closed form (`generators.diffusion.head_start`) know
nothing else of a network.

Equations are those of Karras et al. 2022, *Elucidating the design space of diffusion-based
generative models*, tables and numbers as there.
"""

from collections.abc import Callable
from math import log, sqrt

from torch import Tensor
from torch.nn import functional

Denoiser = Callable[[Tensor, float], Tensor]
Network = Callable[[Tensor, Tensor], Tensor]
"""Scaled noisy pictures ``(n, c, h, w)`` and noise labels ``(n,)`` to what was predicted, alike."""


def scalings(sigma: float, sigma_data: float) -> tuple[float, float, float, float]:
    """Return c_skip, c_out, c_in and c_noise of equation 7, as table 1 has them for EDM.

    ``D(x, sigma) = c_skip x + c_out F(c_in x, c_noise)`` with ``c_skip = sd^2 / (s^2 + sd^2)``,
    ``c_out = s sd / sqrt(s^2 + sd^2)``, ``c_in = 1 / sqrt(s^2 + sd^2)``, ``c_noise = ln(s) / 4``.
    """
    total = sigma**2 + sigma_data**2
    return sigma_data**2 / total, sigma * sigma_data / sqrt(total), 1 / sqrt(total), log(sigma) / 4


def edm_denoiser(network: Network, sigma_data: float, fold: int = 1) -> Denoiser:
    """Make a denoiser of a network that was trained with EDM's preconditioning.

    Args:
        network: takes scaled pictures, and ``c_noise`` as their labels.
        sigma_data: standard deviation of pixels that the training assumed; EDM's is 0.5.
        fold: the network takes squares of so many by so many pixels as one place of more channels.

    """

    def denoise(x: Tensor, sigma: float) -> Tensor:
        c_skip, c_out, c_in, c_noise = scalings(sigma, sigma_data)
        folded = functional.pixel_unshuffle(c_in * x, fold)
        output = network(folded, x.new_full((len(x),), c_noise))
        return c_skip * x + c_out * functional.pixel_shuffle(output, fold)

    return denoise
