"""What goes wrong in a recording: the response gain wanders, unless its settings are 0.

Lost channels, late light and broken connections are left out; so is the animal that looks away,
which is the behaviour of the stimulus process.
"""

from dataclasses import dataclass

import numpy as np

GAIN_MEMORY_S = 120.0
"""Correlation time of the gain: slower than a block, faster than a run."""


@dataclass
class ResponseGain:
    """A gain about 1: an Ornstein-Uhlenbeck process (exact steps, Gillespie 1996) and a trend."""

    cv: float
    trend_per_min: float
    _first_host_s: float | None = None
    _last_host_s: float = 0.0
    _deviation: float = 0.0

    def at(self, host_s: float, rng: np.random.Generator) -> float:
        """Return the gain at `host_s`, which must not go back; never below 0."""
        if self._first_host_s is None:
            self._first_host_s = host_s
            self._deviation = self.cv * float(rng.standard_normal())
        else:
            kept = np.exp(-(host_s - self._last_host_s) / GAIN_MEMORY_S)
            noise = self.cv * np.sqrt(1.0 - kept**2) * rng.standard_normal()
            self._deviation = float(self._deviation * kept + noise)
        self._last_host_s = host_s
        minutes = (host_s - self._first_host_s) / 60.0
        return max(0.0, (1.0 + self._deviation) * (1.0 + self.trend_per_min * minutes))
