"""Principal components of more pictures than fit into memory.

Two ways to the same modes. Up to `MOST_EXACT` pictures: by their products with each other, exactly.
More: by a randomised range finder (Halko, Martinsson & Tropp 2011) with three rounds of subspace
iteration. It finds the strongest modes and says how far off their variances can be: each lies
within the length of its residual of a true one. The weaker variances, which only the rule of
`consistency` asks for, go on as a power law that has the measured total.

Pixels are scaled to -1..1, and their mean is removed before anything is multiplied. Memory holds a
few blocks of 64 MB, a square matrix of at most `MOST_EXACT`, and the modes that are asked for.
Left out: how many modes the pictures are enough for.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from generators.errors import PictureError
from generators.fitted_gaussian.fresh import (
    HANDS,
    RESOLVED,
    about_old_mean,
    fresh_by_gram,
    hand_of,
    made_falling,
)
from generators.fitted_gaussian.pictures import PictureStore, Progress, silent

FEWEST = 2 * HANDS
MOST_EXACT = 4096
"""Pictures whose modes are found exactly, which takes a minute for each of six matrices."""
MOST_SKETCHED = 1024
"""Modes that the randomised way looks for where nobody says how many."""

_OVERSAMPLING = 64
_ROUNDS = 4
"""One to find the modes, two to tell near ones apart, one to measure."""
_SKETCH_SEED = 20220412
_BLOCK_BYTES = 2**26
_SKETCH_BYTES = 2**29
"""Of one of the few matrices of the randomised way, where nobody says how many modes."""


@dataclass(frozen=True)
class Principal:
    """What a set of pictures varies in.

    Attributes:
        mean: ``(d,)`` float32, mean picture in -1..1.
        variances: ``(k,)`` float64 all sample variances, falling; those beyond the length of
            `fresh` may be extrapolated.
        fresh: ``(m,)`` float64, falling: how much fresh pictures vary along each mode that was
            found.
        modes: gives the first m modes as ``(m, d)`` float32, orthonormal rows.
        errors: ``(m,)`` how far off the variance of each mode can be, as a share; 0 where exact.
        n_pictures: number of pictures.

    """

    mean: NDArray[np.float32]
    variances: NDArray[np.float64]
    fresh: NDArray[np.float64]
    modes: Callable[[int], NDArray[np.float32]]
    errors: NDArray[np.float64]
    n_pictures: int


def principal(
    store: PictureStore,
    n_modes: int | None = None,
    progress: Progress = silent,
    most_exact: int = MOST_EXACT,
) -> Principal:
    """Find mean, variances and modes of the pictures of a store.

    Args:
        store: ten different pictures or more.
        n_modes: how many modes will be asked for, if that is known.
        progress: told how far it is.
        most_exact: see the top of this file.

    Raises:
        PictureError: there are fewer than ten different pictures.

    """
    if len(store) < FEWEST:
        raise PictureError(
            f"there are {len(store)} different pictures, but nothing can be told of fewer than "
            f"{FEWEST}: give hundreds"
        )
    if len(store) <= most_exact:
        return _by_gram(_Centred(store, progress))
    most = min(MOST_SKETCHED, max(1, _SKETCH_BYTES // (4 * store.n_values)))
    return _by_sketch(store, n_modes or most, progress)


class _Centred:
    """Some or all pictures about their mean, ``(n, d)`` float32, by blocks of rows or of columns.

    Args:
        store: holds the pictures.
        progress: told of every block.
        rows: ``(n,)`` which pictures; all if None.

    """

    def __init__(
        self, store: PictureStore, progress: Progress, rows: NDArray[np.integer] | None = None
    ) -> None:
        self.bytes = store.values()
        self.rows = np.arange(len(store)) if rows is None else rows
        self.n, self.d = len(self.rows), store.n_values
        self.progress = progress
        self.row_block = max(1, _BLOCK_BYTES // (4 * self.d))
        self.column_block = max(1, _BLOCK_BYTES // (4 * self.n))
        total = np.zeros(self.d)
        for start in range(0, self.n, self.row_block):
            chosen = self.rows[start : start + self.row_block]
            total += self.bytes[chosen].sum(axis=0, dtype=np.float64)
        self.mean = (total / self.n / 127.5 - 1.0).astype(np.float32)

    def by_rows(self, doing: str) -> Iterator[NDArray[np.float32]]:
        for start in range(0, self.n, self.row_block):
            chosen = self.rows[start : start + self.row_block]
            yield self._scaled(self.bytes[chosen]) - self.mean
            self.progress(doing, start + len(chosen), self.n)

    def by_columns(self, doing: str) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for start in range(0, self.d, self.column_block):
            columns = slice(start, min(start + self.column_block, self.d))
            yield columns, self._scaled(self.bytes[self.rows, columns]) - self.mean[columns]
            self.progress(doing, columns.stop, self.d)

    @staticmethod
    def _scaled(block: NDArray[np.uint8]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = block.astype(np.float32) / np.float32(127.5)
        scaled -= np.float32(1.0)
        return scaled


def _by_gram(pictures: _Centred) -> Principal:
    gram = np.zeros((pictures.n, pictures.n))
    for _, block in pictures.by_columns("comparing pictures"):
        gram += block @ block.T
    fresh = fresh_by_gram(gram, pictures.progress)
    values, vectors = _falling_eigenvectors(gram / (pictures.n - 1))
    # Pictures about their own mean vary in one direction fewer than there are pictures.
    k = min(pictures.n - 1, pictures.d)

    def modes(m: int) -> NDArray[np.float32]:
        found = np.empty((m, pictures.d), np.float32)
        chosen = vectors[:, :m].T.astype(np.float32)
        for columns, block in pictures.by_columns("drawing modes"):
            found[:, columns] = chosen @ block
        return _unit_rows(found)

    return Principal(pictures.mean, values[:k], fresh[:k], modes, np.zeros(k), pictures.n)


def _by_sketch(store: PictureStore, n_modes: int, progress: Progress) -> Principal:
    dealt = hand_of(np.arange(len(store)))
    made_of, tested = np.flatnonzero(dealt > 0), np.flatnonzero(dealt == 0)
    # Modes that have seen the tested pictures would know them, so these are found apart.
    part = _sketched(_Centred(store, progress, made_of), n_modes, "first search")
    fresh = _fresh_along(part, _Centred(store, progress, tested))
    pictures = _Centred(store, progress)
    whole = _sketched(pictures, n_modes, "second search")
    n_all = min(pictures.n - 1, pictures.d)
    return Principal(
        mean=pictures.mean,
        variances=_completed(whole.variances, whole.total, n_all),
        fresh=fresh[: len(whole.variances)],
        modes=lambda m: _unit_rows(whole.modes[:m].copy()),
        errors=whole.errors,
        n_pictures=pictures.n,
    )


@dataclass(frozen=True)
class _Sketch:
    """The strongest modes of some pictures: ``(m, d)``, their variances, and all variance."""

    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    variances: NDArray[np.float64]
    total: float
    errors: NDArray[np.float64]
    n: int


def _sketched(pictures: _Centred, n_modes: int, doing: str) -> _Sketch:
    width = min(n_modes + _OVERSAMPLING, pictures.d, pictures.n - 1)
    rng = np.random.default_rng(_SKETCH_SEED)
    image = rng.standard_normal((pictures.d, width), dtype=np.float32)
    for turn in range(1, _ROUNDS + 1):
        basis = np.linalg.qr(image)[0]
        image, total = _times_covariance(pictures, basis, f"{doing}, round {turn} of {_ROUNDS}")
    values, vectors = _falling_eigenvectors((basis.T @ image).astype(np.float64))
    found = values[: min(n_modes, width)]
    found = found[found > RESOLVED * found[0]]
    kept = vectors[:, : len(found)].astype(np.float32)
    modes = basis @ kept
    residual = image @ kept - modes * found.astype(np.float32)
    errors = np.linalg.norm(residual, axis=0) / found
    rows = np.ascontiguousarray(modes.T)
    return _Sketch(pictures.mean, rows, found, total, errors, pictures.n)


def _times_covariance(
    pictures: _Centred, basis: NDArray[np.float32], doing: str
) -> tuple[NDArray[np.float32], float]:
    """Return the covariance times `basis` ``(d, width)``, and the trace of the covariance."""
    image = np.zeros(basis.shape, np.float32)
    trace = 0.0
    for block in pictures.by_rows(doing):
        image += block.T @ (block @ basis)
        trace += float(np.square(block).sum(dtype=np.float64))
    image /= np.float32(pictures.n - 1)
    return image, trace / (pictures.n - 1)


def _fresh_along(made_of: _Sketch, tested: _Centred) -> NDArray[np.float64]:
    """Return how much the tested pictures vary along modes that were made of others."""
    shift = made_of.modes @ (tested.mean - made_of.mean)
    squares = np.zeros(len(made_of.modes))
    for block in tested.by_rows("testing modes on other pictures"):
        squares += np.square(block @ made_of.modes.T + shift).sum(axis=0, dtype=np.float64)
    return made_falling(squares / tested.n * about_old_mean(made_of.n))


def _completed(known: NDArray[np.float64], total: float, n_all: int) -> NDArray[np.float64]:
    """Continue falling variances by a power law up to `n_all`, so that they sum to `total`."""
    left, n_left = total - float(known.sum()), n_all - len(known)
    if n_left <= 0 or left <= 0:
        return known
    last = float(known[-1])
    steps = np.arange(len(known) + 1, n_all + 1) / len(known)
    if last * n_left <= left:
        # Rounding aside this cannot be: no variance that is left exceeds the last one found.
        return np.concatenate([known, np.full(n_left, last)])

    def excess(power: float) -> float:
        return float((last * steps**-power).sum()) - left

    steepest = 1.0
    while excess(steepest) > 0:
        steepest *= 2.0
    power = float(scipy.optimize.brentq(excess, 0.0, steepest))
    return np.concatenate([known, last * steps**-power])


def _falling_eigenvectors(
    symmetric: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, vectors = scipy.linalg.eigh((symmetric + symmetric.T) / 2.0, overwrite_a=True)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1 whose largest element is positive, so that a refit is comparable."""
    for row in rows:
        row /= math.copysign(float(np.linalg.norm(row)), float(row[np.abs(row).argmax()]))
    return rows
