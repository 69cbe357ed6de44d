"""Climbs the posterior mean from a starting point, no further than can be trusted.

Gradient ascent with a step that grows while it helps and shrinks where it does not. What is left
out: how far to trust, and how long a code may be (the optimizer says).
"""

from dataclasses import dataclass

import numpy as np

from controller.optimizers.posterior.kernel import Features
from controller.optimizers.posterior.regression import Posterior

_N_STEPS = 25
_FIRST_STEP, _GROW, _SHRINK, _SMALLEST_STEP = 1 / 3, 1.4, 1 / 3, 1e-3


@dataclass(frozen=True)
class Reach:
    """Where the ascent may go.

    trust: largest distance from the start.
    norm: largest norm of the coordinates; exactly this norm where `on_sphere`.
    """

    trust: float
    norm: float
    on_sphere: bool

    def within(self, point: Features, start: Features) -> Features:
        """Return the point (k,), drawn back to within reach."""
        away = point - start
        distance = float(np.linalg.norm(away))
        if distance > self.trust:
            point = start + away * (self.trust / distance)
        norm = float(np.linalg.norm(point))
        if norm > self.norm or (self.on_sphere and norm > 0):
            point = point * (self.norm / norm)
        return point


def ascend(posterior: Posterior, start: Features, reach: Reach) -> Features:
    """Return the coordinates (k,) of the best point found from `start` (k,)."""
    best = reach.within(start, start)
    value, slope = (both[0] for both in posterior.at(best[np.newaxis]))
    step = _FIRST_STEP * reach.trust
    for _ in range(_N_STEPS):
        steepness = float(np.linalg.norm(slope))
        if steepness == 0 or step < _SMALLEST_STEP * reach.trust:
            break
        tried = reach.within(best + slope * (step / steepness), start)
        new_value, new_slope = (both[0] for both in posterior.at(tried[np.newaxis]))
        if new_value > value:
            best, value, slope, step = tried, new_value, new_slope, step * _GROW
        else:
            step *= _SHRINK
    return best
