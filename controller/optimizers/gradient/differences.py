"""What the gradient estimators share: where they start, how they sample, how they scale scores.

Where sampling is antithetic, row i and row i + n // 2 of a generation of n lie on opposite sides of
the centre, and an odd last row is the centre itself, which is of no use. What is left out: the
estimates themselves.
"""

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.guard import Told
from controller.optimizers.options import refusal
from controller.optimizers.ranking import mean_of_better_half


def require_pairs(population_size: int, antithetic: bool) -> None:
    """Check that antithetic samples come in pairs.

    Raises:
        OptimizerOptionError: their number is odd.

    """
    if antithetic and population_size % 2:
        raise refusal("population_size", population_size, "must be even where codes are antithetic")


def first_centre(told: Told) -> Floats | None:
    """Centre (d,) after the initial codes: the only one, or the weighted mean of the better half.

    None where none of several has a score.
    """
    if len(told.ids) == 1:
        only: Floats = told.codes[0].astype(np.float64)
        return only
    return mean_of_better_half(told.codes, told.scores, told.valid) if told.valid.any() else None


def draw_around(
    rng: np.random.Generator,
    codes: Floats,
    centre: Floats,
    radius: Floats | float,
    antithetic: bool,
) -> None:
    """Fill codes (n, d) with centre + radius z, z ~ N(0, I), in pairs z and -z where asked for."""
    if not antithetic:
        rng.standard_normal(out=codes)
        codes *= radius
        codes += centre
        return
    n_pairs = len(codes) // 2
    ahead, behind = codes[:n_pairs], codes[n_pairs : 2 * n_pairs]
    rng.standard_normal(out=ahead)
    ahead *= radius
    np.subtract(centre, ahead, out=behind)
    ahead += centre
    codes[2 * n_pairs :] = centre


def comparable(valid: NDArray[np.bool_], antithetic: bool) -> NDArray[np.bool_]:
    """Which rows (n,) can be used: those with a score, and in pairs only where both have one."""
    if not antithetic:
        return valid
    n_pairs = len(valid) // 2
    both = valid[:n_pairs] & valid[n_pairs : 2 * n_pairs]
    return np.concatenate([both, both, np.zeros(len(valid) % 2, dtype=np.bool_)])


def without_unit(scores: Floats, used: NDArray[np.bool_]) -> Floats:
    """Scores (n,) of the rows `used` as standard scores; equal ones are 0, as are the others."""
    result = np.zeros(scores.size)
    centred = scores[used] - scores[used].mean()
    spread = float(scores[used].std())
    result[used] = centred / spread if spread > 0.0 else 0.0
    return result
