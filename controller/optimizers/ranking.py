"""Rank weights, the way every CMA-like method turns scores into a recombination.

Only the order of the scores counts, so any monotone change of them gives the same weights.
"""

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Floats


def rank_weights(n_parents: int) -> Floats:
    """Logarithmic weights of the best `n_parents` codes, best first; they sum to 1.

    w_i is proportional to ln(n_parents + 1/2) - ln(i), i = 1 … n_parents (Hansen & Ostermeier 2001;
    Wang & Ponce 2022).

    Returns:
        (n_parents,) float64, positive and falling.

    """
    weights = np.log(n_parents + 0.5) - np.log(np.arange(1, n_parents + 1))
    normalised: Floats = weights / weights.sum()
    return normalised


def effective_parents(weights: Floats) -> float:
    """Variance-effective number of parents, mu_eff = 1 / sum of w_i^2."""
    return float(1.0 / np.square(weights).sum())


def share_by_rank(scores: Floats, valid: NDArray[np.bool_], weights: Floats) -> Floats:
    """Give each code its rank weight; tied codes share the mean weight of the ranks they cover.

    Sharing keeps the order of rows out of the result: when every score is equal, as with a silent
    unit, all valid codes weigh the same instead of the first few winning.

    Args:
        scores: (n,) larger is better; ignored where `valid` is False.
        valid: (n,) bool.
        weights: (k,) for ranks 1 … k, with k at most the number of valid scores; later ranks get 0.

    Returns:
        (n,) float64, 0 where `valid` is False; the sum is that of `weights`.

    """
    _, group, sizes = np.unique(-scores[valid], return_inverse=True, return_counts=True)
    by_rank = np.zeros(group.size)
    by_rank[: weights.size] = weights
    first_rank = np.cumsum(sizes) - sizes
    shared = np.add.reduceat(by_rank, first_rank) / sizes
    result = np.zeros(scores.size)
    result[valid] = shared[group]
    return result
