"""Spikes from a continuous channel, where the recorder detects none. Pure.

Spikes are crossings of a threshold. It is in µV, or a multiple of the channel's noise, which is
measured once and then stays: one that followed the noise would follow the responses. Sorting is
left to those who can.
"""

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig_adapters.acquisition.source import Samples

NORMAL_MAD = 0.6745
"""Median absolute deviation of a normal distribution of unit variance (Quiroga et al. 2004)."""


class DetectionSettings(BaseModel):
    """When a channel's signal is a spike: exactly one of the two thresholds is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold_uv: float | None = Field(
        default=None, description="threshold; below 0: spikes go downwards"
    )
    threshold_noise: float | None = Field(
        default=None,
        ge=-100,
        le=100,
        description="the same as a multiple of the noise (its median absolute deviation / 0.6745), "
        "which is measured when the adapter starts and then stays, for example -4.5",
    )
    dead_time_s: float = Field(
        default=0.001, ge=0, le=0.1, description="after a spike there is no other for so long"
    )

    @model_validator(mode="after")
    def _one_threshold(self) -> "DetectionSettings":
        given = [each for each in (self.threshold_uv, self.threshold_noise) if each is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError("give threshold_uv or threshold_noise, one of them, and not 0")
        return self


def noise_uv(values: npt.NDArray[np.float32]) -> float:
    """Return the standard deviation of a signal (n,), n > 0, as if it had no spikes."""
    return float(np.median(np.abs(values - np.median(values)))) / NORMAL_MAD


def threshold_uv(settings: DetectionSettings, values: npt.NDArray[np.float32]) -> float:
    """Return the threshold of a channel of which `values` (n,) have been measured.

    Raises ValueError where the noise is needed and there is none.
    """
    if settings.threshold_uv is not None:
        return settings.threshold_uv
    noise = noise_uv(values)
    if not noise > 0:
        raise ValueError("its signal does not change, so it has no noise")
    return (settings.threshold_noise or 0.0) * noise


class ThresholdCrossings:
    """Finds where one channel goes beyond its threshold, chunk after chunk.

    A crossing is the first sample that is at the threshold or beyond, after one that is not. After
    a gap a signal that is beyond already has not been seen to cross.
    """

    def __init__(self, threshold_uv: float, dead_time_s: float, sample_rate_hz: float) -> None:
        self._threshold_uv = threshold_uv
        self._dead = max(1, round(dead_time_s * sample_rate_hz))
        self._next = -1
        self._beyond = True
        self._quiet_until = 0

    def feed(self, first_sample: int, values: npt.NDArray[np.float32]) -> Samples:
        """Return the crossings (m,) in a chunk (n,) that begins at `first_sample`, as samples."""
        if first_sample != self._next:
            self._beyond, self._quiet_until = True, first_sample
        self._next = first_sample + values.size
        if not values.size:
            return np.zeros(0, np.int64)
        down = self._threshold_uv < 0
        beyond = values <= self._threshold_uv if down else values >= self._threshold_uv
        before = np.concatenate([[self._beyond], beyond[:-1]])
        self._beyond = bool(beyond[-1])
        return self._after_dead_times(first_sample + np.flatnonzero(beyond & ~before))

    def _after_dead_times(self, crossings: Samples) -> Samples:
        found: list[int] = []
        for crossing in crossings.tolist():
            if crossing >= self._quiet_until:
                self._quiet_until = crossing + self._dead
                found.append(crossing)
        return np.array(found, np.int64)
