"""Deterministic samplers: from noisy pictures to pictures, along the ODE of a denoiser.

The ODE is ``dx/dsigma = (x - D(x, sigma)) / sigma`` (Karras et al. 2022, equations 1 and 3 with
``sigma(t) = t``). Nothing is random and nothing is kept: the picture depends on the start alone.

DDIM (Song, Meng & Ermon 2021, *Denoising diffusion implicit models*, equation 12 without noise)
is Euler's method for this ODE: with ``x = x_vp / alpha`` and ``sigma = noise / alpha`` its step
reads ``x' = x + (sigma' - sigma) eps``, and ``eps = (x - D) / sigma``. So one function serves
networks trained either way. Left out: samplers that add noise.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

X = TypeVar("X", NDArray[np.float64], "Tensor")
SamplerName = Literal["heun", "ddim"]


def ddim(denoise: Callable[[X, float], X], x: X, sigmas: Sequence[float]) -> X:
    """Go from noise level ``sigmas[0]`` to ``sigmas[-1]`` by Euler's steps, which are DDIM's.

    Args:
        denoise: ``D(x, sigma)``.
        x: noisy pictures at ``sigmas[0]``, any shape.
        sigmas: falling noise levels; the last may be 0.

    """
    for here, there in pairwise(sigmas):
        x = x + (there - here) * ((x - denoise(x, here)) / here)
    return x


def heun(denoise: Callable[[X, float], X], x: X, sigmas: Sequence[float]) -> X:
    """Go from ``sigmas[0]`` to ``sigmas[-1]`` by Heun's steps (Karras et al. 2022, algorithm 1).

    Each step asks the denoiser at both of its ends; the one to no noise, only where it begins.
    Arguments as `ddim`.
    """
    for here, there in pairwise(sigmas):
        slope = (x - denoise(x, here)) / here
        ahead = x + (there - here) * slope
        if there > 0:
            slope = (slope + (ahead - denoise(ahead, there)) / there) / 2
        x = x + (there - here) * slope
    return x


SAMPLERS = {"heun": heun, "ddim": ddim}


def network_calls(sampler: SamplerName, sigmas: Sequence[float]) -> int:
    """How often the sampler asks the denoiser on its way through `sigmas`."""
    n_steps = len(sigmas) - 1
    return n_steps if sampler == "ddim" else 2 * n_steps - (sigmas[-1] == 0)
