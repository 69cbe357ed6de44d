"""A full covariance that learns a generation at a time, and the root of it that codes are drawn by.

It starts as the identity and is changed by C <- decay C + Σ_j w_j y_jᵀ y_j only. It is kept as that
sum, as long as there are fewer terms than genes and the eigenvalues lie close together, which is a
hundred generations in 4096 dimensions; then as a matrix, changed in place. The root is refreshed
only when told: between two refreshes C learns and what codes are drawn from stays (pycma's "lazy"
update).

Memory in d dimensions, 8 bytes a number or 4 in float32: as a sum of k terms, k (k + d) numbers;
as a matrix, 2 d² numbers (268 MB at d = 4096 in float64). What is left out: when to refresh, and
what to learn.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from controller.optimizers.base import Floats, State
from controller.optimizers.cma.roots import (
    EigenRoot,
    Interval,
    Matrix,
    Root,
    SeriesRoot,
    TermsRoot,
    UpdatedRoot,
)
from controller.optimizers.saved_state import StateReader

_COLUMNS_AT_ONCE = 256


@dataclass(eq=False)
class _Terms:
    """C = scale I + Σ_j weights_j rows_jᵀ rows_j, with room for more terms.

    weights: (k,).
    rows, gram: (room, d) and (room, room), of which the first k are in use; gram is rows rowsᵀ.
    trace: sum of the variances of all genes.
    counted: terms that gram, above and below have caught up with.
    above, below: squared Frobenius norms of the sums of terms of either sign, which bound how far
        the eigenvalues lie above and below the scale.
    """

    scale: float
    trace: float
    weights: Floats
    rows: Matrix
    gram: Matrix
    counted: int
    above: float
    below: float

    @classmethod
    def identity(cls, dim: int, room: int, dtype: Any) -> "_Terms":
        rows, gram = np.empty((room, dim), dtype), np.empty((room, room), dtype)
        return cls(1.0, float(dim), np.empty(0), rows, gram, 0, 0.0, 0.0)

    def learn(self, rows: Matrix, weights: Floats, decay: float) -> None:
        # What the last call left open is closed here at the latest, so that the work of a
        # generation is the same whether or not somebody caught up in between.
        self.catch_up()
        k = self.weights.size
        self._make_room(k + weights.size)
        self.rows[k : k + weights.size] = rows
        self.scale *= decay
        squares = np.square(np.linalg.norm(rows.astype(np.float64), axis=1))
        self.trace = decay * self.trace + float(weights @ squares)
        self.weights = np.concatenate([decay * self.weights, weights])
        self.above *= decay**2
        self.below *= decay**2

    def catch_up(self) -> None:
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

    def root(self) -> TermsRoot:
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
        lower = np.zeros((self.rows.shape[1],) * 2, self.rows.dtype, order="F")
        np.fill_diagonal(lower, self.scale)
        _add_terms(lower, self.rows[: self.weights.size], self.weights, 1.0)
        return lower

    def _added(self, squares: Floats, old: int, sign: float) -> float:
        parts = np.maximum(sign * self.weights, 0.0)
        by_old = parts[old:] @ squares[:, :old] @ parts[:old]
        return float(2.0 * by_old + parts[old:] @ squares[:, old:] @ parts[old:])

    def _make_room(self, k: int) -> None:
        room = len(self.rows)
        if k <= room:
            return
        wider = _Terms.identity(self.rows.shape[1], 2 * k, self.rows.dtype)
        wider.rows[:room], wider.gram[:room, :room] = self.rows, self.gram
        self.rows, self.gram = wider.rows, wider.gram


class Covariance:
    """C and its root; see above. Vectors are rows.

    dim: d.
    dtype: numpy type that C is kept in.
    max_terms: terms to hold, at a refresh, before turning to a matrix; d where it is left out.
    """

    def __init__(self, dim: int, dtype: Any = np.float64, max_terms: int | None = None) -> None:
        self._dim = dim
        self._dtype = np.dtype(dtype)
        self._max_terms = dim if max_terms is None else max_terms
        # Memory that is not written to yet costs nothing.
        self._form: _Terms | Matrix = _Terms.identity(dim, self._max_terms + dim // 4, dtype)
        self._root: Root = self._form.root()
        self._updated: UpdatedRoot | None = None
        self._base: TermsRoot | None = None
        self._unfinished = False
        self._last: tuple[TermsRoot, float, NDArray[np.bool_]] | None = None

    @property
    def root(self) -> Root:
        """Symmetric root of C as it was at the last refresh."""
        if self._unfinished and isinstance(self._form, _Terms):
            self._root = self._form.root()
        self._unfinished = False
        return self._root

    @property
    def drawing(self) -> Root | UpdatedRoot:
        """The root of that C that codes are drawn with."""
        return self._root if self._updated is None else self._updated

    def base(self) -> TermsRoot | None:
        """Root of C as it is now, which a refresh after the next `learn` builds on.

        None where C is a matrix, of which a refresh takes the root itself.
        """
        if self._base is None and isinstance(self._form, _Terms):
            self._base = self._form.root()
        return self._base

    @property
    def trace(self) -> float:
        """Sum of the variances of all genes."""
        if isinstance(self._form, _Terms):
            return self._form.trace
        return float(self._form.diagonal().sum(dtype=np.float64))

    def learn(self, rows: Floats, weights: Floats, decay: float) -> None:
        """Make C <- decay C + Σ_j weights_j rows_jᵀ rows_j.

        Args:
            rows: (n, d).
            weights: (n,), of either sign; terms of weight 0 are passed over.
            decay: positive.

        """
        _ = self.root  # which is that of C before it learns
        used = weights != 0.0
        kept = rows[used].astype(self._dtype, copy=False)
        if isinstance(self._form, _Terms):
            base = self._form.root() if self._base is None else self._base
            self._base, self._last = None, (base, decay, used)
            self._form.learn(kept, weights[used], decay)
        else:
            _add_terms(self._form, kept, weights[used], decay)

    def catch_up(self) -> None:
        """Do now what the next `learn` or `refresh` would do first; changes nothing else."""
        if isinstance(self._form, _Terms):
            self._form.catch_up()

    def refresh(self, white: Floats | None = None) -> None:
        """Take the root of C as it is now.

        Args:
            white: (n, d) the rows last learned, whitened by what `base` was before; None makes the
                symmetric root the one that codes are drawn with.

        """
        self._updated = None
        if isinstance(self._form, _Terms):
            root = self._short_root(self._form, white is not None)
            if root is not None:
                self._root, self._unfinished = root, white is not None
                if white is not None and self._last is not None:
                    base, decay, used = self._last
                    kept = white[used].astype(self._dtype, copy=False)
                    self._updated = _updated(root, base, decay, kept)
                return
            self._form, self._last, self._base = self._form.matrix(), None, None
        self._root = _dense_root(self._form, self._root)

    def _short_root(self, form: _Terms, later: bool) -> TermsRoot | None:
        """Return the root of a sum of few terms with a short series; None where C is not that."""
        if form.weights.size > self._max_terms:
            return None
        # What is only whitened with can wait for its products until after the first images.
        root = form.root_to_be() if later else form.root()
        root = root if root.interval.has_series(self._dtype) else form.root()
        return root if root.interval.has_series(self._dtype) else None

    def matrix(self) -> Matrix:
        """Write C out as a new (d, d) matrix."""
        return _symmetric(self._form.matrix() if isinstance(self._form, _Terms) else self._form)

    def as_arrays(self) -> State:
        """Fields of a saved state, each named `covariance…` or `root…`."""
        if isinstance(self._form, _Terms) and isinstance(self.root, TermsRoot):
            drawing = {} if self._updated is None else _drawing_as_arrays(self._updated)
            return _terms_as_arrays(self._form, self.root) | drawing
        state: State = {"covariance": self.matrix()}
        if isinstance(self._root, EigenRoot):
            state["root_axes"] = self._root.axes.copy()
            state["root_lengths"] = self._root.lengths.copy()
        elif isinstance(self._root, SeriesRoot):
            state["root_matrix"] = _symmetric(self._root.matrix)
            state["root_interval"] = np.array(list(vars(self._root.interval).values()))
        return state

    def read(self, reader: StateReader) -> "Covariance":
        """Take a covariance like this one out of a saved state.

        Raises:
            OptimizerStateError: the fields do not fit.

        """
        loaded = Covariance(self._dim, self._dtype, self._max_terms)
        if "covariance" in reader:
            loaded._read_matrix(reader)
        else:
            loaded._read_terms(reader)
        return loaded

    def _read_matrix(self, reader: StateReader) -> None:
        square, kind = (self._dim, self._dim), self._dtype.type
        self._form = np.asfortranarray(reader.array("covariance", square, kind))
        if "root_axes" in reader:
            axes = reader.array("root_axes", square, kind)
            self._root = EigenRoot(axes, reader.array("root_lengths", (self._dim,), np.float64))
        else:
            interval = Interval(*reader.array("root_interval", (3,), np.float64).tolist())
            matrix = np.asfortranarray(reader.array("root_matrix", square, kind))
            self._root = SeriesRoot(matrix, interval)

    def _read_terms(self, reader: StateReader) -> None:
        kind = self._dtype.type
        figures = reader.array("covariance_figures", (4,), np.float64).tolist()
        weights = reader.array("covariance_weights", (None,), np.float64)
        k = weights.size
        terms = _Terms.identity(self._dim, max(k, self._max_terms + self._dim // 4), self._dtype)
        terms.rows[:k] = reader.array("covariance_rows", (k, self._dim), kind)
        terms.gram[:k, :k] = reader.array("covariance_gram", (k, k), kind)
        terms.scale, terms.trace, terms.below, terms.above = figures
        terms.weights, terms.counted = weights, k
        interval = Interval(*reader.array("root_interval", (3,), np.float64).tolist())
        seen = reader.array("root_weights", (None,), np.float64)
        rows, gram = terms.rows[: seen.size], terms.gram[: seen.size, : seen.size]
        self._form = terms
        self._root = TermsRoot(interval.centre, seen, rows, gram, interval)
        if "drawing_white" in reader:
            self._updated = _read_drawing(reader, self._root)


def _terms_as_arrays(form: _Terms, root: TermsRoot) -> State:
    form.catch_up()
    k = form.weights.size
    return {
        "covariance_figures": np.array([form.scale, form.trace, form.below, form.above]),
        "covariance_weights": form.weights.copy(),
        "covariance_rows": form.rows[:k].copy(),
        "covariance_gram": form.gram[:k, :k].copy(),
        "root_interval": np.array(list(vars(root.interval).values())),
        "root_weights": root.weights.copy(),
    }


def _updated(root: TermsRoot, base: TermsRoot, decay: float, white: Matrix) -> UpdatedRoot:
    old = base.weights.size
    return UpdatedRoot(base, decay, white, root.weights[old:], root.rows[old:])


def _drawing_as_arrays(drawing: UpdatedRoot) -> State:
    return {
        "drawing_white": drawing.white.copy(),
        "drawing_decay": np.array(drawing.decay),
        "drawing_base_weights": drawing.base.weights.copy(),
        "drawing_base_interval": np.array(list(vars(drawing.base.interval).values())),
    }


def _read_drawing(reader: StateReader, root: TermsRoot) -> UpdatedRoot:
    weights = reader.array("drawing_base_weights", (None,), np.float64)
    interval = Interval(*reader.array("drawing_base_interval", (3,), np.float64).tolist())
    old = weights.size
    rows, gram = root.rows[:old], root.gram[:old, :old]
    base = TermsRoot(interval.centre, weights, rows, gram, interval)
    left = (len(root.rows) - old, root.rows.shape[1])
    white = reader.array("drawing_white", left, root.rows.dtype.type)
    return _updated(root, base, reader.number("drawing_decay"), white)


def _add_terms(lower: Matrix, rows: Matrix, weights: Floats, decay: float) -> None:
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


def _dense_root(lower: Matrix, old: Root) -> Root:
    interval = _interval_of(lower)
    if not interval.has_series(lower.dtype):
        return EigenRoot.of(lower)
    if not isinstance(old, SeriesRoot):
        return SeriesRoot(lower.copy(order="K"), interval)
    np.copyto(old.matrix, lower)
    return SeriesRoot(old.matrix, interval)


def _interval_of(lower: Matrix) -> Interval:
    """Bounds on the eigenvalues of C from its Frobenius distance to a multiple of the identity."""
    d = len(lower)
    diagonal = lower.diagonal().astype(np.float64)
    centre = float(diagonal.mean())
    squares = float(np.square(diagonal - centre).sum())
    for start in range(0, d, _COLUMNS_AT_ONCE):
        stop = start + _COLUMNS_AT_ONCE
        corner = np.tril(lower[start:stop, start:stop], -1)
        below = lower[stop:, start:stop]
        for block in (corner, below):
            squares += 2.0 * float(np.square(block, dtype=np.float64).sum())
    return Interval(centre, squares**0.5, squares**0.5)


def _symmetric(lower: Matrix) -> Matrix:
    """Fill the upper triangle from the lower one."""
    result: Matrix = np.tril(lower) + np.tril(lower, -1).T
    return result
