"""What a response leaves behind: fatigue of the unit, and suppression of an image shown again.

Fatigue recovers exponentially; at the pace of rapid serial presentation it is what an image does to
the next. It is forgotten when the rig is started anew, which takes longer than it lasts.
"""

import math

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.day_settings import Adaptation

Factors = npt.NDArray[np.float64]

FORGOTTEN_S = 10.0
"""Time constants after which a repetition is none any more."""


class AdaptationState:
    """How tired `n_units` units are, and which images were shown of late."""

    def __init__(self, settings: Adaptation, n_units: int) -> None:
        self._settings = settings
        self._fatigue = np.zeros(n_units)
        self._last_s = -math.inf
        self._shown_s: dict[str, float] = {}

    def factors(self, host_s: float, sha256: str) -> Factors:
        """Return by what each response (u,) to an image at `host_s` is multiplied."""
        self._fatigue *= math.exp((self._last_s - host_s) / self._settings.recovery_s)
        self._last_s = host_s
        factors: Factors = 1.0 / (1.0 + self._fatigue)
        shown_s = self._shown_s.get(sha256)
        if shown_s is not None:
            kept = math.exp((shown_s - host_s) / self._settings.repetition_memory_s)
            factors *= 1.0 - self._settings.repetition_suppression * kept
        return factors

    def answered(self, host_s: float, sha256: str, shares: Factors) -> None:
        """Note that units (u,) answered an image, at these shares of what they can."""
        self._fatigue += self._settings.fatigue * shares
        if self._settings.repetition_suppression:
            oldest_s = host_s - FORGOTTEN_S * self._settings.repetition_memory_s
            self._shown_s = {sha: at for sha, at in self._shown_s.items() if at >= oldest_s}
            self._shown_s[sha256] = host_s
