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
DRIFT_WANDER = 1e-6
"""Standard deviation of how much a drift may have changed where there were no readings: what the
temperature of a room does to a crystal."""
RESIDUAL_FLOOR_S = 1e-6
"""Readings are never believed to be better than this."""
NORMAL_95 = 1.96
"""Half-width, in standard deviations, of the interval that holds 95 % of a Gaussian."""
_COUNTABLE = 20
_HUBER = 1.345
_BIWEIGHT = 4.685
_N_ITERATIONS = 15
_SETTLED_S = 1e-10
"""A line that moves by less than this between the readings is as good as the last."""
_FEW = 5.0
"""By so much in n a spread that a few readings show may be too small."""


@dataclass(frozen=True)
class ClockMap:
    """`rig_s = offset_s + (1 + drift) * host_s`.

    residual_s: robust standard deviation of the readings about the line; the stamp's own
    uncertainty where there is only one.
    n_pairs: readings behind the map.
    center_host_s, reach_s: where the readings lie, and how far from there the last of them does.
    center_error_s, drift_error: standard deviations of the line at the centre, and of its slope;
    0 for a line that is known exactly.
    """

    offset_s: float
    drift: float
    residual_s: float
    n_pairs: int
    center_host_s: float = 0.0
    reach_s: float = 0.0
    center_error_s: float = 0.0
    drift_error: float = 0.0

    @classmethod
    def from_stamp(cls, host_s: float, rig_s: float, uncertainty_s: float) -> Self:
        """Return what one moment read on both clocks allows: an offset, and no drift.

        uncertainty_s: the readings are no farther apart, in 95 of 100 cases.
        """
        error_s = uncertainty_s / NORMAL_95
        return cls(rig_s - host_s, 0.0, uncertainty_s, 1, host_s, 0.0, error_s, DRIFT_PRIOR)

    def to_rig(self, host_s: npt.ArrayLike) -> Seconds:
        """Turn host times (...) into times on the rig's clock (...)."""
        times: Seconds = self.offset_s + (1.0 + self.drift) * np.asarray(host_s, np.float64)
        return times

    def to_host(self, rig_s: npt.ArrayLike) -> Seconds:
        """Turn times on the rig's clock (...) into host times (...)."""
        times: Seconds = (np.asarray(rig_s, np.float64) - self.offset_s) / (1.0 + self.drift)
        return times

    def half_width_s(self, host_s: npt.ArrayLike) -> Seconds:
        """Half-width of the 95 % interval of the line at host times (...): (...).

        It grows with the distance from the readings, and beyond the last of them by what a crystal
        may do meanwhile.
        """
        away_s = np.abs(np.asarray(host_s, np.float64) - self.center_host_s)
        wander_s = DRIFT_WANDER * np.maximum(away_s - self.reach_s, 0.0)
        known = self.center_error_s**2 + np.square(self.drift_error * away_s)
        # An exact line does not wander.
        width: Seconds = NORMAL_95 * np.sqrt(known + np.square(wander_s) * (self.drift_error > 0))
        return width


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
    line = _robust_line(x, y)
    drift = expected.drift + line.slope
    offset = float(expected.to_rig(center)) + line.intercept - (1.0 + drift) * center
    few = 1.0 + _FEW / host.size
    return ClockMap(
        offset,
        drift,
        spread_s(y - line.intercept - line.slope * x),
        host.size,
        center + line.x_mean,
        float(np.abs(x - line.x_mean).max()),
        few * line.mean_error,
        few * line.slope_error,
    )


@dataclass(frozen=True)
class _Line:
    """`y = intercept + slope * x`, with the standard errors of y at `x_mean` and of the slope."""

    intercept: float
    slope: float
    x_mean: float
    mean_error: float
    slope_error: float
    scale: float


def _robust_line(x: Seconds, y: Seconds) -> _Line:
    middle = _quantile(np.sort(y), 0.5)
    line = _Line(middle, 0.0, 0.0, 0.0, 0.0, wide_spread_s(y - middle))
    reach = float(np.abs(x).max())
    for tail in ("huber", "biweight"):
        for _ in range(_N_ITERATIONS):
            residuals = y - line.intercept - line.slope * x
            weights = _weights(np.abs(residuals) / line.scale, tail)
            if not weights.any():
                # Of a few readings that agree all may be far from a line through all of them; about
                # their median, as the scale is, half of them always count.
                middle = _quantile(np.sort(residuals), 0.5)
                weights = _weights(np.abs(residuals - middle) / line.scale, tail)
            before, line = line, _line(x, y, weights, line.scale)
            moved_s = abs(line.intercept - before.intercept)
            if moved_s + reach * abs(line.slope - before.slope) <= _SETTLED_S:
                break
    return line


def _weights(distance: Seconds, tail: str) -> Seconds:
    if tail == "huber":
        return np.minimum(1.0, _HUBER / np.maximum(distance, _HUBER))
    return np.square(np.clip(1.0 - np.square(distance / _BIWEIGHT), 0.0, None))


def _line(x: Seconds, y: Seconds, weights: Seconds, scale: float) -> _Line:
    total = weights.sum()
    x_mean, y_mean = weights @ x / total, weights @ y / total
    width = weights @ np.square(x - x_mean) + (scale / DRIFT_PRIOR) ** 2
    slope = (weights * (x - x_mean)) @ y / width
    intercept = y_mean - slope * x_mean
    return _Line(
        float(intercept),
        float(slope),
        float(x_mean),
        scale / float(np.sqrt(total)),
        scale / float(np.sqrt(width)),
        wide_spread_s(y - intercept - slope * x),
    )


def spread_s(residuals: Seconds) -> float:
    """Robust standard deviation of residuals (n,), `RESIDUAL_FLOOR_S` at least."""
    return _spread_s(_distances(residuals))


def wide_spread_s(residuals: Seconds) -> float:
    """Return the standard deviation of residuals (n,) by seven tenths of them.

    Edges of light may be of two kinds, from dark to bright and back, milliseconds apart. The median
    absolute deviation may see one kind alone, and the other would be taken for outliers.
    """
    off = _distances(residuals)
    return max(_quantile(off, 0.7) / 1.0364, _spread_s(off))


def _spread_s(off: Seconds) -> float:
    # 1.4826 turns the median absolute deviation into the standard deviation of a Gaussian.
    return max(1.4826 * _quantile(off, 0.5), RESIDUAL_FLOOR_S)


def _distances(residuals: Seconds) -> Seconds:
    """Distances of residuals (n,) from their median: (n,) sorted."""
    off: Seconds = np.sort(np.abs(residuals - _quantile(np.sort(residuals), 0.5)))
    return off


def _quantile(ordered: Seconds, part: float) -> float:
    """Return what `np.quantile` does of sorted numbers (n,), which are finite.

    A fit of a clock asks a hundred times, and most of that call is no arithmetic.
    """
    place = (ordered.size - 1) * part
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, ordered.size - 1)])
    further = place - below
    # Rounded as numpy does it.
    if further >= 0.5:
        return high - (high - low) * (1.0 - further)
    return low + (high - low) * further


def scatter_s(residuals: Seconds) -> float:
    """Half-width of the interval about 0 that holds 95 % of what has residuals (n,) like these.

    Counted, not computed from a standard deviation, for what a machine does is seldom Gaussian.
    With fewer than `_COUNTABLE` of them it is twice the largest.
    """
    off = np.sort(np.abs(residuals))
    if off.size < _COUNTABLE:
        return max(2.0 * float(off.max(initial=0.0)), RESIDUAL_FLOOR_S)
    rank = int(np.ceil(0.95 * (off.size + 1)))
    return max(float(off[min(rank, off.size) - 1]), RESIDUAL_FLOOR_S)
