"""Changes the codes of a whole population where they are.

In 4096 dimensions 40 codes are 1.3 MB, and a new array of that size costs more than the arithmetic
in it, since the system hands its memory out page by page. What is left out: any idea of a search.
"""

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from controller.optimizers.base import Floats

_ROWS_AT_ONCE = 8


def row_norms(rows: NDArray[np.floating]) -> Floats:
    """Return the Euclidean norm of each row (n, d), summed in float64."""
    squares = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        wide = rows[some].astype(np.float64, copy=False)
        np.vecdot(wide, wide, out=squares[some])
    return np.sqrt(squares, out=squares)


def add_product(rows: Floats, left: Floats, right: Floats) -> Floats:
    """Make rows += left · right without an array for the product; returns rows.

    Args:
        rows: (n, d) float64; overwritten, unless it lies in pieces (only what is returned counts).
        left: (n, k).
        right: (k, d).

    """
    if not left.size or not right.size:
        return rows
    # BLAS counts by columns: what it sees is the transpose of everything.
    summed: Floats = scipy.linalg.blas.dgemm(
        1.0, right.T, left.T, beta=1.0, c=rows.T, overwrite_c=1
    ).T
    return summed


def add_multiples(rows: Floats, factors: Floats, row: Floats) -> Floats:
    """Make rows (n, d) += factors (n,) times one row (d,), likewise; returns rows."""
    return add_product(rows, factors[:, np.newaxis], row[np.newaxis])
