"""Noise levels that a sampler goes through, from the strongest down to none.

Left out: the levels of a Hugging Face folder, which its scheduler says
(`generators.diffusion.hugging_face`).
"""

import numpy as np
from numpy.typing import NDArray

from generators.errors import SettingsError

SIGMA_MIN = 0.002
SIGMA_MAX = 80.0
RHO = 7.0


def edm_sigmas(
    n_steps: int, sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX, rho: float = RHO
) -> NDArray[np.float64]:
    """EDM's schedule (Karras et al. 2022, equation 5), evenly spaced in ``sigma ** (1 / rho)``.

    Args:
        n_steps: number of steps, 2 or more.
        sigma_min: the last noise level above none.
        sigma_max: the first noise level.
        rho: how far the steps crowd towards little noise.

    Returns:
        ``(n_steps + 1,)`` falling; the last is 0.

    Raises:
        SettingsError: fewer than two steps.

    """
    if n_steps < 2:
        raise SettingsError(f"{n_steps} steps were asked for: ask for two or more")
    share = np.arange(n_steps) / (n_steps - 1)
    ends = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return np.append((ends[0] + share * (ends[1] - ends[0])) ** rho, 0.0)
