"""How far a covariance can be trusted that was measured on a finite number of pictures.

For a fixed noise variance s2, the sample covariance S' of n pictures acts on average as the true
covariance S does at a larger noise kappa (random-matrix theory; Knowles & Yin 2017, Jacot
et al. 2020):

    E[S' (S' + s2)^-1]  ~  S (S + kappa)^-1        kappa = s2 + (kappa / n) tr S (S + kappa)^-1

The trace on the left is the *effective number of modes*, df(s2) = sum_k l_k / (l_k + s2) of the
sample variances l_k. Taking traces of both sides gives kappa from what was measured alone,

    kappa / s2 = 1 / (1 - df(s2) / n)

so that kappa stays below twice s2 while there are two pictures or more for each effective mode.
That is the rule for "how many pictures are enough", with s2 the variance of the weakest mode that
is kept: what is weaker than that is not drawn, and need not be known.

Left out: where the variances come from. `n` counts independent pictures about a known mean; n
pictures about their own mean count as n - 1.
"""

import math

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

ENOUGH_RATIO = 2.0
"""The largest kappa / noise at which a covariance is trusted."""


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


def enough_modes(sample: NDArray[np.floating], noises: NDArray[np.floating], n: int) -> int:
    """Return for how many modes n pictures are enough.

    Args:
        sample: ``(k,)`` sample variances of n pictures.
        noises: ``(m,)`` falling; the noise at which each mode is to be trusted.
        n: number of pictures.

    """
    # The effective number only grows with the modes kept.
    low, high = 0, int((np.asarray(noises) > 0).sum())
    while low < high:
        middle = (low + high + 1) // 2
        noise = float(noises[middle - 1])
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
