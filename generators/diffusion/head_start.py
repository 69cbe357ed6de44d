"""The analytical head start: the first steps of a sampler, as if pictures were Gaussian.

While noise is strong, all that a denoiser can know of pictures is their mean and covariance, and
what a trained one says is what the Gaussian of that mean and covariance says (Wang & Vastola
2023, *The hidden linear structure in score-based models and its application*; 2024, *The
unreasonable effectiveness of Gaussian score approximation for diffusion models and its
applications*). For a Gaussian with mean mu, orthonormal modes u_k and variances lam_k, the best
denoiser is

    D(x, s) = mu + sum_k lam_k / (lam_k + s^2) u_k u_k^T (x - mu)                             (1)

and the ODE of the sampler, dx/ds = (x - D(x, s)) / s (Karras et al. 2022, equation 1), is solved
by

    x(s) = mu + sum_k sqrt((s^2 + lam_k) / (S^2 + lam_k)) u_k u_k^T (x(S) - mu)
              + s / S (1 - sum_k u_k u_k^T) (x(S) - mu)                                       (2)

from noise level S down to s; what no mode reaches counts as having no variance. So the first k
steps of a schedule cost no call of the network: (2) leads from its first noise level to its
k-th, and the sampler does the rest of the same schedule (they call it teleportation).

Only the strongest modes matter: at noise level s a mode whose variance is far below s^2 is noise
either way. Left out: how the modes come to be known, and that pictures are not Gaussian.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

X = TypeVar("X", NDArray[np.float64], "Tensor")


@dataclass(frozen=True)
class GaussianModes(Generic[X]):
    """Mean and strongest modes of an ensemble of pictures; arrays of numpy, or of torch.

    Attributes:
        mean: ``(d,)``; a picture in the order colour, row, column, pixels from -1 to 1.
        modes: ``(r, d)``, orthonormal rows.
        variances: ``(r,)``, not negative.

    """

    mean: X
    modes: X
    variances: X

    def denoise(self, x: X, sigma: float) -> X:
        """Give the best guess of what is behind `x` ``(n, d)`` by equation 1."""
        coefficients = (x - self.mean) @ self.modes.T
        kept = self.variances / (self.variances + sigma**2)
        return self.mean + (coefficients * kept) @ self.modes

    def solve(self, x: X, start: float, end: float) -> X:
        """Follow the ODE from `x` ``(n, d)`` at noise level `start` to `end` by equation 2."""
        centred = x - self.mean
        outside = end / start
        gains = ((end**2 + self.variances) / (start**2 + self.variances)) ** 0.5
        coefficients = centred @ self.modes.T
        return self.mean + outside * centred + (coefficients * (gains - outside)) @ self.modes
