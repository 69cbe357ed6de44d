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


def weights_with_gaps(weights: Floats, n_valid: int, n: int) -> Floats:
    """Weights that the scored codes have on average, wherever those without a score ranked.

    Taking one of m ranks away at random makes w_k ← ((m - k) w_k + k w_{k+1}) / m, and takes 1/n of
    the whole sum away. An optimizer that gives what is left of the sum to its old mean makes steps
    that shrink with the evidence.

    Args:
        weights: (k,) for ranks 1 … k of all codes; later ranks have 0.
        n_valid: codes with a score.
        n: codes with and without, at least k.

    Returns:
        (n_valid,) float64, for the ranks among the scored codes.

    """
    remaining = np.zeros(n)
    remaining[: weights.size] = weights
    for m in range(n, n_valid, -1):
        k = np.arange(1, m)
        remaining = ((m - k) * remaining[:-1] + k * remaining[1:]) / m
    return remaining


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


def mean_of_better_half(
    codes: NDArray[np.floating], scores: Floats, valid: NDArray[np.bool_]
) -> Floats:
    """Rank-weighted mean (d,) of the better half of codes (m, d); at least one has a score.

    Where scores are missing, the weights are those of `weights_with_gaps`, scaled to sum to 1.
    """
    weights = weights_with_gaps(rank_weights(max(1, len(codes) // 2)), int(valid.sum()), len(codes))
    mean: Floats = share_by_rank(scores, valid, weights / weights.sum()) @ codes
    return mean
