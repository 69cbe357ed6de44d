"""First codes of BigGAN: noise from a truncated normal distribution, and classes of the file.

Noise is drawn as in the published examples: normal, drawn anew beyond two deviations, and then
multiplied by the truncation. The statistics of the network's normalisations were measured with such
noise. Left out: the network, and torch.
"""

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from generators.errors import SettingsError

CUT = 2.0
"""Deviations at which the distribution ends."""


def truncated_normal(
    n: int, n_elements: int, scale: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw ``(n, n_elements)`` float32 from a normal distribution cut at `CUT`, times `scale`."""
    lowest = scipy.special.ndtr(-CUT)
    shares = lowest + (1.0 - 2.0 * lowest) * rng.random((n, n_elements))
    drawn: NDArray[np.float32] = (scale * scipy.special.ndtri(shares)).astype(np.float32)
    return drawn


def truncated_variance(scale: float) -> float:
    """Variance of what `truncated_normal` draws."""
    density = np.exp(-0.5 * CUT**2) / np.sqrt(2.0 * np.pi)
    inside = 1.0 - 2.0 * float(scipy.special.ndtr(-CUT))
    return float(scale**2 * (1.0 - 2.0 * CUT * density / inside))


def random_classes(n: int, n_classes: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``(n,)`` classes, each at random; none comes twice before all others came once."""
    if n < 0:
        raise SettingsError(f"{n} codes were asked for: ask for 0 or more")
    rounds = -(-n // n_classes)
    drawn = [rng.permutation(n_classes) for _ in range(rounds)]
    return np.concatenate([np.zeros(0, np.int64), *drawn])[:n]
