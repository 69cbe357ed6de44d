"""Symmetric roots of a covariance: C^(1/2) to shape white codes, C^(-1/2) to whiten shaped ones.

In 4096 dimensions an eigendecomposition stops a session for half a minute, and is not needed: a
whole evolution leaves every eigenvalue of C within a few per cent of 1, where x^(1/2) and x^(-1/2)
are a Chebyshev series of five to ten terms, exact to 1e-13. So a root is applied as a polynomial
in C, and C is decomposed only where its eigenvalues spread too far for that, which in thousands
of dimensions takes thousands of generations. All three forms below are the same function of C.

What is left out: how C is learned (`covariance`).
"""

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from controller.optimizers.base import Floats

Matrix: TypeAlias = NDArray[Any]
"""float32 or float64, whichever the covariance is kept in."""

_MAX_TERMS = 26
_NODES = 48
_LEAST_SPREAD = 1e-9
_EXACT = 1e-13


class Root(Protocol):
    """Applies powers of one covariance to rows (n, d)."""

    def shape(self, rows: Floats) -> Floats:
        """C^(1/2) times each row."""
        ...

    def whiten(self, rows: Floats) -> Floats:
        """C^(-1/2) times each row."""
        ...


@dataclass(frozen=True)
class Interval:
    """Bounds on the eigenvalues of C: all lie in [centre - below, centre + above]."""

    centre: float
    below: float
    above: float

    @property
    def low(self) -> float:
        """Lower bound."""
        return self.centre - max(self.below, _LEAST_SPREAD * self.centre)

    @property
    def high(self) -> float:
        """Upper bound."""
        return self.centre + max(self.above, _LEAST_SPREAD * self.centre)

    def series(self, power: float, dtype: Any) -> list[float]:
        """Chebyshev coefficients of x^power on the interval, as many as rounding deserves."""
        half, middle = (self.high - self.low) / 2.0, (self.high + self.low) / 2.0
        nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
        terms: Floats = scipy.fft.dct((middle + half * nodes) ** power) / _NODES
        terms[0] /= 2.0
        # Terms fall like a power, until the rounding of the transform itself is all there is.
        largest_left = np.maximum.accumulate(np.abs(terms[::-1]))[::-1]
        exact = max(_EXACT, 4.0 * float(np.finfo(dtype).eps))
        small = np.flatnonzero(largest_left < exact * abs(terms[0]))
        enough = int(small[0]) if small.size else _NODES
        # As plain floats, which leave arrays in float32 what they are.
        kept: list[float] = terms[: max(enough, 2)].tolist()
        return kept

    def has_series(self, dtype: Any) -> bool:
        """Whether both roots have a short series."""
        return self.low > 0.0 and all(
            len(self.series(power, dtype)) <= _MAX_TERMS for power in (0.5, -0.5)
        )


@dataclass(eq=False)
class TermsRoot:
    """Roots of C = scale I + Σ_j weights_j rows_jᵀ rows_j, without ever forming C.

    Every polynomial in C, applied to z, is c z + u rows; so only (n, k) coefficients are iterated.

    weights: (k,); rows: (k, d); gram: (k, k), rows rowsᵀ.
    """

    scale: float
    weights: Matrix
    rows: Matrix
    gram: Matrix
    interval: Interval

    def shape(self, rows: Floats) -> Floats:
        """C^(1/2) times each row."""
        return self._apply(rows, 0.5)

    def whiten(self, rows: Floats) -> Floats:
        """C^(-1/2) times each row."""
        return self._apply(rows, -0.5)

    def _apply(self, rows: Floats, power: float) -> Floats:
        if not self.weights.size:
            result: Floats = self.scale**power * rows
            return result
        series = self.interval.series(power, self.rows.dtype)
        width = self.interval.high - self.interval.low
        shift = float((2.0 * self.scale - self.interval.high - self.interval.low) / width)
        gains = (2.0 / width * self.weights).astype(self.rows.dtype)
        seen = rows.astype(self.rows.dtype, copy=False) @ self.rows.T
        last_c, c = 1.0, shift
        last_u, u = np.zeros_like(seen), gains * seen
        total_c, total_u = series[0] + series[1] * c, series[1] * u
        for term in series[2:]:
            # T_(j+1) = 2 X T_j - T_(j-1), where X is C with its interval mapped onto [-1, 1].
            next_u = u @ self.gram
            next_u += c * seen
            next_u *= 2.0 * gains
            next_u += 2.0 * shift * u
            next_u -= last_u
            last_c, c = c, 2.0 * shift * c - last_c
            last_u, u = u, next_u
            total_c += term * c
            total_u += term * u
        result = total_c * rows
        result += total_u @ self.rows
        return result


@dataclass(eq=False)
class UpdatedRoot:
    """A root F of C = decay B + Σ_j weights_j rows_jᵀ rows_j that needs little after a root of B.

    z F = decay^(1/2) z B^(1/2) + z W N rows, with W = (decay B)^(-1/2) rowsᵀ and N such that
    I + W N Wᵀ is the root of I + W diag(weights) Wᵀ; so FᵀF = C. It is not symmetric, but z F is
    distributed as C has it, and all but N can be worked out before the weights are known.

    base: root of B.
    white: (m, d) rows, whitened by `base`; weights: (m,); rows: (m, d).
    """

    base: TermsRoot
    decay: float
    white: Matrix
    weights: Floats
    rows: Matrix
    inner: Matrix = field(init=False)

    def __post_init__(self) -> None:
        # I + W N Wᵀ squared is I + W diag(w) Wᵀ for N = diag(w) (I + (I + G diag(w))^(1/2))^(-1).
        seen = (self.white @ self.white.T).astype(np.float64) / self.decay
        identity = np.eye(self.weights.size)
        halves = identity + np.real(scipy.linalg.sqrtm(identity + seen * self.weights))
        inner = self.weights[:, np.newaxis] * np.linalg.inv(halves)
        self.inner = (inner / self.decay**0.5).astype(self.rows.dtype)

    def shape(self, rows: Floats) -> Floats:
        """Z F for rows Z (n, d)."""
        return self.finish(rows, self.base.shape(rows))

    def finish(self, rows: Floats, shaped: Floats) -> Floats:
        """Z F for rows Z (n, d) that `base` has shaped already, (n, d)."""
        along = rows.astype(self.rows.dtype, copy=False) @ self.white.T
        result: Floats = self.decay**0.5 * shaped
        result += (along @ self.inner) @ self.rows
        return result


@dataclass(eq=False)
class SeriesRoot:
    """Roots of a dense C by the same series.

    matrix: (d, d) in Fortran order, of which the lower triangle is read.
    """

    matrix: Matrix
    interval: Interval

    def shape(self, rows: Floats) -> Floats:
        """C^(1/2) times each row."""
        return self._apply(rows, 0.5)

    def whiten(self, rows: Floats) -> Floats:
        """C^(-1/2) times each row."""
        return self._apply(rows, -0.5)

    def _apply(self, rows: Floats, power: float) -> Floats:
        dtype = self.matrix.dtype
        series = self.interval.series(power, dtype)
        multiply = scipy.linalg.blas.dsymm if dtype == np.float64 else scipy.linalg.blas.ssymm
        width = self.interval.high - self.interval.low
        shift = float((self.interval.high + self.interval.low) / width)
        last: Matrix = np.array(rows.T, dtype=dtype, order="F")
        now: Matrix = multiply(2.0 / width, self.matrix, last, lower=1) - shift * last
        total = series[0] * rows.T + series[1] * now
        for term in series[2:]:
            last *= -1.0
            last -= now * (2.0 * shift)
            following = multiply(
                4.0 / width, self.matrix, now, beta=1.0, c=last, lower=1, overwrite_c=1
            )
            last, now = now, following
            total += term * now
        result: Floats = np.ascontiguousarray(total.T, dtype=np.float64)
        return result


@dataclass(eq=False)
class EigenRoot:
    """Roots of a dense C by its eigenvectors: exact for any C, at the price of finding them.

    matrix: (d, d), of which the lower triangle is read.
    """

    axes: Matrix
    lengths: Floats

    def shape(self, rows: Floats) -> Floats:
        """C^(1/2) times each row."""
        return self._apply(rows, self.lengths)

    def whiten(self, rows: Floats) -> Floats:
        """C^(-1/2) times each row."""
        return self._apply(rows, 1.0 / self.lengths)

    @classmethod
    def of(cls, matrix: Matrix) -> "EigenRoot":
        """Decompose C; eigenvalues that rounding brought to zero or below become tiny."""
        values, axes = np.linalg.eigh(matrix, UPLO="L")
        floor = np.finfo(matrix.dtype).eps * values[-1]
        return cls(axes, np.sqrt(np.maximum(values, floor)).astype(np.float64))

    def _apply(self, rows: Floats, factors: Floats) -> Floats:
        turned = rows.astype(self.axes.dtype, copy=False) @ self.axes
        turned *= factors.astype(self.axes.dtype)
        result: Floats = np.asarray(turned @ self.axes.T, dtype=np.float64)
        return result
