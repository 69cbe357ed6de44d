"""Climbs the posterior mean from a starting point, no further than can be trusted.

Gradient ascent with a step that grows while it helps and shrinks where it does not. What is left
out: how far to trust, and how much contrast a code may have (the optimizer says).
"""

from dataclasses import dataclass

import numpy as np

from controller.optimizers.posterior.surface import Spot, Surface

_N_STEPS = 25
_FIRST_STEP, _GROW, _SHRINK, _SMALLEST_STEP = 1 / 3, 1.4, 1 / 3, 1e-3


@dataclass(frozen=True)
class Reach:
    """Where the ascent may go.

    trust: largest distance from the start.
    contrast: largest length.
    """

    trust: float
    contrast: float

    def within(self, spot: Spot, start: Spot) -> Spot:
        """Return the spot, drawn back to within reach."""
        away = spot.plus(start, -1.0)
        distance = float(np.sqrt(away.square))
        if distance > self.trust:
            spot = start.plus(away, self.trust / distance)
        length = float(np.sqrt(spot.square))
        return spot.times(self.contrast / length) if length > self.contrast else spot


def ascend(surface: Surface, start: Spot, reach: Reach) -> Spot:
    """Return the best spot found from `start`."""
    best = reach.within(start, start)
    value, slope = surface.value(best), surface.slope(best)
    step = _FIRST_STEP * reach.trust
    for _ in range(_N_STEPS):
        steepness = float(np.sqrt(slope.square))
        if steepness == 0 or step < _SMALLEST_STEP * reach.trust:
            break
        tried = reach.within(best.plus(slope, step / steepness), start)
        new_value = surface.value(tried)
        if new_value > value:
            best, value, slope, step = tried, new_value, surface.slope(tried), step * _GROW
        else:
            step *= _SHRINK
    return best
