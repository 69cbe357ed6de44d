"""The numbers of one pair: final scores, their difference, scale, and how fast each rose.

Final is the mean of the last two generations that both have, as published (Wang & Ponce 2022).
What is said over several pairs is in `sessions.comparing.comparison`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sessions.analysis.evolution import Interval, ScoreCurve, score_curve
from sessions.analysis.responses import Flags
from sessions.analysis.rise import rise
from sessions.analysis.success import N_ENDS, success_test
from sessions.analysis.threads import ThreadsApart, compare_threads
from sessions.comparing.conditions import Arm
from sessions.comparing.pairing import Pair
from sessions.errors import NotComparable
from sessions.records import Floats, Ints

HALF = 0.5
_SEED = 0
"""Of resampling: the same logs always give the same intervals."""


@dataclass(frozen=True, eq=False)
class Side:
    """What one evolution of a pair came to over the generations that both have.

    curve: its scores by generation, in spikes/s. final: mean of the last two generations;
    normalised: over the scale of the pair. half_rise: after how many generations half of its rise
    was done. succeeded: whether it went beyond the drift of its references; None where these tell
    nothing. images: the largest generation's.
    """

    curve: ScoreCurve
    final: float
    normalised: float
    half_rise: Interval
    succeeded: bool | None
    images: int


@dataclass(frozen=True, eq=False)
class Measured:
    """A pair with its numbers; `scale` in spikes/s is 1 after normalisation, NaN without one.

    apart: the difference in spikes/s by generation, and over the last two, with the interval of
    Welch's test over images. The difference of sessions is another matter: see `Pooled`.
    """

    pair: Pair
    generations: Ints
    scale: float
    apart: ThreadsApart
    first: Side
    second: Side


@dataclass(frozen=True, eq=False)
class _Scores:
    """Scores (n,) of the generated images of one evolution, and those of its references."""

    score: Floats
    generation: Ints
    reference: Floats
    reference_id: Ints
    reference_generation: Ints


def measure(pair: Pair, scale_to: str | None = None) -> Measured:
    """Measure one pair.

    Scores are normalised by the largest mean score of a generation, of either evolution, or of that
    under the condition `scale_to` alone, which is what was published and favours that condition.

    Raises:
        NotComparable: no generation has scores of both.

    """
    ours, theirs = _scores(pair.first), _scores(pair.second)
    apart = compare_threads(
        ours.score, ours.generation, theirs.score, theirs.generation, n_last=N_ENDS
    )
    if not len(apart.block):
        raise NotComparable(
            f"{pair.name}: no generation has two scores or more of each of {pair.first.condition} "
            f"and {pair.second.condition}; leave it out."
        )
    # Where one went on for longer, it had more presentations to get there.
    sides = [_cut(each, apart.block) for each in (ours, theirs)]
    curves = [
        score_curve(each.score, each.generation, each.reference, each.reference_generation)
        for each in sides
    ]
    arms = (pair.first, pair.second)
    asked = [
        curve
        for arm, curve in zip(arms, curves, strict=True)
        if scale_to in (None, arm.condition)
    ]  # fmt: skip
    largest = max(float(curve.evolved_mean.max()) for curve in asked)
    scale = largest if largest > 0 else math.nan
    first, second = (
        _side(*each, scale=scale) for each in zip(arms, sides, curves, strict=True)
    )  # fmt: skip
    return Measured(pair, apart.block, scale, apart, first, second)


def _side(arm: Arm, scores: _Scores, curve: ScoreCurve, *, scale: float) -> Side:
    final = float(curve.evolved_mean[-N_ENDS:].mean())
    rng = np.random.default_rng(np.random.SeedSequence(_SEED, spawn_key=(arm.thread.thread_id,)))
    rose = rise(scores.score, scores.generation, arm.thread.direction, rng)
    half = next((at.generations for at in rose.reached if at.level == HALF), None) if rose else None
    test = success_test(scores.score, scores.generation, _reference_table(scores))
    return Side(
        curve=curve,
        final=final,
        normalised=final / scale,
        half_rise=half or Interval(math.nan, math.nan, math.nan),
        succeeded=None if test.removed == "nothing" else test.succeeded(arm.thread.direction),
        images=int(np.unique(scores.generation, return_counts=True)[1].max()),
    )


def _scores(arm: Arm) -> _Scores:
    rows = arm.log.scores
    mine = rows.thread_id == arm.thread.thread_id
    made, shown = mine & (rows.kind == "generated"), mine & (rows.kind == "reference")
    return _Scores(
        rows.score[made],
        rows.generation[made],
        rows.score[shown],
        rows.image_id[shown],
        rows.generation[shown],
    )


def _cut(scores: _Scores, generations: Ints) -> _Scores:
    """Return what belongs to some generations."""
    made: Flags = np.isin(scores.generation, generations)
    shown: Flags = np.isin(scores.reference_generation, generations)
    return _Scores(
        scores.score[made],
        scores.generation[made],
        scores.reference[shown],
        scores.reference_id[shown],
        scores.reference_generation[shown],
    )


def _reference_table(scores: _Scores) -> Floats:
    """Return the score (r, g) of each reference in each generation, NaN where it has none."""
    images, image = np.unique(scores.reference_id, return_inverse=True)
    generations = np.unique(scores.generation)
    table = np.full((len(images), len(generations)), np.nan)
    table[image, np.searchsorted(generations, scores.reference_generation)] = scores.reference
    return table
