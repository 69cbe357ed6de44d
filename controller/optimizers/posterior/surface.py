"""The posterior mean as a landscape over everything that can be mixed from known points.

A spot is a mixture of the points, so a step on the landscape costs as much as one product of a
vector with their inner products, however long a code is. The gradient never leads out of that span:
no response says anything about directions that no code had. What is left out: how far to go.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from controller.optimizers.posterior.kernel import Features, covariance, pull, sizes


@dataclass(frozen=True, eq=False)
class Spot:
    """The point Σ_i shares_i x_i.

    shares: (p,).
    products: (p,) its inner products with every x_i.
    """

    shares: Features
    products: Features

    @cached_property
    def square(self) -> float:
        """Its squared length."""
        return max(0.0, float(self.shares @ self.products))

    def times(self, factor: float) -> "Spot":
        """Scale it."""
        return Spot(factor * self.shares, factor * self.products)

    def plus(self, other: "Spot", factor: float = 1.0) -> "Spot":
        """Add `factor` times another one."""
        return Spot(self.shares + factor * other.shares, self.products + factor * other.products)


@dataclass(frozen=True, eq=False)
class Surface:
    """Value Σ_i amounts_i k(x, x_i).

    products: (p, p) inner products of the points x_i.
    amounts: (p,); 0 where nothing was measured.
    length: l of the kernel.
    """

    products: Features
    amounts: Features
    length: float

    @cached_property
    def _sizes(self) -> Features:
        return sizes(np.diagonal(self.products))

    def point(self, index: int) -> Spot:
        """Return one of the points."""
        shares = np.zeros(len(self.amounts))
        shares[index] = 1.0
        return Spot(shares, self.products[index])

    def value(self, spot: Spot) -> float:
        """How high it is."""
        size = sizes(np.array([spot.square]))
        alike = covariance(spot.products[np.newaxis], size, self._sizes, self.length)
        return float(alike[0] @ self.amounts)

    def slope(self, spot: Spot) -> Spot:
        """Gradient, as a mixture of the points like any spot."""
        size = 1 + 2 * spot.square
        shares, inward = pull(spot.products, size, self._sizes, self.length, self.amounts)
        return Spot(shares, self.products @ shares).plus(spot, -inward)
