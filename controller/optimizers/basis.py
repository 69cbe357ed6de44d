"""A set of orthonormal directions in the space of codes, such as principal components.

Also of the eigenvectors of a metric, with their eigenvalues. What is left out: files
(`controller.code_files`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.errors import OptimizerOptionError

_TOLERANCE = 1e-3
"""Files hold float32, and eigenvectors from other programs are orthonormal to about 1e-5."""
_N_PROBES = 4


@dataclass(frozen=True, eq=False)
class Basis:
    """Orthonormal directions; made by `checked_basis` and `random_basis`.

    vectors: (k, d) float64, read-only, one direction in each row, the strongest first.
    values: (k,) float64, read-only, what belongs to each direction (eigenvalues); None if nothing.
    """

    vectors: Floats
    values: Floats | None = None

    @property
    def n_dims(self) -> int:
        """Number of directions."""
        return int(self.vectors.shape[0])

    @property
    def code_dim(self) -> int:
        """Length of each."""
        return int(self.vectors.shape[1])

    def first(self, n_dims: int) -> "Basis":
        """Return the `n_dims` strongest directions."""
        values = None if self.values is None else self.values[:n_dims]
        return Basis(self.vectors[:n_dims], values)


def checked_basis(vectors: NDArray[np.floating], values: NDArray[np.floating] | None) -> Basis:
    """Return directions (k, d) and values (k,) as a basis, sorted by falling value.

    Raises:
        OptimizerOptionError: shapes that do not fit, numbers that are not finite, or directions
            that are not orthonormal.

    """
    rows = np.array(vectors, dtype=np.float64)
    if rows.ndim != 2 or not 1 <= rows.shape[0] <= rows.shape[1]:
        raise OptimizerOptionError(
            f"directions have shape {rows.shape}; needed are k rows of length d, with k at most d"
        )
    if not np.isfinite(rows).all():
        raise OptimizerOptionError("a direction is not finite")
    off = _departure(rows)
    if off > _TOLERANCE:
        raise OptimizerOptionError(
            f"the directions are not orthonormal (off by {off:.2g}); they must be rows of length 1 "
            "at right angles"
        )
    if values is None:
        return Basis(_frozen(rows))
    column = np.array(values, dtype=np.float64)
    if column.shape != (len(rows),) or not np.isfinite(column).all():
        raise OptimizerOptionError(
            f"values have shape {column.shape}; needed is one finite number for each of the "
            f"{len(rows)} directions"
        )
    order = np.argsort(-column, kind="stable")
    return Basis(_frozen(rows[order]), _frozen(column[order]))


def random_basis(n_dims: int, code_dim: int, seed: int) -> Basis:
    """Return `n_dims` orthonormal directions of no preference, always the same for one seed."""
    draws = np.random.default_rng(seed).standard_normal((code_dim, n_dims))
    directions, triangle = np.linalg.qr(draws)
    # Without this the distribution would depend on the sign convention of the library.
    signs = np.where(np.diagonal(triangle) < 0.0, -1.0, 1.0)
    return Basis(_frozen(np.ascontiguousarray((directions * signs).T)))


def _departure(rows: Floats) -> float:
    """Return how far rows (k, d) are from orthonormal: about the Frobenius norm of V Vᵀ - I.

    Probed with a few random vectors, since the product itself takes seconds for 4096 rows.
    """
    probes = np.random.default_rng(0).standard_normal((_N_PROBES, len(rows)))
    errors = (probes @ rows) @ rows.T - probes
    return float(np.linalg.norm(errors, axis=1).max())


def _frozen(array: Floats) -> Floats:
    array.setflags(write=False)
    return array
