"""Cortical magnification: how much cortex there is for a degree, by eccentricity E in degrees.

    M(E) = M0 / (1 + E / E2)                                                                   (1)
    R(E) = M0 E2 ln(1 + E / E2)                                                                (2)
    E(R) = E2 (exp(R / (M0 E2)) - 1)                                                           (3)

(1) is the inverse linear law (Daniel & Whitteridge 1961; Horton & Hoyt 1991), (2) its integral, the
distance on cortex from the fovea, and (3) its inverse: the radial warp of Wang & Ponce 2021 (their
`radial_exp`), with E2 in place of their constants. Here M0 = 1, so distances on cortex are in
degrees at the fovea.

    w_n(E) = cos^2(pi / 2 * clip(R(E) / (s E2) - n, -1, 1)),  n = 0, 1, ...                    (4)

are windows of rings that are evenly spaced on cortex; they sum to 1 everywhere.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RING_STEP = 0.25
"""s of (4): from ring to ring, details become coarser by a factor of exp(0.25)."""


@dataclass(frozen=True)
class Magnification:
    """The law of one animal; see the equations above."""

    e2_deg: float

    def at(self, eccentricity_deg: npt.ArrayLike) -> Floats:
        """Return magnification relative to that at the fovea, by (1)."""
        return 1.0 / (1.0 + np.asarray(eccentricity_deg, np.float64) / self.e2_deg)

    def on_cortex(self, eccentricity_deg: npt.ArrayLike) -> Floats:
        """Return distances on cortex from the fovea, by (2)."""
        eccentricity = np.asarray(eccentricity_deg, np.float64)
        distance: Floats = self.e2_deg * np.log1p(eccentricity / self.e2_deg)
        return distance

    def eccentricity_deg(self, on_cortex: npt.ArrayLike) -> Floats:
        """Return eccentricities of distances on cortex, by (3)."""
        distance = np.asarray(on_cortex, np.float64)
        eccentricity: Floats = self.e2_deg * np.expm1(distance / self.e2_deg)
        return eccentricity

    def rings(self, eccentricity_deg: Floats) -> dict[float, Floats]:
        """Return the windows (4) that are not 0 everywhere, by the eccentricity of their rings."""
        steps = self.on_cortex(eccentricity_deg) / (RING_STEP * self.e2_deg)
        inner = np.floor(steps)
        # Each place is in two rings; the window of the outer one is what is left, to the last bit.
        share = np.square(np.cos(np.pi / 2 * (steps - inner)))
        windows = {}
        for n in range(int(inner.min()), int(inner.max()) + 2):
            ring_deg = float(self.eccentricity_deg(n * RING_STEP * self.e2_deg))
            windows[ring_deg] = np.where(inner == n, share, np.where(inner == n - 1, 1 - share, 0))
        return windows
