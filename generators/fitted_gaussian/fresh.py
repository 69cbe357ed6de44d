"""How much fresh pictures vary along modes that were measured on others: variances, shrunk.

A mode is chosen because the measured pictures vary much along it, so fresh ones vary less. How
much less is measured here: the pictures are dealt to five hands, modes are made of four of them,
and the variance along each mode is that of the fifth (cross-validated eigenvalues: Lam 2016; Bartz
2016). Averaged over the hands, and made falling.

The closed form of Ledoit & Péché (2011) would not need this, but it assumes that pictures differ
as Gaussian vectors do: there both agree, but on pictures painted by `generators.procedural` it was
1.2 to 1.9 times too large for most of the stronger half of the modes, where this is within a sixth.

Left out: modes and sample variances themselves (`generators.fitted_gaussian.principal`). Modes made
of four fifths of the pictures are a little worse than those of all, so the result is a little too
small; the weakest modes, whose variances would rise, are pooled and too large. Near copies, such as
frames of a film, would let modes see what they are tested on.
"""

from collections.abc import Sequence

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from generators.fitted_gaussian.pictures import Progress, silent

HANDS = 5
RESOLVED = 1e-6
"""Share of the largest variance below which a mode counts as absent: products are of float32."""


def hand_of(index: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return to which hand each picture is dealt, by its place."""
    return index % HANDS


def fresh_by_gram(gram: NDArray[np.float64], progress: Progress = silent) -> NDArray[np.float64]:
    """Return fresh variances from the products of all pictures with each other.

    Args:
        gram: ``(n, n)`` inner products of pictures about any common point; ten pictures or more.
        progress: told after each hand.

    Returns:
        ``(k,)`` falling, one for each mode that can be told from rounding; at most n - 1.

    """
    n = len(gram)
    dealt = hand_of(np.arange(n))
    found = []
    progress("testing modes on other pictures", 0, HANDS)
    for hand in range(HANDS):
        made_of, tested = np.flatnonzero(dealt != hand), np.flatnonzero(dealt == hand)
        found.append(_fresh_of_hand(gram, made_of, tested))
        progress("testing modes on other pictures", hand + 1, HANDS)
    return _falling(found, _n_resolved(gram))


def made_falling(fresh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pool neighbouring variances ``(k,)`` that would rise, as the best falling ones do."""
    falling: NDArray[np.float64] = scipy.optimize.isotonic_regression(fresh, increasing=False).x
    return falling


def about_old_mean(n: int) -> float:
    """Return by what to multiply mean squares of fresh pictures about the mean of n others.

    The mean of those that a mode is made of is itself off by one n-th of the variance.
    """
    return n / (n + 1)


def _fresh_of_hand(
    gram: NDArray[np.float64], made_of: NDArray[np.integer], tested: NDArray[np.integer]
) -> NDArray[np.float64]:
    inside = gram[np.ix_(made_of, made_of)]
    to_mean = inside.mean(axis=0)
    centred = inside - to_mean - to_mean[:, np.newaxis] + to_mean.mean()
    across = gram[np.ix_(tested, made_of)]
    across = across - across.mean(axis=1, keepdims=True) - to_mean + to_mean.mean()
    values, vectors = scipy.linalg.eigh(centred, overwrite_a=True)
    resolved = values > RESOLVED * values[-1]
    along = across @ vectors[:, resolved] / np.sqrt(values[resolved])
    fresh: NDArray[np.float64] = np.square(along).mean(axis=0)[::-1] * about_old_mean(len(made_of))
    return fresh


def _n_resolved(gram: NDArray[np.float64]) -> int:
    to_mean = gram.mean(axis=0)
    values = np.linalg.eigvalsh(gram - to_mean - to_mean[:, np.newaxis] + to_mean.mean())
    return int((values > RESOLVED * values[-1]).sum())


def _falling(found: Sequence[NDArray[np.float64]], n_modes: int) -> NDArray[np.float64]:
    """Average over hands; modes that only all pictures together have are as weak as the weakest."""
    shortest = min(len(of_hand) for of_hand in found)
    mean = np.mean([of_hand[:shortest] for of_hand in found], axis=0)[:n_modes]
    return made_falling(np.concatenate([mean, np.full(n_modes - len(mean), mean.min())]))
