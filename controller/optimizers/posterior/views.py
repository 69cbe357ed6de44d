"""The ways to see a code: all directions alike, or by the metric of the generator to some power.

What is left out: which of them is right; the evidence chooses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Floats
from controller.optimizers.basis import Basis
from controller.optimizers.options import refusal
from controller.optimizers.posterior.kernel import Features

EXPONENTS = (0.0, 1.0)
_SMALLEST_EIGENVALUE = 1e-6


@dataclass(frozen=True, eq=False)
class View:
    """Coordinates that a code is seen in.

    rows: (k, d) orthonormal directions, or None for all directions of the code alike.
    weights: (k,), how much contrast one unit along each makes; (1,) without rows.
    """

    rows: Features | None
    weights: Features


@dataclass(frozen=True, eq=False)
class Points:
    """Codes, with their coordinates along the directions of the metric.

    codes: (n, code_dim) float32.
    coordinates: (n, k) float64; k is 0 without a metric.
    """

    codes: Codes
    coordinates: Floats

    def __len__(self) -> int:
        return len(self.codes)

    def and_then(self, *others: "Points") -> "Points":
        """Join these and others."""
        every = (self, *others)
        return Points(
            np.concatenate([points.codes for points in every]),
            np.concatenate([points.coordinates for points in every]),
        )


class Views:
    """Every view of the codes of one space; codes of `sigma` per axis have contrast 1 in each.

    metric: directions and eigenvalues that are used, or None.
    """

    def __init__(self, metric: Basis | None, sigma: float, code_dim: int) -> None:
        if metric is not None and metric.code_dim != code_dim:
            told = f"must hold directions of length {code_dim}"
            raise refusal("metric", f"{metric.code_dim} long", told)
        self._plain = {0.0: View(None, np.full(1, 1 / (sigma * np.sqrt(code_dim))))}
        self._rows = np.empty((0, code_dim))
        self._single_rows = self._rows.astype(np.float32)
        if metric is None or metric.values is None:
            return
        self._rows, self._single_rows = metric.vectors, metric.vectors.astype(np.float32)
        values = np.maximum(metric.values / metric.values[0], _SMALLEST_EIGENVALUE)
        for exponent in EXPONENTS[1:]:
            powers = values**exponent
            weights = np.sqrt(powers / powers.sum()) / sigma
            self._plain[exponent] = View(self._rows, weights)

    @property
    def exponents(self) -> tuple[float, ...]:
        """Powers of the metric that can be chosen."""
        return tuple(self._plain)

    @property
    def n_directions(self) -> int:
        """Directions of the metric; 0 without one."""
        return len(self._rows)

    def points(self, codes: NDArray[np.floating]) -> Points:
        """Codes (n, code_dim) with their coordinates."""
        return Points(codes.astype(np.float32), codes.astype(np.float64) @ self._rows.T)

    def products(self, points: Points, exponent: float) -> Features:
        """Inner products (n, n) of points, where first codes have contrast 1."""
        view = self._plain[exponent]
        if view.rows is None:
            # Single precision is enough for thousands of equal directions, and takes half the time.
            products: Features = (points.codes @ points.codes.T).astype(np.float64)
            return products * float(view.weights[0]) ** 2
        weighted = points.coordinates * view.weights
        return weighted @ weighted.T

    def mixed(self, points: Points, shares: Floats, exponent: float) -> Floats:
        """Mix points by shares (n,) to a code (code_dim,) that lies in the view's directions."""
        view = self._plain[exponent]
        if view.rows is None:
            mixed: Floats = (shares.astype(np.float32) @ points.codes).astype(np.float64)
            return mixed
        return (shares @ points.coordinates) @ view.rows

    def shaped(self, noise: Codes, exponent: float, faint: float) -> Codes:
        """Noise (n, code_dim), `faint` in the directions that are believed to change nothing."""
        if exponent == 0.0:
            return noise
        within = (noise @ self._single_rows.T) @ self._single_rows
        return (within + faint * (noise - within)).astype(np.float32)
