"""What the readings of both clocks by a rig adapter say of them, before any sync edge.

An adapter reads both clocks with each batch, often no better than by the arrival of a message. Such
readings err alike, so many of them are no better than one for the offset; the drift is known the
better the longer they go on. Steps of a clock are found in `recorded`.
"""

from collections import deque
from dataclasses import replace

import numpy as np

from rig_adapters.clocks import DRIFT_PRIOR, NORMAL_95, ClockMap, fit_clock

APART_S = 1.0
MOST_STAMPS = 600
"""Ten minutes of them."""


class Stamps:
    """The last readings of one rig, on one and the same clock."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, float, float]] = deque(maxlen=MOST_STAMPS)
        self._last: tuple[float, float, float] | None = None
        self._clock: ClockMap | None = None

    def add(self, host_s: float, rig_s: float, uncertainty_s: float) -> None:
        """Take in one moment read on both clocks, that are no farther apart in 95 of 100 cases."""
        self._last = (host_s, rig_s, uncertainty_s)
        self._clock = None
        if not self._kept or abs(host_s - self._kept[-1][0]) >= APART_S:
            self._kept.append(self._last)

    def clear(self) -> None:
        """Forget all: the clock is another one from now on."""
        self._kept.clear()
        self._last = self._clock = None

    def clock(self) -> ClockMap | None:
        """Return the map through the readings, None without one."""
        if self._clock is None and self._last is not None:
            self._clock = self._fitted(self._last)
        return self._clock

    def _fitted(self, newest: tuple[float, float, float]) -> ClockMap:
        rows = [*self._kept] if self._kept[-1] == newest else [*self._kept, newest]
        host, rig, uncertainty = np.array(rows).T
        last = ClockMap.from_stamp(*newest)
        if len(rows) < 2:
            return last
        fitted = fit_clock(host, rig, last)
        uncertainty_s = float(np.median(uncertainty))
        error_s = uncertainty_s / NORMAL_95
        # Of a line through two readings that err as much, against what is known of any crystal.
        by_readings = error_s * np.sqrt(2.0) / float(np.ptp(host))
        drift_error = 1.0 / float(np.hypot(1.0 / DRIFT_PRIOR, 1.0 / max(by_readings, 1e-12)))
        return replace(
            fitted,
            residual_s=uncertainty_s,
            n_pairs=1,
            center_error_s=error_s,
            drift_error=drift_error,
        )
