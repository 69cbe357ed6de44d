"""How two clocks are related: the host's monotonic clock and the rig's acquisition clock.

A map is fitted to pairs of readings of the same moments; nothing here reads a clock, decides when a
drift is too large, or knows what the readings came from.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]

DRIFT_PRIOR = 200e-6
"""Standard deviation of the drift that is expected before any reading; crystals stay below it."""
RESIDUAL_FLOOR_S = 1e-6
"""Readings are never believed to be better than this."""
_HUBER = 1.345
_BIWEIGHT = 4.685
_N_ITERATIONS = 15


@dataclass(frozen=True)
class ClockMap:
    """`rig_s = offset_s + (1 + drift) * host_s`.

    residual_s: robust standard deviation of the readings about the line; the stamp's own
    uncertainty where there is only one.
    n_pairs: readings behind the map.
    """

    offset_s: float
    drift: float
    residual_s: float
    n_pairs: int

    @classmethod
    def from_stamp(cls, host_s: float, rig_s: float, uncertainty_s: float) -> Self:
        """Return what one moment read on both clocks allows: an offset, and no drift."""
        return cls(rig_s - host_s, 0.0, uncertainty_s, 1)

    def to_rig(self, host_s: npt.ArrayLike) -> Seconds:
        """Turn host times (...) into times on the rig's clock (...)."""
        times: Seconds = self.offset_s + (1.0 + self.drift) * np.asarray(host_s, np.float64)
        return times

    def to_host(self, rig_s: npt.ArrayLike) -> Seconds:
        """Turn times on the rig's clock (...) into host times (...)."""
        times: Seconds = (np.asarray(rig_s, np.float64) - self.offset_s) / (1.0 + self.drift)
        return times


def fit_clock(
    host_s: npt.ArrayLike, rig_s: npt.ArrayLike, start: ClockMap | None = None
) -> ClockMap:
    """Fit the map through pairs of readings `(n,)`, `(n,)`, whatever a few of them say.

    Iteratively reweighted least squares: Huber weights, then Tukey's biweight (Holland & Welsch
    1977), on the residuals from `start` and centred, so that readings at 10^6 s lose no digits.
    The drift has a Gaussian prior about the drift of `start` (0 without one), so that a few
    readings close together give an offset rather than an absurd slope.

    Raises ValueError without at least one pair, or when a reading is not finite.
    """
    host, rig = np.asarray(host_s, np.float64), np.asarray(rig_s, np.float64)
    if host.ndim != 1 or host.shape != rig.shape or not host.size:
        raise ValueError(
            f"clock readings have shapes {host.shape} and {rig.shape}: give one rig time for each "
            "host time, and at least one"
        )
    if not (np.isfinite(host).all() and np.isfinite(rig).all()):
        raise ValueError("a clock reading is not finite: drop readings that were not taken")
    expected = start or ClockMap.from_stamp(float(host[0]), float(rig[0]), RESIDUAL_FLOOR_S)
    center = float(host.mean())
    x, y = host - center, rig - expected.to_rig(host)
    intercept, slope, residual = _robust_line(x, y)
    drift = expected.drift + slope
    offset = float(expected.to_rig(center)) + intercept - (1.0 + drift) * center
    return ClockMap(offset, drift, max(residual, RESIDUAL_FLOOR_S), host.size)


def _robust_line(x: Seconds, y: Seconds) -> tuple[float, float, float]:
    intercept, slope = float(np.median(y)), 0.0
    scale = _spread(y - intercept)
    for tail in ("huber", "biweight"):
        for _ in range(_N_ITERATIONS):
            weights = _weights(np.abs(y - intercept - slope * x) / scale, tail)
            intercept, slope = _line(x, y, weights, scale)
            scale = _spread(y - intercept - slope * x)
    return intercept, slope, scale


def _weights(distance: Seconds, tail: str) -> Seconds:
    if tail == "huber":
        return np.minimum(1.0, _HUBER / np.maximum(distance, _HUBER))
    return np.square(np.clip(1.0 - np.square(distance / _BIWEIGHT), 0.0, None))


def _line(x: Seconds, y: Seconds, weights: Seconds, scale: float) -> tuple[float, float]:
    total = weights.sum()
    x_mean, y_mean = weights @ x / total, weights @ y / total
    prior = (scale / DRIFT_PRIOR) ** 2
    slope = (weights * (x - x_mean)) @ y / (weights @ np.square(x - x_mean) + prior)
    return float(y_mean - slope * x_mean), float(slope)


def _spread(residuals: Seconds) -> float:
    # 1.4826 turns the median absolute deviation into the standard deviation of a Gaussian.
    deviation = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
    return max(deviation, RESIDUAL_FLOOR_S)
