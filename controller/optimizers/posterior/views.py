"""The ways to see a code: all directions alike, or by the metric of the generator to some power.

What is left out: which of them is right; the evidence chooses.
"""

import numpy as np

from controller.optimizers.base import Codes, Floats
from controller.optimizers.basis import Basis
from controller.optimizers.options import refusal
from controller.optimizers.posterior.kernel import Features, View
from controller.optimizers.posterior.memory import Memory
from controller.optimizers.posterior.regression import CHOICES, Settings

_SMALLEST_EIGENVALUE = 1e-6


class Views:
    """Every view of the codes of one space; codes of `sigma` per axis have contrast 1 in each.

    metric: directions and eigenvalues that are used, or None.
    """

    def __init__(self, metric: Basis | None, sigma: float, code_dim: int) -> None:
        if metric is not None and metric.code_dim != code_dim:
            told = f"must hold directions of length {code_dim}"
            raise refusal("metric", f"{metric.code_dim} long", told)
        self._code_dim = code_dim
        self._plain = {0.0: View(None, np.full(1, 1 / (sigma * np.sqrt(code_dim))))}
        self._rows = np.empty((0, code_dim))
        self._single_rows = self._rows.astype(np.float32)
        if metric is None or metric.values is None:
            return
        self._rows, self._single_rows = metric.vectors, metric.vectors.astype(np.float32)
        values = np.maximum(metric.values / metric.values[0], _SMALLEST_EIGENVALUE)
        for exponent in CHOICES["exponent"][1:]:
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

    def n_axes(self, exponent: float) -> int:
        """Directions that a view tells apart."""
        return self._code_dim if exponent == 0.0 else self.n_directions

    def of(self, settings: Settings) -> View:
        """Return the view that the settings choose."""
        view = self._plain[settings.exponent]
        return View(view.rows, view.weights * np.sqrt(settings.saturation))

    def along(self, codes: Codes) -> Floats:
        """Coordinates (n, k) of codes (n, code_dim) along the directions of the metric."""
        coordinates: Floats = codes.astype(np.float64) @ self._rows.T
        return coordinates

    def data(self, memory: Memory, settings: Settings) -> Features:
        """Weighted coordinates (n, k) of what is remembered."""
        plain = memory.codes if settings.exponent == 0.0 else memory.coordinates
        data: Features = plain * self.of(settings).weights
        return data

    def shaped(self, noise: Codes, exponent: float, faint: float) -> Codes:
        """Noise (n, code_dim), `faint` in the directions that are believed to change nothing."""
        if exponent == 0.0:
            return noise
        within = (noise @ self._single_rows.T) @ self._single_rows
        return (within + faint * (noise - within)).astype(np.float32)
