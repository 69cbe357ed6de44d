"""A factor A of the covariance C = AᵀA and its inverse, under rank-one updates from the identity.

In 4096 dimensions A and its inverse take 268 MB, and one update of both stops the loop for most of
a second. Yet a whole evolution makes about six updates. So the factor is kept as what it is,

    A = a I + Σ_j a_j v_jᵀ p_j        A⁻¹ = b I + Σ_j b_j w_jᵀ v_j        (row vectors)

exactly, at a cost of O(k d) for k updates; beyond `max_terms` it becomes a pair of matrices that
are updated in place. What is left out: when to update; that is the optimizer's business.

Source: rank-one factor update of Suttorp, Hansen & Igel 2009, as used by Wang & Ponce 2022.
"""

from dataclasses import dataclass

import numpy as np

from controller.optimizers.base import Floats, State
from controller.optimizers.in_place import add_multiples, add_product
from controller.optimizers.saved_state import StateReader, with_prefix

_ROWS_AT_ONCE = 256


class _Rows:
    """Rows (k, d) with room for more, so that adding one does not copy the others.

    given: (k, d) the first ones, which are taken over.
    """

    def __init__(self, given: Floats) -> None:
        self._all, self._used = given, len(given)

    @property
    def now(self) -> Floats:
        """The rows (k, d), which may be changed in place."""
        return self._all[: self._used]

    def append(self, row: Floats) -> None:
        if self._used == len(self._all):
            wider = np.empty((2 * self._used + 4, self._all.shape[1]))
            wider[: self._used] = self._all
            self._all = wider
        self._all[self._used] = row
        self._used += 1


@dataclass(eq=False)
class _Terms:
    """Identity plus k rank-one terms.

    scale, inverse_scale: a and b.
    amounts, inverse_amounts: (k,) a_j and b_j.
    whitened, paths, columns: (k, d) v_j, p_j and w_j = A⁻¹ v_jᵀ at the time of update j.
    """

    scale: float
    inverse_scale: float
    amounts: Floats
    inverse_amounts: Floats
    whitened: _Rows
    paths: _Rows
    columns: _Rows

    @classmethod
    def identity(cls, dim: int) -> "_Terms":
        none = np.empty(0)
        return cls(1.0, 1.0, none, none, *(_Rows(np.empty((0, dim))) for _ in range(3)))

    def apply(self, rows: Floats, overwrite: bool) -> Floats:
        along = rows @ self.whitened.now.T * self.amounts
        shaped: Floats = np.multiply(rows, self.scale, out=rows if overwrite else None)
        single = np.atleast_2d(shaped)
        return add_product(single, np.atleast_2d(along), self.paths.now).reshape(shaped.shape)

    def solve(self, rows: Floats) -> Floats:
        white: Floats = self.inverse_scale * rows
        if self.amounts.size:
            white += (rows @ self.columns.now.T * self.inverse_amounts) @ self.whitened.now
        return white

    def mirror(self, axis: Floats) -> None:
        for rows in (self.whitened.now, self.paths.now, self.columns.now):
            add_multiples(rows, -2.0 * (rows @ axis), axis)

    def add(self, path: Floats, v: Floats, shrink: float, gain: float, loss: float) -> None:
        column = self.inverse_scale * v
        if self.amounts.size:
            column += (self.whitened.now @ v * self.inverse_amounts) @ self.columns.now
        self.scale *= shrink
        self.inverse_scale /= shrink
        self.amounts = np.append(self.amounts * shrink, shrink * gain)
        self.inverse_amounts = np.append(self.inverse_amounts / shrink, -loss / shrink)
        for rows, new in ((self.whitened, v), (self.paths, path), (self.columns, column)):
            rows.append(new)

    def as_arrays(self) -> State:
        return {
            name: np.array(value.now if isinstance(value, _Rows) else value)
            for name, value in vars(self).items()
        }


@dataclass(eq=False)
class _Matrices:
    """A and its inverse, (d, d) each, changed in place."""

    matrix: Floats
    inverse: Floats

    def apply(self, rows: Floats, overwrite: bool) -> Floats:  # noqa: ARG002  a product needs two
        return rows @ self.matrix

    def solve(self, rows: Floats) -> Floats:
        return rows @ self.inverse

    def mirror(self, axis: Floats) -> None:
        for matrix in (self.matrix, self.inverse):
            _scale_and_add(matrix, 1.0, matrix @ axis, -2.0 * axis)
            _scale_and_add(matrix, 1.0, -2.0 * axis, axis @ matrix)

    def add(self, path: Floats, v: Floats, shrink: float, gain: float, loss: float) -> None:
        column = self.inverse @ v
        _scale_and_add(self.matrix, shrink, shrink * gain * v, path)
        _scale_and_add(self.inverse, 1.0 / shrink, -loss / shrink * column, v)

    def as_arrays(self) -> State:
        return {"matrix": self.matrix.copy(), "inverse": self.inverse.copy()}


class CholeskyFactor:
    """The factor A, starting as the identity; changed by `update` and `mirror` only.

    dim: d.
    max_terms: rank-one terms to hold before turning to matrices; d/8 where it is left out, which
        takes about a fifth of the matrices' memory.
    """

    def __init__(self, dim: int, max_terms: int | None = None) -> None:
        self._dim = dim
        self._max_terms = dim // 8 if max_terms is None else max_terms
        self._form: _Terms | _Matrices = _Terms.identity(dim)

    @property
    def is_dense(self) -> bool:
        """Whether matrices are held."""
        return isinstance(self._form, _Matrices)

    def apply(self, rows: Floats, overwrite: bool = False) -> Floats:
        """Shape white rows: z A, (…, d) to (…, d), which may overwrite them to save time."""
        return self._form.apply(rows, overwrite)

    def solve(self, rows: Floats) -> Floats:
        """Whiten rows: x A⁻¹, (…, d) to (…, d)."""
        return self._form.solve(rows)

    def update(self, path: Floats, rate: float) -> None:
        """Make C ← (1 - c) C + c pᵀp.

        With v = p A⁻¹, q = |v|² and g = (√(1 + c q / (1 - c)) - 1) / q:
        A ← √(1 - c) (A + g vᵀp), and A⁻¹ ← (A⁻¹ - g / (1 + g q) (A⁻¹vᵀ) v) / √(1 - c).

        Args:
            path: (d,) p; nothing happens while it is zero.
            rate: c, at least 0 and below 1.

        """
        v = self.solve(path)
        q = float(v @ v)
        if q == 0.0:
            return
        if isinstance(self._form, _Terms) and self._form.amounts.size >= self._max_terms:
            self._form = _Matrices(*self.matrices())
        gain = (np.sqrt(1.0 + rate * q / (1.0 - rate)) - 1.0) / q
        self._form.add(path, v, float(np.sqrt(1.0 - rate)), gain, gain / (1.0 + gain * q))

    def mirror(self, axis: Floats) -> None:
        """Make A ← M A M with M = I - 2 aᵀa, the reflection along the unit vector a (d,).

        It carries the factor along an arc of a sphere, see `sphere.geometry.transport`.
        """
        self._form.mirror(axis)

    def matrices(self) -> tuple[Floats, Floats]:
        """Write A and A⁻¹ out as new (d, d) matrices."""
        identity = np.eye(self._dim)
        return self.apply(identity), self.solve(identity)

    def as_arrays(self) -> State:
        """Fields of a saved state, each named `factor_…`."""
        return with_prefix("factor_", self._form.as_arrays())

    @classmethod
    def read(cls, reader: StateReader, dim: int) -> "CholeskyFactor":
        """Take a factor of dimension `dim` out of a saved state.

        Raises:
            OptimizerStateError: the fields do not fit.

        """
        loaded, square = cls(dim), (dim, dim)
        if "factor_inverse" in reader:
            loaded._form = _Matrices(
                matrix=reader.array("factor_matrix", square, np.float64),
                inverse=reader.array("factor_inverse", square, np.float64),
            )
            return loaded
        amounts = reader.array("factor_amounts", (None,), np.float64)
        terms = (amounts.size, dim)
        loaded._form = _Terms(
            scale=reader.number("factor_scale"),
            inverse_scale=reader.number("factor_inverse_scale"),
            amounts=amounts,
            inverse_amounts=reader.array("factor_inverse_amounts", amounts.shape, np.float64),
            whitened=_Rows(reader.array("factor_whitened", terms, np.float64)),
            paths=_Rows(reader.array("factor_paths", terms, np.float64)),
            columns=_Rows(reader.array("factor_columns", terms, np.float64)),
        )
        return loaded


def _scale_and_add(matrix: Floats, scale: float, column: Floats, row: Floats) -> None:
    # In blocks of rows, so that no second (d, d) matrix is ever allocated.
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        block = matrix[start : start + _ROWS_AT_ONCE]
        block *= scale
        block += np.outer(column[start : start + _ROWS_AT_ONCE], row)
