"""How alike the responses to two codes are expected to be, before any was measured.

A generator turns a code into pixels whose contrast saturates, and the neuron sees those. The
covariance of a wide random network with saturating units is the arcsine kernel (Williams 1998,
eq. 13); of its pictures, a neuron is taken to be a smooth function. So

    s(x, y) = (2/π) asin( 2 x·y / √((1 + 2|x|²)(1 + 2|y|²)) )
    k(x, y) = max(1, l) exp( (s(x, y) - ½ s(x, x) - ½ s(y, y)) / l )

in coordinates where one unit is as much contrast in every direction. A large length l makes the
neuron linear in the picture, a small one selective for one picture. What is left out: which
coordinates those are (`View`, from a metric), and learning l.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Features: TypeAlias = NDArray[np.float64]
_LARGEST_COSINE = 1 - 1e-12
"""Keeps slopes finite. Near 1 the arcsine is so steep that single precision would not do."""


@dataclass(frozen=True, eq=False)
class View:
    """Coordinates that a code is seen in.

    rows: (k, d) orthonormal directions, or None for all directions of the code alike.
    weights: (k,), how much contrast one unit along each makes; (1,) without rows.
    """

    rows: Features | None
    weights: Features

    def coordinates(self, codes: NDArray[np.floating]) -> Features:
        """Code (…, d) to coordinates (…, k) without weights."""
        plain = np.asarray(codes, dtype=np.float64)
        return plain if self.rows is None else plain @ self.rows.T

    def code(self, coordinates: Features) -> Features:
        """Coordinates (…, k) without weights to the code (…, d) that lies along the rows alone."""
        return coordinates if self.rows is None else coordinates @ self.rows


def covariance(products: Features, length: float) -> Features:
    """Kernel (n, n) among codes, from the inner products (n, n) of their weighted coordinates."""
    size = 1 + 2 * np.diagonal(products)
    return _likeness(products, size, size, length)[0]


def mean_and_slope(
    points: Features, data: Features, length: float, amounts: Features
) -> tuple[Features, Features]:
    """Value (m,) and gradient (m, k) at `points` of Σ_i amounts_i k(·, data_i).

    Args:
        points: (m, k) weighted coordinates.
        data: (n, k) weighted coordinates.
        length: l.
        amounts: (n,).

    """
    left, right = (1 + 2 * np.square(side).sum(axis=1) for side in (points, data))
    kernel, cosine = _likeness(points @ data.T, left, right, length)
    shares = kernel * (amounts / length)
    # d asin(u) = du / √(1 - u²), with u = 2 x·y / √(A_x A_y) and A_x = 1 + 2|x|².
    along = shares * (2 / np.pi) / np.sqrt(1 - np.square(cosine))
    slope = 2 * (along / np.sqrt(np.outer(left, right))) @ data
    inward = (2 * (along * cosine).sum(axis=1) / left)[:, np.newaxis]
    own = _own_cosine(left)
    rise = (2 / np.pi) * 4 / (np.square(left) * np.sqrt(1 - np.square(own)))
    # A point's likeness to itself grows with its contrast, and counts half.
    outward = (0.5 * shares.sum(axis=1) * rise)[:, np.newaxis]
    gradient: Features = slope - (inward + outward) * points
    return kernel @ amounts, gradient


def _likeness(
    products: Features, size_left: Features, size_right: Features, length: float
) -> tuple[Features, Features]:
    """Kernel (m, n), and the cosine (m, n) before the arcsine.

    From inner products (m, n) and 1 + 2|x|² of both sides, (m,) and (n,).
    """
    cosine = 2 * products / np.sqrt(np.outer(size_left, size_right))
    cosine = np.clip(cosine, -_LARGEST_COSINE, _LARGEST_COSINE)
    own_left, own_right = (np.arcsin(_own_cosine(size)) for size in (size_left, size_right))
    apart = np.arcsin(cosine) - 0.5 * own_left[:, np.newaxis] - 0.5 * own_right
    kernel = max(1.0, length) * np.exp(2 / np.pi / length * apart)
    return kernel, cosine


def _own_cosine(size: Features) -> Features:
    """2|x|² / (1 + 2|x|²) from 1 + 2|x|²."""
    own: Features = np.minimum(1 - 1 / size, _LARGEST_COSINE)
    return own
