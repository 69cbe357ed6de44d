"""What the eigenvalues of metrics say of a generator: anisotropy and homogeneity (pure numpy).

Left out: where the eigenvalues come from.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

SHARES = (0.9, 0.99, 0.999, 0.9999)
"""Shares of the sum of all eigenvalues that are told of by default."""
_FAINTEST = 1e-12
"""Of the largest: below it an eigenvalue is rounding, whose logarithm means nothing."""


@dataclass(frozen=True)
class Homogeneity:
    """How alike the metrics at different codes are: 1 if they are the same, 0 if unrelated.

    Attributes:
        linear: correlation of what the axes of one code have at another with what that other has.
        log: the same of the logarithms, in which small eigenvalues count as much as large ones.
        n_left_out: pairs of numbers left out of `log` because one was negative or rounding.

    """

    linear: float
    log: float
    n_left_out: int


def dims_for(values: Floats, share: float, total: float | None = None) -> int | None:
    """Return the fewest directions that hold `share` of the sum of eigenvalues.

    Negative ones count as nothing, and never as their size. (Published counts are of directions
    that hold *less* than the share, so they are smaller by one.)

    Args:
        values: ``(k,)`` falling.
        share: 0 to 1.
        total: sum of all eigenvalues where `values` are the largest only.

    Returns:
        None where these directions do not hold as much.

    """
    held = np.cumsum(np.maximum(values, 0.0))
    whole = float(held[-1]) if total is None else max(total, float(held[-1]))
    if whole <= 0:
        return None
    # Rounding of the sum must not ask for a direction more.
    enough = np.flatnonzero(held >= share * whole * (1.0 - 1e-12))
    return int(enough[0]) + 1 if enough.size else None


def homogeneity(pairs: list[tuple[Floats, Floats]]) -> Homogeneity:
    """Return the mean over pairs of codes i, j of correlations between two rows of numbers.

    Args:
        pairs: for each pair ``a_k = u_k(i)ᵀ H_j u_k(i)`` and the eigenvalues ``λ_k(j)``, both
            ``(k,)``, where ``u_k(i)`` are the axes of i in falling order.

    Returns:
        NaN where no pair has numbers that vary.

    """
    linear, log, n_left_out = [], [], 0
    for found, values in pairs:
        floor = _FAINTEST * max(float(np.abs(values).max()), float(np.abs(found).max()))
        usable = (found > floor) & (values > floor)
        n_left_out += int((~usable).sum())
        linear.append(correlation(found, values))
        log.append(correlation(np.log10(found[usable]), np.log10(values[usable])))
    return Homogeneity(_mean(linear), _mean(log), n_left_out)


def correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation; NaN where there are fewer than two numbers or none varies."""
    if len(one) < 2:
        return float("nan")
    a, b = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    # All equal but for rounding: nothing varies.
    return float(a @ b) / size if size > 1e-12 * scale else float("nan")


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
