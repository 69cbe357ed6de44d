"""What a path through code space looks like: norms, steps, principal components, cosines.

None of it is evidence of an evolution: a search that no neuron answers to gives the same figures
(`sessions.analysis.null_theory`). What is left out: rates, which are the evidence
(`sessions.analysis.evolution`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.records import Floats


@dataclass(frozen=True)
class CosineFit:
    """A cos(2 pi w (x + phase)) + b, fitted to a projection over x in [0, 1].

    cycles: w.
    r2: part of the variance that the fit explains.
    fixed_r2: the same for k/2 cycles that begin at a peak, as those of an ideal random walk do.
    """

    cycles: float
    phase: float
    amplitude: float
    offset: float
    r2: float
    fixed_r2: float


def principal_components(means: Floats) -> tuple[Floats, Floats]:
    """Principal components of a path of n codes (n, d), largest first.

    Returns:
        Projections (n, k) of the centred codes, and their parts (k,) of the variance, which are
        all 0 where nothing moves; k is the smaller of n and d.

    """
    centred = means - means.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    total = np.square(lengths).sum()
    shares = np.square(lengths) / total if total > 0 else np.zeros_like(lengths)
    return left * lengths, shares


def cosine_fits(projections: Floats) -> tuple[CosineFit, ...]:
    """Fit the k-th of projections (n, k), counted from 1, by a cosine of about k/2 cycles."""
    return tuple(_cosine_fit(column, k) for k, column in enumerate(projections.T, start=1))


def linear_r2(values: Floats) -> float:
    """Part of the variance of values (g,) that a straight line explains; 0 where none varies."""
    if np.ptp(values) < 1e-9 * abs(values).max():
        return 0.0
    return float(np.corrcoef(np.arange(values.size), values)[0, 1] ** 2)


def mean_angle_deg(codes: npt.NDArray[np.floating]) -> float:
    """Angle whose cosine is the mean cosine between any two of the codes (n, d)."""
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(codes), 1)]
    return float(np.degrees(np.arccos(cosines.mean())))


def step_cosines(means: Floats) -> Floats:
    """Cosine (n - 2,) of each step of a path (n, d) with the one before; NaN where one is zero."""
    steps = np.diff(means, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    product = lengths[1:] * lengths[:-1]
    cosines: Floats = np.full(product.size, np.nan)
    np.divide((steps[1:] * steps[:-1]).sum(axis=1), product, out=cosines, where=product > 0)
    return cosines


def _cosine_fit(values: Floats, k: int) -> CosineFit:
    n = values.size
    x = np.linspace(0.0, 1.0, n)
    total = np.square(values - values.mean()).sum()
    if not total > 0:
        return CosineFit(k / 2, 0.0, 0.0, float(values.mean()), np.nan, np.nan)

    def rest(cycles: float) -> float:
        return _harmonic(values, x, cycles)[1]

    # The residual has other minima half a cycle away; this one is that of the k-th component.
    found = scipy.optimize.minimize_scalar(
        rest, bounds=(k / 2 - 0.25, k / 2 + 0.25), method="bounded"
    )
    cycles = float(found.x)
    (c, s, offset), left = _harmonic(values, x, cycles)
    ideal = np.cos(np.pi * k * x)
    return CosineFit(
        cycles=cycles,
        phase=float(np.arctan2(-s, c) / (2 * np.pi * cycles)),
        amplitude=float(np.hypot(c, s)),
        offset=float(offset),
        r2=1.0 - left / float(total),
        fixed_r2=float(np.corrcoef(ideal, values)[0, 1] ** 2),
    )


def _harmonic(values: Floats, x: Floats, cycles: float) -> tuple[Floats, float]:
    """Cosine, sine and offset (3,) of one frequency, and the sum of squares that they leave."""
    angle = 2 * np.pi * cycles * x
    design = np.stack([np.cos(angle), np.sin(angle), np.ones_like(x)], axis=1)
    fitted = np.linalg.lstsq(design, values, rcond=None)[0]
    return fitted, float(np.square(values - design @ fitted).sum())
