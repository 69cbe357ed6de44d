"""How fast an evolution rose: a smooth curve through its scores, and when it was half way up.

The curve is a penalised least-squares fit to the mean scores of generations, with second
differences (Whittaker 1923; Eilers 2003), with as much smoothing as restricted maximum likelihood
finds. That is the posterior mean of a Gaussian process, an integrated random walk (Wahba 1978);
published is one with another kernel (Wang & Ponce 2022, tuning landscapes), and the same levels.
Drift is not taken out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.analysis.evolution import Interval
from sessions.records import Direction, Floats, Ints

LEVELS = (0.5, 0.6321, 0.85)
"""Parts of the rise: half, 1 - 1/e, and nearly all."""
N_DRAWS = 500
_FEWEST_GENERATIONS = 5
_PENALTIES = np.logspace(-2.0, 6.0, 81)


@dataclass(frozen=True, eq=False)
class Smooth:
    """A smooth curve (g,) over every generation from the first to the last; `penalty` of its bends.

    matrix: (g, k) makes the curve from the mean scores of the k generations that have any.
    """

    generation: Ints
    curve: Floats
    penalty: float
    matrix: Floats


@dataclass(frozen=True)
class Reached:
    """After how many generations a part `level` of the rise was reached, with its 95 % interval.

    All NaN where nothing rises; ends NaN where the resampled curves often do not.
    """

    level: float
    generations: Interval


@dataclass(frozen=True, eq=False)
class Rise:
    """The smooth curve of an evolution, its rise in spikes/s from the first point to the best."""

    smooth: Smooth
    rise: float
    reached: tuple[Reached, ...]


def smooth(generation: Ints, mean: Floats, n: Ints) -> Smooth:
    """Fit a smooth curve through means of generations.

    (W + penalty D'D) curve = W mean, with W the numbers of scores and D second differences.

    Args:
        generation: (k,) sorted; generations in between are interpolated. Three at least.
        mean: (k,) mean scores, all known.
        n: (k,) from how many scores, all positive.

    """
    every = np.arange(generation[0], generation[-1] + 1)
    known = generation - generation[0]
    weights = np.zeros(len(every))
    weights[known] = n / n.mean()
    bends = np.diff(np.eye(len(every)), 2, axis=0)
    penalised = bends.T @ bends
    # In the basis in which both forms are diagonal, every penalty costs a division.
    values, basis = scipy.linalg.eigh(penalised, np.diag(weights) + penalised)
    into = (basis.T * weights)[:, known]
    seen = into @ mean
    energy = float(weights[known] @ np.square(mean))

    def misfit(penalty: float) -> float:
        """Twice the negative restricted log-likelihood, but for a constant (Wood 2011, eq. 4)."""
        scale = 1.0 - values + penalty * values
        rest = max(energy - float(np.square(seen) @ (1.0 / scale)), 1e-12 * energy)
        bent = len(every) - 2
        return float((len(mean) - 2) * np.log(rest) + np.log(scale).sum() - bent * np.log(penalty))

    penalty = float(min(_PENALTIES, key=misfit))
    matrix = (basis / (1.0 - values + penalty * values)) @ into
    return Smooth(every.astype(np.int64), matrix @ mean, penalty, matrix)


def rise(
    score: Floats, generation: Ints, direction: Direction, rng: np.random.Generator
) -> Rise | None:
    """Return how an evolution rose; None where fewer than five generations have scores.

    The rise is from the first point of the smooth curve to its best, and a level is reached where
    the curve first passes it, between generations by a straight line. Intervals are percentiles
    over scores resampled within generations, at the same penalty (Efron & Tibshirani 1993).

    Args:
        score: (n,) scores of generated images of one thread, NaN where missing.
        generation: (n,) their generations.
        direction: of the thread; where it minimises, the rise is a fall, and negative.
        rng: for resampling.

    """
    known = np.isfinite(score)
    sign = 1.0 if direction == "maximise" else -1.0
    score, generation = sign * score[known], generation[known]
    generations, n = np.unique(generation, return_counts=True)
    if len(generations) < _FEWEST_GENERATIONS:
        return None
    groups = [score[generation == g] for g in generations]
    fitted = smooth(generations, np.array([each.mean() for each in groups]), n)
    draws = fitted.matrix @ np.stack(
        [
            group[rng.integers(len(group), size=(N_DRAWS, len(group)))].mean(axis=1)
            for group in groups
        ]
    )
    reached = tuple(
        Reached(level, _interval(when(fitted.curve, level), [when(d, level) for d in draws.T]))
        for level in LEVELS
    )
    own = Smooth(fitted.generation, sign * fitted.curve, fitted.penalty, fitted.matrix)
    return Rise(own, sign * float(fitted.curve.max() - fitted.curve[0]), reached)


def when(curve: Floats, level: float) -> float:
    """Return after how many steps a curve (g,) has done `level` of its rise; NaN without one."""
    top = float(curve.max() - curve[0])
    if not top > 0:
        return math.nan
    aim = curve[0] + level * top
    after = int(np.argmax(curve >= aim))
    before = curve[after - 1]
    return float(after - 1 + (aim - before) / (curve[after] - before))


def _interval(value: float, drawn: list[float]) -> Interval:
    draws = np.array(drawn)
    rose = draws[np.isfinite(draws)]
    if len(rose) < 0.95 * len(draws) or math.isnan(value):
        return Interval(value, math.nan, math.nan)
    low, high = np.percentile(rose, (2.5, 97.5)).tolist()
    return Interval(value, low, high)
