"""What the latest responses say of the search: whether it predicts them, and whether norm pays.

What is left out: what follows from it for the next codes.
"""

import numpy as np

from controller.optimizers.base import Floats
from controller.optimizers.posterior.memory import Memory

_TINY = np.finfo(float).tiny
_N_RECENT = 5
"""Generations over which predictions are called good."""
_N_NORM_GENERATIONS = 8
_EVIDENT = 0.5
"""Standard errors by which predictions and scores must go together. It is low since waiting costs
more than going on: with noise of half the rate, few of a good search's predictions reach two."""
_WELL_EXPLAINED, _FAST_PACE, _SLOW_PACE = 0.85, 3.0, 0.25
_SMALLEST_SHARE = 0.1


def level_and_scale(memory: Memory) -> tuple[float, float]:
    """Mean and standard deviation of the scores; 1 where they are all the same."""
    return float(memory.scores.mean()), float(memory.scores.std()) or 1.0


def pace(memory: Memory, generation: int) -> float:
    """How much of a generation counts for the schedule, by how well scores were predicted.

    Args:
        memory: with the scores of the latest generation.
        generation: generations that are told.

    """
    known = memory.take(np.flatnonzero(~np.isnan(memory.predicted)))
    seen = _within_generations(known.scores, known)
    expected = _within_generations(known.predicted, known)
    recent = known.generations > generation - 1 - _N_RECENT
    error = float(np.square(seen - expected)[recent].sum())
    if error < (1 - _WELL_EXPLAINED) * float(np.square(seen[recent]).sum()):
        return _FAST_PACE
    length = float(np.linalg.norm(seen) * np.linalg.norm(expected)) + _TINY
    evident = float(seen @ expected) * np.sqrt(len(known)) > _EVIDENT * length
    return 1.0 if evident else _SLOW_PACE


def norm_trend(memory: Memory, generation: int, centre: Floats) -> float:
    """Whether recent scores rise with the norm, from -1 to 1: half of t of their slope.

    The norm of a code is taken along the centre (code_dim,), and on a logarithmic scale.
    """
    recent = memory.take(np.flatnonzero(memory.generations > generation - 1 - _N_NORM_GENERATIONS))
    shares = recent.codes @ (centre / float(centre @ centre))
    x = _within_generations(np.log(np.maximum(shares, _SMALLEST_SHARE)), recent)
    y = _within_generations(recent.scores, recent)
    spread = float(x @ x) + _TINY
    slope = float(x @ y) / spread
    error = float(np.sqrt(np.square(y - slope * x).mean() / spread))
    return float(np.clip(slope / (2 * error + _TINY), -1, 1))


def _within_generations(values: Floats, memory: Memory) -> Floats:
    """Values (n,) less the mean of those of their generation."""
    centred = values.copy()
    for generation in np.unique(memory.generations):
        rows = memory.generations == generation
        centred[rows] -= centred[rows].mean()
    return centred
