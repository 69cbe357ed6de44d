"""A covariance as a multiple of the identity and a sum of few terms of rank one, or as a matrix.

The sum has as many terms as were learned, so in thousands of dimensions it is much smaller than the
matrix, and its root can be applied without forming that (`roots`). Shortly before there are too
many terms, their sum is begun, a part in each generation. What is left out: when to give up the
terms for the matrix (`covariance`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from controller.optimizers.base import Floats
from controller.optimizers.cma.roots import Interval, Matrix, TermsRoot
from controller.optimizers.in_place import row_norms

_SUMMED_AT_ONCE = 4
"""Terms that are summed for each one that is learned, over the last quarter of them."""


@dataclass(eq=False)
class Terms:
    """C = scale I + Σ_j weights_j rows_jᵀ rows_j, with room for more terms.

    weights: (k,).
    rows, gram: (room, d) and (room, room), of which the first k are in use; gram is rows rowsᵀ.
    trace: sum of the variances of all genes.
    counted: terms that gram, above and below have caught up with.
    above, below: squared Frobenius norms of the sums of terms of either sign, which bound how far
        the eigenvalues lie above and below the scale.
    dense_from: how many terms there may be before they begin to be summed up.
    dense: (d, d) in Fortran order, lower triangle: `left` of it is the sum of the first `summed`
        terms. None until it is begun.
    """

    scale: float
    trace: float
    weights: Floats
    rows: Matrix
    gram: Matrix
    counted: int
    above: float
    below: float
    dense_from: int
    dense: Matrix | None = None
    summed: int = 0
    left: float = 1.0

    @classmethod
    def identity(cls, dim: int, max_terms: int, dtype: Any) -> "Terms":
        """Return C = I, with room for some more than `max_terms`."""
        room = max_terms + dim // 4
        # Memory that is not written to yet costs nothing.
        rows, gram = np.empty((room, dim), dtype), np.empty((room, room), dtype)
        start = max_terms - max_terms // _SUMMED_AT_ONCE
        return cls(1.0, float(dim), np.empty(0), rows, gram, 0, 0.0, 0.0, start)

    def learn(self, rows: Matrix, weights: Floats, decay: float) -> None:
        """Make C <- decay C + Σ_j weights_j rows_jᵀ rows_j."""
        # What the last call left open is closed here at the latest, so that the work of a
        # generation is the same whether or not somebody caught up in between.
        self.catch_up()
        k = self.weights.size
        self.make_room(k + weights.size)
        self.rows[k : k + weights.size] = rows
        self.scale *= decay
        squares = np.square(row_norms(rows))
        self.trace = decay * self.trace + float(weights @ squares)
        self.weights = np.concatenate([decay * self.weights, weights])
        self.above *= decay**2
        self.below *= decay**2
        self.left *= decay

    def catch_up(self) -> None:
        """Do what can wait until after the first images: products of rows, and their sum."""
        old, new = self.counted, self.weights.size
        if old == new:
            return
        products = self.rows[old:new] @ self.rows[:new].T
        self.gram[old:new, :new] = products
        self.gram[:old, old:new] = products[:, :old].T
        squares = np.square(products, dtype=np.float64)
        self.above += self._added(squares, old, 1.0)
        self.below += self._added(squares, old, -1.0)
        self.counted = new
        self._sum_up(_SUMMED_AT_ONCE * (new - old))

    def root(self) -> TermsRoot:
        """Return the symmetric root."""
        self.catch_up()
        return self._root(self.below**0.5, self.above**0.5)

    def root_to_be(self) -> TermsRoot:
        """Return the root with wider bounds, to be used after `catch_up` only."""
        new = slice(self.counted, None)
        rows = self.rows[: self.weights.size][new].astype(np.float64)
        sizes = self.weights[new] * np.einsum("ij,ij->i", rows, rows)
        below, above = (float(np.maximum(sign * sizes, 0.0).sum()) for sign in (-1.0, 1.0))
        return self._root(self.below**0.5 + below, self.above**0.5 + above)

    def _root(self, below: float, above: float) -> TermsRoot:
        k = self.weights.size
        # The rows and products in use never change, so that the root may look at them.
        rows, gram = self.rows[:k], self.gram[:k, :k]
        return TermsRoot(self.scale, self.weights, rows, gram, Interval(self.scale, below, above))

    def matrix(self) -> Matrix:
        """Write C out as a new matrix (Fortran order), of which the lower triangle is meant."""
        return self._with_rest(self._no_sum() if self.dense is None else self.dense.copy("K"))

    def as_matrix(self) -> Matrix:
        """Do the same, but change into it what was summed up already; the end of these terms."""
        return self._with_rest(self._no_sum() if self.dense is None else self.dense)

    def _no_sum(self) -> Matrix:
        return np.zeros((self.rows.shape[1],) * 2, self.rows.dtype, order="F")

    def _with_rest(self, lower: Matrix) -> Matrix:
        rest = slice(self.summed, self.weights.size)
        add_terms(lower, self.rows[rest], self.weights[rest], self.left)
        diagonal = np.einsum("ii->i", lower)
        diagonal += lower.dtype.type(self.scale)
        return lower

    def _sum_up(self, n: int) -> None:
        """Add the next `n` terms to the sum, so that it is ready when there are too many of them.

        All of them at once would stop a session for seconds.
        """
        if self.weights.size <= self.dense_from:
            return
        if self.dense is None:
            self.dense = self._no_sum()
        rest = slice(self.summed, min(self.summed + n, self.weights.size))
        add_terms(self.dense, self.rows[rest], self.weights[rest], self.left)
        self.summed, self.left = rest.stop, 1.0

    def _added(self, squares: Floats, old: int, sign: float) -> float:
        parts = np.maximum(sign * self.weights, 0.0)
        by_old = parts[old:] @ squares[:, :old] @ parts[:old]
        return float(2.0 * by_old + parts[old:] @ squares[:, old:] @ parts[old:])

    def make_room(self, k: int) -> None:
        """Have room for `k` terms or more."""
        room = len(self.rows)
        if k <= room:
            return
        dtype = self.rows.dtype
        rows, gram = np.empty((2 * k, self.rows.shape[1]), dtype), np.empty((2 * k, 2 * k), dtype)
        rows[:room], gram[:room, :room] = self.rows, self.gram
        self.rows, self.gram = rows, gram


@dataclass(eq=False)
class Dense:
    """C as a matrix, which may lag behind by what was learned last.

    lower: (d, d) in Fortran order, of which the lower triangle is meant.
    waiting: rows (n, d), weights (n,) and decay to come.
    """

    lower: Matrix
    waiting: tuple[Matrix, Floats, float] | None = None

    @property
    def trace(self) -> float:
        """Sum of the variances of all genes."""
        so_far = float(self.lower.diagonal().sum(dtype=np.float64))
        if self.waiting is None:
            return so_far
        rows, weights, decay = self.waiting
        return decay * so_far + float(weights @ np.square(row_norms(rows)))

    def learn(self, rows: Matrix, weights: Floats, decay: float) -> None:
        """Make C <- decay C + Σ_j weights_j rows_jᵀ rows_j."""
        self.catch_up()
        self.waiting = (rows, weights, decay)

    def catch_up(self) -> None:
        """Learn what waits, which can be done after the first images."""
        if self.waiting is not None:
            add_terms(self.lower, *self.waiting)
            self.waiting = None

    def matrix(self) -> Matrix:
        """Return the matrix, of which the lower triangle is meant."""
        self.catch_up()
        return self.lower


def add_terms(lower: Matrix, rows: Matrix, weights: Floats, decay: float) -> None:
    """Change the lower triangle of C (Fortran order) to that of decay C + Σ weights rowsᵀ rows.

    With P the rows of positive weight and N those of negative, each times the root of its weight,
    PᵀP - NᵀN = ((P + N)ᵀ(P - N) + (P - N)ᵀ(P + N)) / 2, so C is passed over once.
    """
    half = int(max(np.count_nonzero(weights > 0), np.count_nonzero(weights < 0)))
    if not half:
        lower *= lower.dtype.type(decay)
        return
    positive, negative = (_of_one_sign(rows, sign * weights, half) for sign in (1.0, -1.0))
    update = scipy.linalg.blas.dsyr2k if lower.dtype == np.float64 else scipy.linalg.blas.ssyr2k
    left, right = positive + negative, positive - negative
    update(0.5, left.T, right.T, beta=decay, c=lower, lower=1, overwrite_c=1)


def _of_one_sign(rows: Matrix, weights: Floats, n: int) -> Matrix:
    """Rows of positive weight, times the root of their weight, and zeros up to `n` rows."""
    chosen = np.flatnonzero(weights > 0)
    result = np.zeros((n, rows.shape[1]), rows.dtype)
    roots = np.sqrt(weights[chosen]).astype(rows.dtype)
    result[: chosen.size] = roots[:, np.newaxis] * rows[chosen]
    return result
