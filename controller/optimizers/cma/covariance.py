"""A full covariance that learns a generation at a time, and the root of it that codes are drawn by.

It starts as the identity and is changed by C <- decay C + Σ_j w_j y_jᵀ y_j only. It is kept as that
sum, as long as there are fewer terms than genes and the eigenvalues lie close together, which is a
hundred generations in 4096 dimensions; then as a matrix, changed in place (`terms`). The root is
refreshed only when told: between two refreshes C learns and what codes are drawn from stays
(pycma's "lazy" update).

Memory in d dimensions, 8 bytes a number or 4 in float32: as a sum of k terms, k (k + d) numbers,
and d² more once k exceeds 3/4 d; as a matrix, 2 d² numbers (268 MB at d = 4096 in float64). What is
left out: when to refresh, and what to learn.
"""

from typing import Any

import numpy as np
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
from controller.optimizers.cma.terms import Dense, Terms
from controller.optimizers.saved_state import StateReader

_COLUMNS_AT_ONCE = 256


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
        self._form: Terms | Dense = Terms.identity(dim, self._max_terms, dtype)
        self._root: Root = self._form.root()
        self._updated: UpdatedRoot | None = None
        self._base: TermsRoot | None = None
        self._unfinished = False
        self._last: tuple[TermsRoot, float, NDArray[np.bool_]] | None = None

    @property
    def root(self) -> Root:
        """Symmetric root of C as it was at the last refresh."""
        if self._unfinished and isinstance(self._form, Terms):
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
        if self._base is None and isinstance(self._form, Terms):
            self._base = self._form.root()
        return self._base

    @property
    def trace(self) -> float:
        """Sum of the variances of all genes."""
        return self._form.trace

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
        if isinstance(self._form, Terms):
            base = self._form.root() if self._base is None else self._base
            self._base, self._last = None, (base, decay, used)
        self._form.learn(kept, weights[used], decay)

    def catch_up(self) -> None:
        """Do now what the next `learn` or `refresh` would do first; changes nothing else."""
        self._form.catch_up()

    def refresh(self, white: Floats | None = None) -> None:
        """Take the root of C as it is now.

        Args:
            white: (n, d) the rows last learned, whitened by what `base` was before; None makes the
                symmetric root the one that codes are drawn with.

        """
        self._updated = None
        if isinstance(self._form, Terms):
            root = self._short_root(self._form, white is not None)
            if root is not None:
                self._root, self._unfinished = root, white is not None
                if white is not None and self._last is not None:
                    base, decay, used = self._last
                    kept = white[used].astype(self._dtype, copy=False)
                    self._updated = _updated(root, base, decay, kept)
                return
            self._form, self._last, self._base = Dense(self._form.as_matrix()), None, None
        self._form.catch_up()
        self._root = _dense_root(self._form.lower, self._root)

    def _short_root(self, form: Terms, later: bool) -> TermsRoot | None:
        """Return the root of a sum of few terms with a short series; None where C is not that."""
        if form.weights.size > self._max_terms:
            return None
        # What is only whitened with can wait for its products until after the first images.
        root = form.root_to_be() if later else form.root()
        root = root if root.interval.has_series(self._dtype) else form.root()
        return root if root.interval.has_series(self._dtype) else None

    def matrix(self) -> Matrix:
        """Write C out as a new (d, d) matrix."""
        return _symmetric(self._form.matrix())

    def as_arrays(self) -> State:
        """Fields of a saved state, each named `covariance…` or `root…`."""
        if isinstance(self._form, Terms) and isinstance(self.root, TermsRoot):
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
        self._form = Dense(np.asfortranarray(reader.array("covariance", square, kind)))
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
        terms = Terms.identity(self._dim, self._max_terms, self._dtype)
        terms.make_room(k)
        terms.rows[:k] = reader.array("covariance_rows", (k, self._dim), kind)
        terms.gram[:k, :k] = reader.array("covariance_gram", (k, k), kind)
        terms.scale, terms.trace, terms.below, terms.above = figures
        terms.weights, terms.counted = weights, k
        if "covariance_dense" in reader:
            square = (self._dim, self._dim)
            terms.dense = np.asfortranarray(reader.array("covariance_dense", square, kind))
            terms.summed = reader.count("covariance_summed")
            terms.left = reader.number("covariance_left")
        interval = Interval(*reader.array("root_interval", (3,), np.float64).tolist())
        seen = reader.array("root_weights", (None,), np.float64)
        rows, gram = terms.rows[: seen.size], terms.gram[: seen.size, : seen.size]
        self._form = terms
        self._root = TermsRoot(interval.centre, seen, rows, gram, interval)
        if "drawing_white" in reader:
            self._updated = _read_drawing(reader, self._root)


def _terms_as_arrays(form: Terms, root: TermsRoot) -> State:
    form.catch_up()
    k = form.weights.size
    state = {
        "covariance_figures": np.array([form.scale, form.trace, form.below, form.above]),
        "covariance_weights": form.weights.copy(),
        "covariance_rows": form.rows[:k].copy(),
        "covariance_gram": form.gram[:k, :k].copy(),
        "root_interval": np.array(list(vars(root.interval).values())),
        "root_weights": root.weights.copy(),
    }
    if form.dense is not None:
        state["covariance_dense"] = form.dense.copy()
        state["covariance_summed"] = np.array(form.summed)
        state["covariance_left"] = np.array(form.left)
    return state


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
