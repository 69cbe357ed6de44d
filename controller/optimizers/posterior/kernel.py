"""How alike the responses to two codes are expected to be, before any was measured.

A generator turns a code into pixels whose contrast saturates, and the neuron sees those. The
covariance of a wide random network with saturating units is the arcsine kernel (Williams 1998,
eq. 13); of its pictures, a neuron is taken to be a smooth function. So

    s(x, y) = (2/π) asin( 2 x·y / √((1 + 2|x|²)(1 + 2|y|²)) )                               (1)
    k(x, y) = max(1, l) exp( (s(x, y) - ½ s(x, x) - ½ s(y, y)) / l )                        (2)

in coordinates where one unit is as much contrast in every direction. A large length l makes the
neuron linear in the picture, a small one selective for one picture. Everything follows from inner
products, so no coordinates are needed here. What is left out: which coordinates those are
(`views`), and learning l.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Features: TypeAlias = NDArray[np.float64]
_LARGEST_COSINE = 1 - 1e-12
"""Keeps slopes finite."""


def sizes(squares: Features) -> Features:
    """1 + 2|x|² from the squares |x|² (n,)."""
    one_more: Features = 1 + 2 * squares
    return one_more


def covariance(products: Features, left: Features, right: Features, length: float) -> Features:
    """Kernel (m, n) from inner products (m, n) and the sizes of both sides, (m,) and (n,)."""
    return _likeness(products, left, right, length)[0]


def pull(
    products: Features, size: float, others: Features, length: float, amounts: Features
) -> tuple[Features, float]:
    """Gradient of Σ_i amounts_i k(x, x_i) with respect to x, as Σ_i pull_i x_i - inward x.

    Args:
        products: (n,) of x with every x_i.
        size: 1 + 2|x|².
        others: (n,) sizes of the x_i.
        length: l.
        amounts: (n,).

    Returns:
        pull (n,) and inward.

    """
    own_size = np.array([size])
    kernel, cosine = _likeness(products[np.newaxis], own_size, others, length)
    shares, cosine = kernel[0] * (amounts / length), cosine[0]
    # d asin(u) = du / √(1 - u²), with u = 2 x·y / √(A_x A_y) and A_x = 1 + 2|x|².
    along = shares * (2 / np.pi) / np.sqrt(1 - np.square(cosine))
    own = _own_cosine(own_size)[0]
    # A point's likeness to itself grows with its contrast, and counts half.
    rise = (2 / np.pi) * 4 / (size**2 * np.sqrt(1 - own**2))
    inward = 2 * float((along * cosine).sum()) / size + 0.5 * float(shares.sum()) * rise
    return 2 * along / np.sqrt(size * others), float(inward)


def _likeness(
    products: Features, left: Features, right: Features, length: float
) -> tuple[Features, Features]:
    """Kernel (m, n), and the cosine (m, n) before the arcsine."""
    cosine = 2 * products / np.sqrt(np.outer(left, right))
    cosine = np.clip(cosine, -_LARGEST_COSINE, _LARGEST_COSINE)
    own_left, own_right = (np.arcsin(_own_cosine(size)) for size in (left, right))
    apart = np.arcsin(cosine) - 0.5 * own_left[:, np.newaxis] - 0.5 * own_right
    kernel = max(1.0, length) * np.exp(2 / np.pi / length * apart)
    return kernel, cosine


def _own_cosine(size: Features) -> Features:
    """2|x|² / (1 + 2|x|²) from 1 + 2|x|²."""
    own: Features = np.minimum(1 - 1 / size, _LARGEST_COSINE)
    return own
