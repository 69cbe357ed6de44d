"""Eigenvalues and axes of the metric: all of them from the matrix, or the largest by Lanczos.

A metric is that at one code, or the mean of those at several. Eigenvalues are told with their sign:
negative ones, which a metric of features cannot have and finite differences can, are for the reader
to see. Left out: products with the metric (`products`), and what is kept on disk (`cache`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from generators.errors import SettingsError
from generators.geometry.products import Codes, Floats, Products
from generators.geometry.rendered import RenderedChanges

Tell: TypeAlias = Callable[[str], None]
"""Takes a few words on how far long work has come."""

LANCZOS_TOLERANCE = 1e-6
MAX_JACOBIAN_BYTES = 2**30
_BLOCK = 8192
_N_PROBES = 24
"""Random vectors that the rest of a trace is estimated from."""


@dataclass(frozen=True, eq=False)
class Axes:
    """Eigenvalues and eigenvectors of a metric.

    Attributes:
        values: ``(k,)`` falling, with their sign.
        vectors: ``(k, code_dim)``, one orthonormal axis in each row, in the same order.
        total: sum of all eigenvalues, also of those that are not here (then an estimate).

    """

    values: Floats
    vectors: Floats
    total: float

    @property
    def n_negative(self) -> int:
        """Eigenvalues below 0."""
        return int((self.values < 0).sum())


def full_matrix(
    metric: Products | RenderedChanges, code: Codes, tell: Tell = lambda _: None
) -> Floats:
    """Return the metric ``(d, d)`` at one code ``(d,)``, symmetric.

    By the Jacobian where there is one that fits into a gigabyte: then it is 2 Jᵀ J and has no
    negative eigenvalue but for rounding.

    Raises:
        SettingsError: the metric is not finite, or too large for a generator without gradients.

    """
    if isinstance(metric, Products) and metric.route != "jacobian":
        return _by_products(metric, code, tell)
    rows: list[NDArray[np.float32]] = []
    for vectors, here in _unit_vectors(code, tell):
        rows.append(metric.changes(here, vectors))
        if rows[0][0].nbytes * len(code) > MAX_JACOBIAN_BYTES:
            return _by_products(metric, code, tell)
    jacobian = np.concatenate(rows)
    matrix = np.zeros((len(code), len(code)))
    for start in range(0, jacobian.shape[1], _BLOCK):
        block = jacobian[:, start : start + _BLOCK].astype(np.float64)
        matrix += 2.0 * (block @ block.T)
    return _finite(matrix)


def all_axes(matrix: Floats) -> Axes:
    """Return all eigenvalues and axes of a symmetric matrix ``(d, d)``."""
    values, columns = np.linalg.eigh(matrix)
    return Axes(values[::-1].copy(), columns.T[::-1].copy(), float(np.trace(matrix)))


def top_axes(metric: Products, codes: Codes, k: int, tell: Tell = lambda _: None) -> Axes:
    """Return the k eigenvalues of largest size, of the mean metric at codes ``(m, d)``.

    By Lanczos' method (ARPACK) on products, so a network is never differentiated in all directions.
    It starts from the same vector each time.

    Raises:
        SettingsError: k is not within 1 and d - 1, or the eigenvalues could not be found.

    """
    d = metric.code_dim
    if not 1 <= k < d:
        raise SettingsError(f"{k} axes were asked for: ask for 1 to {d - 1}, or for all of them")
    n_products = 0

    def product(vector: Floats) -> Floats:
        nonlocal n_products
        n_products += 1
        tell(f"product {n_products} with the metric, for {k} axes")
        return mean_product(metric, codes, vector.reshape(-1))

    start = np.random.default_rng(0).standard_normal(d)
    operator = LinearOperator((d, d), matvec=product, dtype=np.float64)
    n_kept = min(d, max(2 * k + 1, 20))
    try:
        values, columns = eigsh(
            operator, k, which="LM", v0=start, ncv=n_kept, tol=LANCZOS_TOLERANCE
        )
    except ArpackError as error:
        raise SettingsError(
            f"the {k} largest eigenvalues of the metric could not be found ({error}): ask for "
            "fewer axes, or take codes of natural contrast"
        ) from error
    order = np.argsort(-values)
    vectors = columns.T[order].copy()
    rest = _trace_beside(metric, codes, vectors, tell)
    return Axes(values[order], vectors, float(values.sum()) + rest)


def mean_product(metric: Products, codes: Codes, vector: Floats) -> Floats:
    """Return the mean metric at codes ``(m, d)`` times a vector ``(d,)``."""
    vectors = np.broadcast_to(vector, codes.shape)
    product: Floats = metric.of(codes, vectors).mean(axis=0)
    return product


def _trace_beside(metric: Products, codes: Codes, vectors: Floats, tell: Tell) -> float:
    """Estimate the sum of the other eigenvalues from probes at right angles (Hutchinson 1990)."""
    rng = np.random.default_rng(1)
    found = []
    for index in range(_N_PROBES):
        tell(f"probe {index + 1} of {_N_PROBES} for the sum of all eigenvalues")
        probe = np.where(rng.random(metric.code_dim) < 0.5, -1.0, 1.0)
        probe -= (probe @ vectors.T) @ vectors
        found.append(float(probe @ mean_product(metric, codes, probe)))
    return float(np.mean(found))


def _by_products(metric: Products | RenderedChanges, code: Codes, tell: Tell) -> Floats:
    if isinstance(metric, RenderedChanges):
        raise SettingsError(
            f"codes of {len(code)} numbers are too long for the metric of a generator without "
            "gradients: choose a smaller one"
        )
    rows = [metric.of(here, vectors) for vectors, here in _unit_vectors(code, tell)]
    matrix = np.concatenate(rows)
    return _finite(0.5 * (matrix + matrix.T))


def _unit_vectors(code: Codes, tell: Tell) -> Iterator[tuple[Floats, Codes]]:
    d = len(code)
    for start in range(0, d, 64):
        tell(f"direction {start + 1} of {d}")
        vectors = np.eye(min(64, d - start), d, start)
        yield vectors, np.broadcast_to(code, vectors.shape)


def _finite(matrix: Floats) -> Floats:
    if not np.isfinite(matrix).all():
        raise SettingsError("the metric is not finite at a code: take codes of natural contrast")
    return matrix
