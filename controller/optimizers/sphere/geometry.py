"""Tangents, arcs and transport on a sphere of any dimension.

Vectors are rows; those called unit have length 1; angles are in radians. A tangent at a point is
orthogonal to it, and its length is an angle. What is left out: the radius, which the caller keeps.
"""

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.in_place import add_multiples, row_norms


def unit(rows: NDArray[np.floating]) -> Floats:
    """Scale rows (…, d) to length 1; a row of zeros has no direction and stays."""
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    directions: Floats = wide / np.where(lengths > 0.0, lengths, 1.0)
    return directions


def refuse_zero_codes(codes: NDArray[np.floating]) -> None:
    """Check that every code (m, d) has a direction.

    Raises:
        OptimizerOptionError: a code is all zeros, or there is one gene only.

    """
    if codes.shape[1] < 2:
        raise OptimizerOptionError(
            "a search on a sphere needs codes of two genes or more; choose another optimizer"
        )
    zero = np.flatnonzero(~codes.any(axis=1))
    if zero.size:
        raise OptimizerOptionError(
            f"initial code {zero[0]} is all zeros and so has no direction, which a search on a "
            "sphere needs; start from other codes, such as normal ones"
        )


def tangent_part(rows: Floats, centre: Floats) -> Floats:
    """Take out of rows (n, d) what lies along the unit vector `centre` (d,)."""
    return rows - np.outer(rows @ centre, centre)


def exponential_map(centre: Floats, tangents: Floats) -> Floats:
    """Walk from `centre` (d,) along tangents (n, d): cos|v| x + sin|v| v/|v|, unit, (n, d)."""
    lengths = np.linalg.norm(tangents, axis=1, keepdims=True)
    # sinc(t) is sin(pi t) / (pi t) and has no hole at 0.
    return unit(np.cos(lengths) * centre + np.sinc(lengths / np.pi) * tangents)


def logarithmic_map(centre: Floats, points: Floats) -> Floats:
    """Tangents (n, d) that lead from `centre` (d,) to unit vectors (n, d); the inverse of above.

    The point opposite has no single direction and gets the tangent zero.
    """
    across = tangent_part(points, centre)
    sines = np.linalg.norm(across, axis=1, keepdims=True)
    angles = np.arctan2(sines, (points @ centre)[:, np.newaxis])
    tangents: Floats = across * (angles / np.where(sines > 0.0, sines, 1.0))
    return tangents


def walked(centre: Floats, noise: Floats, scale: float) -> Floats:
    """Return `exponential_map(centre, scale * tangent_part(noise, centre))`; overwrites noise.

    A sample is a sum of its noise and the centre, so that it needs two passes and no other array.

    Args:
        centre: (d,) unit vector.
        noise: (n, d) float64, contiguous.
        scale: angle for a unit of noise, in radians.

    """
    along = noise @ centre
    squares = np.vecdot(noise, noise) - np.square(along)
    angles = scale * np.sqrt(np.maximum(squares, 0.0))
    stretch = scale * np.sinc(angles / np.pi)
    noise *= stretch[:, np.newaxis]
    return add_multiples(noise, np.cos(angles) - stretch * along, centre)


def weighted_tangent(centre: Floats, codes: NDArray[np.floating], weights: Floats) -> Floats:
    """Return `weights @ logarithmic_map(centre, unit(codes))`, (d,), for codes of any norm.

    A code of zeros has no direction and counts as the centre.

    Args:
        centre: (d,) unit vector.
        codes: (n, d).
        weights: (n,).

    """
    wide = codes.astype(np.float64)
    along = wide @ centre
    across = add_multiples(wide, -along, centre)
    lengths = row_norms(across)
    gains = weights * np.arctan2(lengths, along) / np.where(lengths > 0.0, lengths, 1.0)
    towards: Floats = gains @ across
    return towards


def transport(tangents: Floats, start: Floats, end: Floats) -> Floats:
    """Carry tangents (n, d) at `start` along the shortest arc to `end`, without turning them.

    v - 2 (v·a) a / |a|² with a = start + end, both unit vectors (d,), not opposite.
    """
    a = start + end
    return tangents - np.outer(2.0 * (tangents @ a) / (a @ a), a)
