"""Figures of an evolution, each beside what a search without a signal would give.

One of them decides: the rate beyond the drift of the interleaved references. A norm that grows,
principal components that explain much and a smooth path come of nothing just as well
(`sessions.analysis.null_theory`), so nothing here calls them a success. What is left out: reading
logs (`controller.diagnostics`), running the twin that was told shuffled scores (`controller.twin`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.analysis.evolution import BOOTSTRAP_DRAWS, Interval, ends
from sessions.analysis.null_theory import null_norm_sd, random_walk_shares
from sessions.analysis.responses import Flags
from sessions.analysis.trajectory import principal_components, step_cosines
from sessions.records import Direction, Floats, Ints

Verdict = Literal["rises", "falls", "no change shown", "no references", "too few scores"]
N_SHARES = 3
_NEVER = 0.005
"""Share of resamplings in which references that respond may seem not to."""
_FEWEST_POINTS = 5
"""Of a path whose principal components say anything."""


@dataclass(frozen=True)
class BeyondDrift:
    """How the rate changed from the first to the last generations, drift removed: what decides.

    gain: change of the mean score in spikes/s, at the mean responsiveness of the session.
    drift: last over first response to the same references; NaN where these say nothing of it.
    """

    gain: Interval
    drift: float
    verdict: Verdict

    def achieved(self, direction: Direction) -> bool:
        """Whether the neuron answered as it was meant to."""
        return self.verdict == ("rises" if direction == "maximise" else "falls")


@dataclass(frozen=True)
class Drift:
    """The norm of the mean code, beside that of a random walk with the same step sizes.

    expected, sd: of the walk, and by how much such walks differ.
    """

    norm: float
    expected: float
    sd: float


@dataclass(frozen=True)
class Path:
    """The path of the mean codes of `n_points` generations beside a random walk.

    shares: parts of its variance along three principal components; walk_shares: of a random walk.
    step_cosine: mean cosine of a step with the one before; step_cosine_sd: of random walks, whose
        mean is 0.
    """

    n_points: int
    shares: tuple[float, ...]
    walk_shares: tuple[float, ...]
    step_cosine: float
    step_cosine_sd: float


@dataclass(frozen=True)
class Reliability:
    """How surely images of one generation are told apart, from images that were shown repeatedly.

    rho: correlation of measured and true scores, the root of the split-half reliability.
    null_rho: below which 95 % of measurements stay where images make no difference.
    """

    rho: float
    null_rho: float
    n_images: int


def beyond_drift(
    evolved: Floats, generation: Ints, references: Floats, rng: np.random.Generator
) -> BeyondDrift:
    """Compare the last generations with the first, each relative to the references of its blocks.

    Responsiveness drifts by a factor, which images evolved and references share; where references
    do not respond, their change is subtracted instead. Scores and whole references are resampled;
    a test without resampling is `sessions.analysis.success`.

    Args:
        evolved: (n,) scores of generated images, NaN where missing.
        generation: (n,) their generations.
        references: (r, g) score of each reference in each of the sorted generations, NaN where it
            has none.
        rng: for resampling.

    """
    generations = np.unique(generation)
    first, last = (np.isin(generations, some) for some in ends(generation))
    groups = [_known(evolved[np.isin(generation, generations[some])]) for some in (first, last)]
    both = _of_ends(references, first, last)
    nothing = Interval(math.nan, math.nan, math.nan)
    if min(map(len, groups)) < 2:
        return BeyondDrift(nothing, math.nan, "too few scores")
    if len(both) < 2:
        return BeyondDrift(nothing, math.nan, "no references")
    rows = rng.integers(len(both), size=(BOOTSTRAP_DRAWS, len(both)))
    shown = both[rows].mean(axis=1)
    made = np.stack([_resampled(group, rng) for group in groups], axis=1)
    lowest = np.percentile(shown, 100 * _NEVER, axis=0)
    by_factor = bool((lowest > 0).all())
    # Beyond the interval it makes no difference how far.
    draws = _gain(made, np.maximum(shown, lowest) if by_factor else shown, by_factor=by_factor)
    mean_made = np.array([[group.mean() for group in groups]])
    mean_shown = both.mean(axis=0, keepdims=True)
    tail = tail_percent(min(len(both), *map(len, groups)))
    low, high = np.percentile(draws, (tail, 100 - tail)).tolist()
    gain = Interval(float(_gain(mean_made, mean_shown, by_factor=by_factor)[0]), low, high)
    verdict: Verdict = "rises" if low > 0 else "falls" if high < 0 else "no change shown"
    factor = float(mean_shown[0, 1] / mean_shown[0, 0]) if by_factor else math.nan
    return BeyondDrift(gain, factor, verdict)


def drift_beside_walk(mean_norms: Floats, sigmas: Floats, spreads: Floats, code_dim: int) -> Drift:
    """Compare the norm of the last mean with that of a walk from the first one.

    Args:
        mean_norms: (g,) norms of the mean code around which each generation was sampled.
        sigmas: (g,) with which it was sampled.
        spreads: (g,) sum of the squared weights that its codes got by their ranks.
        code_dim: D.

    """
    walked2 = code_dim * float(spreads[:-1] @ np.square(sigmas[:-1]))
    begin = float(mean_norms[0])
    expected = math.sqrt(begin**2 + walked2)
    # Along the start the walk has one dimension, in all others it is on its own.
    own_sd = null_norm_sd(math.sqrt(walked2), code_dim) * math.sqrt(walked2) / expected
    sd = math.hypot(own_sd, math.sqrt(walked2 / code_dim) * begin / expected)
    return Drift(float(mean_norms[-1]), expected, sd)


def path_beside_walk(means: Floats) -> Path | None:
    """Compare the path of mean codes (g, d) with a random walk; None where it is too short."""
    n, code_dim = means.shape
    if n < _FEWEST_POINTS:
        return None
    return Path(
        n_points=n,
        shares=tuple(principal_components(means)[1][:N_SHARES].tolist()),
        walk_shares=tuple(random_walk_shares(n, N_SHARES).tolist()),
        step_cosine=float(np.nanmean(step_cosines(means))) if np.ptp(means) > 0 else math.nan,
        step_cosine_sd=1.0 / math.sqrt(code_dim * (n - 2)),
    )


def reliability(scores: Floats, image_id: Ints, generation: Ints) -> Reliability | None:
    """Return how surely images are told apart; None where none was shown twice.

    Of a one-way analysis of variance within generations, 1 - MS(within) / MS(between): the mean
    over all ways to split the presentations of each image into halves, corrected to all of them
    (Spearman-Brown; Cronbach 1951). Below zero it counts as 0.

    Args:
        scores: (p,) score of each single presentation.
        image_id: (p,) of what.
        generation: (p,) in which generation.

    """
    _, image = np.unique(image_id, return_inverse=True)
    repeats = np.bincount(image)
    kept = repeats[image] > 1
    if not kept.any():
        return None
    scores, generation = scores[kept], generation[kept]
    _, image, repeats = np.unique(image[kept], return_inverse=True, return_counts=True)
    _, group = np.unique(generation, return_inverse=True)
    image_mean = np.bincount(image, weights=scores) / repeats
    group_mean = np.bincount(group, weights=scores) / np.bincount(group)
    within = float(np.square(scores - image_mean[image]).sum())
    between = float(np.square(image_mean[image] - group_mean[group]).sum())
    df_within, df_between = len(scores) - len(repeats), len(repeats) - len(group_mean)
    if df_between < 1 or not between > 0:
        return None
    f = between / df_between / (within / df_within) if within > 0 else math.inf
    null_f = float(scipy.special.fdtri(df_between, df_within, 0.95))
    return Reliability(_root(1 - 1 / f), _root(1 - 1 / null_f), len(repeats))


def _gain(made: Floats, shown: Floats, *, by_factor: bool) -> Floats:
    """Change from made (k, 2) first to last, relative to what was shown (k, 2) besides."""
    if by_factor:
        level = shown.mean(axis=1)
        gains: Floats = made[:, 1] * level / shown[:, 1] - made[:, 0] * level / shown[:, 0]
    else:
        gains = np.diff(made - shown, axis=1)[:, 0]
    return gains


def tail_percent(n: int) -> float:
    """Percentile at which a bootstrap of n values has the 95 % interval of Student's t.

    Phi(-sqrt(n / (n - 1)) t): resampling makes few values seem surer than they are (Hesterberg
    2015, expanded percentile interval).
    """
    return float(
        100 * scipy.special.ndtr(math.sqrt(n / (n - 1)) * scipy.special.stdtrit(n - 1, 0.025))
    )


def _of_ends(references: Floats, first: Flags, last: Flags) -> Floats:
    """Mean score (r, 2) at either end, of references that have one at both."""
    columns = []
    for some in (first, last):
        n = np.isfinite(references[:, some]).sum(axis=1)
        sums = np.nansum(references[:, some], axis=1)
        columns.append(np.where(n > 0, sums / np.maximum(n, 1), np.nan))
    both = np.stack(columns, axis=1)
    known: Floats = both[np.isfinite(both).all(axis=1)]
    return known


def _resampled(values: Floats, rng: np.random.Generator) -> Floats:
    rows = rng.integers(len(values), size=(BOOTSTRAP_DRAWS, len(values)))
    means: Floats = values[rows].mean(axis=1)
    return means


def _known(values: Floats) -> Floats:
    known: Floats = values[np.isfinite(values)]
    return known


def _root(value: float) -> float:
    return math.sqrt(max(0.0, value))
