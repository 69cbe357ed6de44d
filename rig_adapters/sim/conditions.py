"""How the response gain of all units wanders and drifts, unless its settings are 0.

What differs from presentation to presentation is in `answers`, what is lost in `losses`; the animal
that looks away is the behaviour of the stimulus process.
"""

from dataclasses import dataclass

import numpy as np

from rig_adapters.sim.randomness import Purpose, rng_at
from rig_adapters.sim.settings import SimRigSettings

GAIN_MEMORY_S = 120.0
"""Correlation time of the gain: slower than a block, faster than a run."""


@dataclass
class ResponseGain:
    """A gain about 1: an Ornstein-Uhlenbeck process (exact steps, Gillespie 1996) and a trend.

    The trend counts from `trend_from_s`, or from the first time asked where that is None.
    """

    cv: float
    trend_per_min: float
    trend_from_s: float | None = None
    _last_host_s: float | None = None
    _deviation: float = 0.0

    def at(self, host_s: float, rng: np.random.Generator) -> float:
        """Return the gain at `host_s`, which must not go back; never below 0."""
        if self.trend_from_s is None:
            self.trend_from_s = host_s
        if self._last_host_s is None:
            self._deviation = self.cv * float(rng.standard_normal())
        else:
            kept = np.exp(-(host_s - self._last_host_s) / GAIN_MEMORY_S)
            noise = self.cv * np.sqrt(1.0 - kept**2) * rng.standard_normal()
            self._deviation = float(self._deviation * kept + noise)
        self._last_host_s = host_s
        minutes = (host_s - self.trend_from_s) / 60.0
        return max(0.0, (1.0 + self._deviation) * (1.0 + self.trend_per_min * minutes))


def gain_of_day(settings: SimRigSettings, trend_from_s: float | None) -> ResponseGain:
    """Return the gain of a session, whose trend is drawn for the day; see `ResponseGain`."""
    trend = settings.gain_trend_per_min
    if settings.gain_trend_sd_per_min:
        rng = rng_at(settings.day_seed, Purpose.TREND)
        trend += settings.gain_trend_sd_per_min * float(rng.standard_normal())
    return ResponseGain(settings.gain_cv, trend, trend_from_s)
