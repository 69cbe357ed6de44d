"""What goes wrong in a recording: the animal looks away, and the response gain wanders.

Each is off when its setting is 0. Lost channels, late light and broken connections are left out.
"""

from dataclasses import dataclass

import numpy as np

FIRST_TRIAL_S = 1.0
"""How long the first trial is expected to be; later ones, as long as the one before."""
GAIN_MEMORY_S = 120.0
"""Correlation time of the gain: slower than a block, faster than a run."""


@dataclass
class Gaze:
    """Whether the animal looks, trial by trial; told of trials in order, by host times."""

    failed_probability: float
    _begun_host_s: float | None = None
    _broken_host_s: float | None = None
    _expected_s: float = FIRST_TRIAL_S

    def begin(self, host_s: float, rng: np.random.Generator) -> float | None:
        """Begin a trial; return when it will be broken, uniformly within its length, or None.

        The length is that of the trial before. In a trial that ends sooner than it is broken, the
        animal looks away at its end.
        """
        fails, share = rng.random(2)
        self._begun_host_s, self._broken_host_s = host_s, None
        if fails < self.failed_probability:
            self._broken_host_s = host_s + float(share) * self._expected_s
        return self._broken_host_s

    def end(self, host_s: float) -> None:
        """End the trial."""
        if self._begun_host_s is not None:
            self._expected_s = host_s - self._begun_host_s
        self._begun_host_s, self._broken_host_s = None, None

    def is_away(self, host_s: float) -> bool:
        """Whether the animal has looked away by now."""
        return self._broken_host_s is not None and host_s >= self._broken_host_s


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
