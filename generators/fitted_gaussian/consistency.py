"""How far a covariance can be trusted that was measured on a finite number of pictures.

For a fixed noise variance s2, the sample covariance S' of n pictures acts on average as the true
covariance S does at a larger noise kappa (random-matrix theory; Knowles & Yin 2017, Jacot
et al. 2020):

    E[S' (S' + s2)^-1]  ~  S (S + kappa)^-1        kappa = s2 + (kappa / n) tr S (S + kappa)^-1

The trace on the left is the *effective number of modes*, df(s2) = sum_k l_k / (l_k + s2) of the
sample variances l_k. Taking traces of both sides gives kappa from what was measured alone,

    kappa / s2 = 1 / (1 - df(s2) / n)

so that kappa stays below twice s2 while there are two pictures or more for each effective mode.
That is the rule for "how many pictures are enough", with s2 the (shrunk) variance of the weakest
mode that is kept: what is weaker than that is not drawn, and need not be known.

Single variances are shrunk as Ledoit & Péché (2011) derive and Bun, Bouchaud & Potters (2017)
compute it: the variance that fresh pictures have along the k-th measured mode is
l_k / |z v(z)|^2 with v(z) = (1 / n) sum_j 1 / (l_j - z) at z = l_k (1 - i / sqrt(n)). It needs no
more than the sample variances, and holds for any number of pixels.

Left out: where the variances come from. `n` counts independent pictures about a known mean; n
pictures about their own mean count as n - 1.
"""

import math

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from generators.errors import SettingsError

ENOUGH_RATIO = 2.0
"""The largest kappa / noise at which a covariance is trusted."""

_ROWS_AT_ONCE = 256
_RESOLVED = 1e-9
"""Share of the largest variance below which rounding decides, and a mode counts as absent."""


def effective_modes(variances: NDArray[np.floating], noise: float) -> float:
    """Return df = sum_k lam_k / (lam_k + noise): how many modes stand above a noise variance."""
    exact = np.asarray(variances, dtype=np.float64)
    return float((exact / (exact + noise)).sum())


def effective_noise(variances: NDArray[np.floating], n: int, noise: float) -> float:
    """Return kappa for true variances: the noise that n pictures turn `noise` into.

    Args:
        variances: ``(d,)`` of the true covariance, 0 or more.
        n: number of pictures, 1 or more.
        noise: noise variance, positive.

    """
    exact = np.asarray(variances, dtype=np.float64)
    if exact.sum() <= 0.0:
        return noise

    def excess(kappa: float) -> float:
        return kappa - noise - kappa / n * effective_modes(exact, kappa)

    # The trace is below sum(variances) / kappa, so that nothing lies above this end.
    upper = noise + float(exact.sum()) / n
    return float(scipy.optimize.brentq(excess, noise, upper, xtol=noise * 1e-12, rtol=1e-12))


def measured_effective_noise(sample: NDArray[np.floating], n: int, noise: float) -> float:
    """Return kappa from sample variances ``(d,)`` of n pictures; infinite where n modes vary."""
    share = effective_modes(sample, noise) / n
    return noise / (1.0 - share) if share < 1.0 else math.inf


def shrunk_variances(sample: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    """Return the variance that fresh pictures are expected to have along each measured mode.

    Args:
        sample: ``(k,)`` all sample variances that are not zero, falling; k at most n.
        n: number of pictures.

    Returns:
        ``(k,)`` falling; 0 for modes that rounding alone may have made.

    Raises:
        SettingsError: there are more variances than pictures, or they do not fall.

    """
    exact = np.asarray(sample, dtype=np.float64)
    if len(exact) > n or (np.diff(exact) > 0).any() or (exact < 0).any():
        raise SettingsError(
            f"{len(exact)} variances of {n} pictures are not falling variances of that many: "
            "give those of one sample covariance, largest first"
        )
    shrunk = np.zeros(len(exact))
    resolved = exact > _RESOLVED * exact.max(initial=0.0)
    kept = exact[resolved]
    for start in range(0, len(kept), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        z = kept[rows] * (1.0 - 1j / math.sqrt(n))
        # The n - k sample variances that are zero have their part in the sum.
        v = ((1.0 / (exact - z[:, np.newaxis])).sum(axis=1) - (n - len(exact)) / z) / n
        shrunk[np.flatnonzero(resolved)[rows]] = kept[rows] / np.abs(z * v) ** 2
    falling: NDArray[np.float64] = scipy.optimize.isotonic_regression(shrunk, increasing=False).x
    return falling


def enough_modes(sample: NDArray[np.floating], shrunk: NDArray[np.floating], n: int) -> int:
    """Return for how many modes n pictures are enough, each with its own variance as the noise.

    Args:
        sample: ``(k,)`` sample variances of n pictures.
        shrunk: ``(k,)`` what `shrunk_variances` makes of them: a mode's real variance.
        n: number of pictures.

    """
    # The effective number only grows with the modes kept.
    low, high = 0, int((np.asarray(shrunk) > 0).sum())
    while low < high:
        middle = (low + high + 1) // 2
        noise = float(shrunk[middle - 1])
        trusted = measured_effective_noise(sample, n, noise) <= ENOUGH_RATIO * noise
        low, high = (middle, high) if trusted else (low, middle - 1)
    return low


def enough_pictures(sample: NDArray[np.floating], n: int, noise: float) -> int | None:
    """Return how many pictures would make kappa / noise the largest that is trusted.

    At kappa = 2 s2 its equation says n = 2 df_true(2 s2), and the true df at a kappa is that of the
    sample at the noise which n pictures turn into this kappa.

    Args:
        sample: ``(k,)`` sample variances of `n` pictures.
        n: number of pictures that were measured.
        noise: noise variance, positive.

    Returns:
        The number; None where `n` pictures are too few to tell.

    """
    wanted = ENOUGH_RATIO * noise

    def excess(measured_at: float) -> float:
        return measured_effective_noise(sample, n, measured_at) - wanted

    lowest = wanted * 1e-6
    if excess(lowest) > 0:
        return None
    at = float(scipy.optimize.brentq(excess, lowest, wanted, rtol=1e-10))
    return math.ceil(ENOUGH_RATIO / (ENOUGH_RATIO - 1.0) * effective_modes(sample, at))
