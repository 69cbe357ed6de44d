"""Gabor filters on the samples of a receptive field, in quadrature pairs (Daugman 1985).

    cos filter  g(x, y) = exp(-(u^2 + v^2) / 2 s^2) (cos(2 pi f u) - mean)                     (1)
    sin filter  g(x, y) = exp(-(u^2 + v^2) / 2 s^2) sin(2 pi f u)                              (2)
    width       s = sqrt(ln 2 / 2) / (pi f) * (2^b + 1) / (2^b - 1)                            (3)

u runs across the bars and v along them, from the filter's centre; f is in cycles for each field,
b the bandwidth in octaves, and `mean` is such that even light evokes nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.retina import PATCH_PX

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gabor:
    """Where a filter is and what it is tuned to.

    orientation_deg: of its bars, counter-clockwise from horizontal, 0 to 180.
    cycles: for each field.
    right, up: its centre from that of the field, in sides of the field.
    octaves: full bandwidth at half height.
    """

    orientation_deg: float
    cycles: float
    right: float
    up: float
    octaves: float = 1.0

    def turned(self, by_deg: float, octaves_finer: float) -> "Gabor":
        """Return the filter at the same place with another orientation and scale."""
        turned_deg = (self.orientation_deg + by_deg) % 180.0
        return replace(self, orientation_deg=turned_deg, cycles=self.cycles * 2.0**octaves_finer)

    def pair(self) -> Floats:
        """Return (2, PATCH_PX, PATCH_PX): (1) and (2)."""
        axis = (np.arange(PATCH_PX) - (PATCH_PX - 1) / 2) / PATCH_PX
        right, up = axis[None, :] - self.right, -axis[:, None] - self.up
        angle = np.deg2rad(self.orientation_deg)
        across = -right * np.sin(angle) + up * np.cos(angle)
        ratio = (2.0**self.octaves + 1.0) / (2.0**self.octaves - 1.0)
        width = np.sqrt(np.log(2.0) / 2.0) / (np.pi * self.cycles) * ratio
        envelope = np.exp(-(np.square(right) + np.square(up)) / (2.0 * width**2))
        wave = np.cos(2.0 * np.pi * self.cycles * across)
        wave -= (envelope * wave).sum() / envelope.sum()
        pair: Floats = envelope * np.stack([wave, np.sin(2.0 * np.pi * self.cycles * across)])
        return pair


def drawn_gabor(rng: np.random.Generator, cycles: tuple[float, float]) -> Gabor:
    """Draw a filter near the middle of a field, with so many cycles for each field."""
    return Gabor(
        orientation_deg=float(rng.uniform(0.0, 180.0)),
        cycles=float(np.exp(rng.uniform(*np.log(cycles)))),
        right=float(rng.uniform(-0.12, 0.12)),
        up=float(rng.uniform(-0.12, 0.12)),
    )
