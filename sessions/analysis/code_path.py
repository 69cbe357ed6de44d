"""The path of an evolution through code space, beside random walks of the same steps.

What a picture of it needs, generation by generation. None of it is evidence of an evolution: the
walks beside it, which no neuron had a part in, look the same. One-line figures and what chance
makes of them are in `sessions.analysis.beside_nulls`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sessions.analysis.images import mean_codes
from sessions.analysis.null_theory import random_walk_shares
from sessions.analysis.trajectory import mean_angle_deg, principal_components
from sessions.records import Codes, Floats, Ints

N_COMPONENTS = 3


@dataclass(frozen=True, eq=False)
class CodePath:
    """A path of `g` mean codes; what is between two generations stands with the later one.

    generation: (g,). mean_norm: (g,) norm of the mean code; code_norm: (g,) mean norm of codes.
    step_size: (g,) distance of the mean code from the one before; angle_deg: (g,) angle between
        the two as seen from the origin; both NaN in the first row.
    spread_deg: (g,) angle whose cosine is the mean cosine of two codes of one generation; NaN for
        one of a single code.
    projection: (g, k) on the first principal components of the mean codes; shares: (k,) their
        parts of the variance. expected_shares: (k,) those of a random walk of as many points.
    """

    generation: Ints
    mean_norm: Floats
    code_norm: Floats
    step_size: Floats
    angle_deg: Floats
    spread_deg: Floats
    projection: Floats
    shares: Floats
    expected_shares: Floats


@dataclass(frozen=True, eq=False)
class NullWalk:
    """A walk with the step sizes of a path, in directions of chance.

    mean_norm (g,), projection (g, k) and shares (k,) as in `CodePath`.
    """

    mean_norm: Floats
    projection: Floats
    shares: Floats


def code_path(code: Codes, generation: Ints) -> CodePath:
    """Describe the path of one thread's codes (n, d), n > 0, given their generations (n,)."""
    generations, means = mean_codes(code, generation)
    norms = np.linalg.norm(means, axis=1)
    groups = [code[generation == g].astype(np.float64) for g in generations]
    projection, shares = _first_components(means)
    return CodePath(
        generation=generations,
        mean_norm=norms,
        code_norm=np.array([np.linalg.norm(each, axis=1).mean() for each in groups]),
        step_size=_after_first(np.linalg.norm(np.diff(means, axis=0), axis=1)),
        angle_deg=_after_first(_angles_deg(means, norms)),
        spread_deg=np.array([mean_angle_deg(e) if len(e) > 1 else np.nan for e in groups]),
        projection=projection,
        shares=shares,
        expected_shares=_expected_shares(len(means), shares.size),
    )


def null_walk(code: Codes, generation: Ints, rng: np.random.Generator) -> NullWalk:
    """Draw a walk from the first mean code, with the path's step sizes in uniform directions.

    Its norms, components and shares are what the path would have without any selection, except
    for steps that follow each other by the optimizer's own memory. Arguments as in `code_path`.
    """
    _, means = mean_codes(code, generation)
    sizes = np.linalg.norm(np.diff(means, axis=0), axis=1)
    directions = rng.standard_normal((len(sizes), means.shape[1]))
    directions *= (sizes / np.linalg.norm(directions, axis=1))[:, np.newaxis]
    walk = np.concatenate([means[:1], means[:1] + np.cumsum(directions, axis=0)])
    projection, shares = _first_components(walk)
    return NullWalk(np.linalg.norm(walk, axis=1), projection, shares)


def _first_components(means: Floats) -> tuple[Floats, Floats]:
    projection, shares = principal_components(means)
    return projection[:, :N_COMPONENTS], shares[:N_COMPONENTS]


def _expected_shares(n_points: int, n_components: int) -> Floats:
    return random_walk_shares(n_points, n_components) if n_points > 1 else np.zeros(n_components)


def _angles_deg(means: Floats, norms: Floats) -> Floats:
    """Angles (g - 1,) between each mean code and the one before; NaN beside a code of zero."""
    product = norms[1:] * norms[:-1]
    cosines = np.full(product.size, np.nan)
    np.divide((means[1:] * means[:-1]).sum(axis=1), product, out=cosines, where=product > 0)
    angles: Floats = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return angles


def _after_first(values: Floats) -> Floats:
    """Values (g,) with NaN before the first of those given (g - 1,)."""
    return np.concatenate([[np.nan], values])
