"""CMA-ES as the search that finds where an inversion begins.

The sessions' own optimizers, told losses instead of responses. What is left out: descent
(`generators.geometry.inversion`).
"""

import numpy as np
import numpy.typing as npt

from controller.optimizers.base import Codes, Optimizer, Population
from controller.optimizers.basis import checked_basis
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.cma.hessian import HessianCmaEs, HessianCmaEsOptions
from generators.base import Generator
from generators.geometry.metric import Axes

SIGMA = 0.4
"""First step, in standard deviations of a gene of natural contrast: that of the authors' code."""
_EXPONENT = 0.2
_FAINTEST = 1e-6
"""Of the largest eigenvalue: fainter axes do not change a picture, and are not searched."""


class OptimizerSearch:
    """An optimizer as a `generators.geometry.inversion.Search`.

    Args:
        optimizer: one that minimises.
        rng: source of all randomness.

    """

    def __init__(self, optimizer: Optimizer, rng: np.random.Generator) -> None:
        self._optimizer, self._rng = optimizer, rng
        self._asked: Population | None = None
        self._next_id = 0

    def ask(self) -> Codes:
        """Return proposals ``(n, code_dim)``."""
        self._asked = self._optimizer.ask(self._rng, self._next_id)
        self._next_id += len(self._asked.ids)
        return self._asked.codes

    def tell(self, losses: npt.NDArray[np.float64]) -> None:
        """Tell the optimizer; a loss that is not a number is a missing score."""
        if self._asked is None:
            return
        n_valid = np.where(np.isnan(losses), 0, 1).astype(np.int64)
        self._optimizer.tell(self._asked.ids, self._asked.codes, losses, n_valid)


def cma_search(
    generator: Generator, starts: Codes, axes: Axes | None, rng: np.random.Generator
) -> OptimizerSearch:
    """Return CMA-ES from the mean of `starts` ``(m, code_dim)``, along axes where there are any."""
    sigma = SIGMA * generator.norm_hint / generator.code_dim**0.5
    strong = np.zeros(0) if axes is None else axes.values > _FAINTEST * axes.values[0]
    if axes is None or not strong.any():
        plain = CholeskyCmaEs(starts, CholeskyCmaEsOptions(sigma0=sigma), "minimise")
        return OptimizerSearch(plain, rng)
    metric = checked_basis(axes.vectors[strong], axes.values[strong])
    options = HessianCmaEsOptions(metric, exponent=_EXPONENT, unit_lengths=True, sigma0=sigma)
    return OptimizerSearch(HessianCmaEs(starts, options, "minimise"), rng)
