"""The grid of a screen's frames, as the flips on it show it: when light can have changed.

A screen changes its light once in each refresh period, so a flip that was stamped between two
frames was stamped late, and a pulse between two frames was not made by light. Only of use for a
screen whose flips wait for its vertical blank. What follows for onsets is in `alignment`.
"""

from dataclasses import dataclass, replace

import numpy as np

from rig_adapters.clocks import Seconds, fit_clock, scatter_s, spread_s

TIGHT_S = 2e-4
"""Nothing is told apart that is nearer than this."""
GOOD_SPREADS = 5.0
"""What is off by more than so many standard deviations is not of the same kind."""

RATE_TOLERANCE = 0.005
"""How far the screen's rate may be from the nominal one, of it."""
MIN_FLIPS = 20
"""Flips below which there may be a grid by chance."""
MIN_SHARE = 0.75
"""Share of the flips that must lie on a grid, or there is none."""
_STEPS_PER_CYCLE = 4
"""How finely rates are tried: a cycle over the whole span of the flips in so many steps."""


@dataclass(frozen=True)
class FrameGrid:
    """Frames begin at `origin_s + k * period_s`, host time.

    tolerance_s: what is farther from a frame than this does not lie on the grid.
    half_width_s: 95 of 100 flips on the grid are no farther from their frame.
    from_host_s: the first flip that shows it.
    """

    origin_s: float
    period_s: float
    tolerance_s: float
    half_width_s: float
    from_host_s: float

    def nearest_s(self, host_s: Seconds) -> Seconds:
        """Return the frames nearest to host times (...): (...)."""
        cycles = np.round((host_s - self.origin_s) / self.period_s)
        frames: Seconds = self.origin_s + cycles * self.period_s
        return frames

    def off_s(self, host_s: Seconds) -> Seconds:
        """Host times (...) minus the nearest frame: (...)."""
        return host_s - self.nearest_s(host_s)

    def holds(self, host_s: Seconds) -> np.ndarray:
        """Whether host times (...) lie on the grid: (...)."""
        on_grid: np.ndarray = np.abs(self.off_s(host_s)) <= self.tolerance_s
        return on_grid

    def put_back(self, host_s: Seconds) -> Seconds:
        """Return flips (...) that are off the grid as the frame before: stamps are never early."""
        cycles = np.floor((host_s - self.origin_s) / self.period_s)
        times: Seconds = np.where(
            self.holds(host_s), host_s, self.origin_s + cycles * self.period_s
        )
        return times


def find_grid(flips_host_s: Seconds, nominal_s: float) -> FrameGrid | None:
    """Find the grid on which flips (n,) lie, all but a few; None where there is none to be seen.

    nominal_s: the refresh period that the screen should have.
    """
    flips = flips_host_s[np.isfinite(flips_host_s)]
    if flips.size < MIN_FLIPS:
        return None
    center_s = float(np.median(flips))
    rate_hz, phase = _rate(flips - center_s, 1.0 / nominal_s)
    counts = np.round((flips - center_s) * rate_hz - phase)
    fitted = fit_clock(counts / rate_hz, flips)
    grid = FrameGrid(
        float(fitted.to_rig(0.0)), (1.0 + fitted.drift) / rate_hz, np.inf, 0.0, float(flips.min())
    )
    off = grid.off_s(flips)
    tolerance_s = max(TIGHT_S, GOOD_SPREADS * spread_s(off))
    on_grid = np.abs(off) <= tolerance_s
    if 4.0 * tolerance_s > grid.period_s or on_grid.mean() < MIN_SHARE:
        return None
    return replace(grid, tolerance_s=tolerance_s, half_width_s=scatter_s(off[on_grid]))


def _rate(flips: Seconds, nominal_hz: float) -> tuple[float, float]:
    """Rate near the nominal one at which flips (n,) agree most in phase, and the phase in cycles.

    Rates at which flips agree as well are those of other frames; the one nearest to nominal counts.
    """
    widest_hz = RATE_TOLERANCE * nominal_hz
    n = int(np.ceil(widest_hz * _STEPS_PER_CYCLE * max(float(np.ptp(flips)), 1.0)))
    tried = nominal_hz + np.linspace(-widest_hz, widest_hz, 2 * n + 1)
    mean = np.array([np.exp(2j * np.pi * rate * flips).mean() for rate in tried])
    good = np.flatnonzero(np.abs(mean) >= 0.98 * np.abs(mean).max())
    best = good[np.argmin(np.abs(tried[good] - nominal_hz))]
    return float(tried[best]), float(np.angle(mean[best]) / (2 * np.pi))
