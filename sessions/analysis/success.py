"""Did an evolution succeed: a test that keeps its level while the recording drifts.

The last generations are compared with the first, relative to reference images that were shown in
the same blocks. What is assumed, and how often the test is wrong when nothing evolved, is in
docs/explanation/success_test.md. Beside it stands the published test, which knows of no references.

Symbols: e and f mean scores of the last and the first generations, of n and m images; r_j and q_j
scores of reference j at the two ends, of R references that have both; means r and q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.analysis.evolution import FIRST_GENERATIONS
from sessions.records import Direction, Floats, Ints

N_ENDS = FIRST_GENERATIONS
"""Generations compared at either end, as published (Wang & Ponce 2022)."""
LEVEL = 0.05
_SURELY = 0.995
"""How sure it must be that references respond before their change counts as a factor."""

Removed = Literal["factor", "difference", "nothing"]


@dataclass(frozen=True)
class Change:
    """A change in spikes/s, the 95 % interval of Student's t with `df`, and its two-sided p.

    All NaN where there are too few scores.
    """

    value: float
    low: float
    high: float
    df: float
    p: float

    def shown(self, direction: Direction, level: float = LEVEL) -> bool:
        """Whether it is significant and goes the way that was meant."""
        ahead = self.value > 0 if direction == "maximise" else self.value < 0
        return self.p < level and ahead


NO_CHANGE = Change(math.nan, math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class SuccessTest:
    """How the response changed from the first two to the last two generations.

    beyond_drift: the test. removed: how drift was taken out, as the factor or the difference by
        which references changed; "nothing" where no two references have scores at both ends, and
        then there is no test. drift: that factor or difference, NaN without one.
    above_references: the last generations minus the references of the same blocks (Welch 1947).
    naive: Student's t between the last and the first generations, which takes drift for evolution;
        the published criterion is p < 0.001 (Wang & Ponce 2022).
    n_references: R.
    """

    beyond_drift: Change
    removed: Removed
    drift: float
    above_references: Change
    naive: Change
    n_references: int

    def succeeded(self, direction: Direction, level: float = LEVEL) -> bool:
        """Whether the neuron answers evolved images more than before, beyond drift.

        Where nothing evolved this is so in half of `level` of all sessions: the other half are
        significant changes the other way.
        """
        return self.beyond_drift.shown(direction, level)


def success_test(
    evolved: Floats,
    generation: Ints,
    references: Floats,
    n_ends: int = N_ENDS,
    walk_variance: float = 0.0,
) -> SuccessTest:
    """Test whether the response to evolved images changed more than that to references did.

    Where references surely respond at both ends, drift is a factor, and with u_j = e q_j - f r_j

        U = mean u_j,  var U = q² s_e²/n + r² s_f²/m + sum (u_j - U)² / (R (R-1))

    which is Fieller's form (1954) of e / f = r / q: no ratio of noisy means has to be near normal,
    and neither end is preferred. Where they do not surely respond, their change is subtracted:
    u_j = (e - f) - (r_j - q_j). U over its standard error has Student's t distribution, with
    Satterthwaite's degrees of freedom (Welch 1947). Told is U in spikes/s, at the mean
    responsiveness of both ends.

    Args:
        evolved: (n,) scores of generated images of one thread, NaN where missing.
        generation: (n,) their generations.
        references: (R, g) score of each reference in each of the sorted generations, NaN where it
            has none.
        n_ends: generations at either end, fewer in a short run.
        walk_variance: of the change that images make by walking at random; 0 where scores of
            one generation tell no images apart. See `walk_variance`.

    """
    generations = np.unique(generation)
    n = min(n_ends, len(generations) // 2)
    early, late = generations[:n], generations[len(generations) - n :]
    first = _known(evolved[np.isin(generation, early)])
    last = _known(evolved[np.isin(generation, late)])
    if min(len(first), len(last)) < 2:
        return SuccessTest(NO_CHANGE, "nothing", math.nan, NO_CHANGE, NO_CHANGE, 0)
    naive = _student(last, first)
    ends = (np.isin(generations, early), np.isin(generations, late))
    shown = np.stack([_means(references[:, end]) for end in ends], axis=1)
    above = _welch(last, _known(shown[:, 1]))
    both = shown[np.isfinite(shown).all(axis=1)]
    if len(both) < 2:
        return SuccessTest(NO_CHANGE, "nothing", math.nan, above, naive, len(both))
    factor = all(_surely_positive(each) for each in both.T)
    change, drift = (_by_factor if factor else _by_difference)(first, last, both, walk_variance)
    removed: Removed = "factor" if factor else "difference"
    return SuccessTest(change, removed, drift, above, naive, len(both))


def walk_variance(rho: float, within_sd: float, spread: float, n_steps: int) -> float:
    """Variance of the mean response when images walk without selection: rho² s² S T.

    A search goes on walking when its scores say nothing, and a neuron that is tuned along the walk
    answers more or less. A linear neuron moves by the weighted mean of a generation's responses.

    Args:
        rho: correlation of measured and true scores within a generation.
        within_sd: s, standard deviation of measured scores within a first generation, in spikes/s.
        spread: S, sum of the squared weights that codes got (`null_theory.Selection.s`).
        n_steps: T, generations from the middle of one end to that of the other.

    """
    return (rho * within_sd) ** 2 * spread * n_steps


def _by_factor(first: Floats, last: Floats, both: Floats, walk: float) -> tuple[Change, float]:
    early, late = both.mean(axis=0).tolist()
    # In spikes/s from the start, so that all that follows is.
    level = (early + late) / (2.0 * early * late)
    each = level * (last.mean() * both[:, 0] - first.mean() * both[:, 1])
    parts = [_part(level * early * last), _part(level * late * first), _part(each)]
    return _change(float(each.mean()), parts, walk), late / early


def _by_difference(first: Floats, last: Floats, both: Floats, walk: float) -> tuple[Change, float]:
    changes = np.diff(both, axis=1)[:, 0]
    drift = float(changes.mean())
    parts = [_part(last), _part(first), _part(changes)]
    return _change(float(last.mean() - first.mean()) - drift, parts, walk), drift


@dataclass(frozen=True)
class _Part:
    """A variance that adds to others, and from how many degrees of freedom it is known."""

    variance: float
    df: int


def _part(values: Floats) -> _Part:
    """Return what is known of the variance of the mean of values (n,)."""
    return _Part(float(values.var(ddof=1)) / len(values), len(values) - 1)


def _change(value: float, parts: list[_Part], known: float = 0.0) -> Change:
    """Return a value whose variance is that of its parts, and `known` besides."""
    variances = np.array([part.variance for part in parts])
    total = float(variances.sum()) + known
    if not variances.any():
        return NO_CHANGE
    df = total**2 / float((np.square(variances) / [part.df for part in parts]).sum())
    error = math.sqrt(total)
    half = float(scipy.special.stdtrit(df, 0.975)) * error
    p = 2.0 * float(scipy.special.stdtr(df, -abs(value) / error))
    return Change(value, value - half, value + half, df, p)


def _welch(a: Floats, b: Floats) -> Change:
    if len(b) < 2:
        return NO_CHANGE
    return _change(float(a.mean() - b.mean()), [_part(a), _part(b)])


def _student(a: Floats, b: Floats) -> Change:
    df = len(a) + len(b) - 2
    squares = float(np.square(a - a.mean()).sum() + np.square(b - b.mean()).sum())
    pooled = squares / df * (1 / len(a) + 1 / len(b))
    return _change(float(a.mean() - b.mean()), [_Part(pooled, df)])


def _surely_positive(values: Floats) -> bool:
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) > float(scipy.special.stdtrit(len(values) - 1, _SURELY)) * error


def _means(values: Floats) -> Floats:
    """Mean (r,) of the known scores (r, k) of each reference; NaN where it has none."""
    n = np.isfinite(values).sum(axis=1)
    return np.where(n > 0, np.nansum(values, axis=1) / np.maximum(n, 1), np.nan)


def _known(values: Floats) -> Floats:
    known: Floats = values[np.isfinite(values)]
    return known
