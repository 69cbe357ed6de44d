"""Which scores look like artefacts: far from what was expected, among others that are not.

What is left out: what an artefact is. A score in doubt counts less, and is never thrown away; a
neuron that suddenly answers is shown the same sort of code again, and then answers often.
"""

import numpy as np

from controller.optimizers.base import Floats

_FEWEST = 8
"""Scores that a spread is taken from."""
_USUAL = 4.0
"""Spreads up to which a score is not in doubt."""
_NORMAL = 1.4826
"""Of a normal distribution, SD over median distance from the median."""


def doubts(surprises: Floats) -> Floats:
    """How much more variance each score is given, (n,), 1 or more.

    Args:
        surprises: (n,) scores minus what was expected, in units of their noise; NaN where missing.

    """
    heard = surprises[~np.isnan(surprises)]
    if len(heard) < _FEWEST:
        return np.ones_like(surprises)
    away = surprises - np.median(heard)
    # Half of the plain SD at least: where most scores are equal, the others are no artefacts yet.
    spread = max(_NORMAL * float(np.nanmedian(np.abs(away))), 0.5 * float(np.nanstd(away)))
    if spread == 0:
        return np.ones_like(surprises)
    doubt: Floats = np.fmax(1.0, np.square(away / (_USUAL * spread)))
    return doubt
