"""The simulated acquisition system's sample clock, with an offset and a drift of its own."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from rig_adapters.clocks import ClockMap
from rig_adapters.sim.settings import SimRigSettings

Samples = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SampleClock:
    """Counts samples; every time that the rig reports is a whole number of them."""

    truth: ClockMap
    sample_rate_hz: float

    @classmethod
    def from_settings(cls, settings: SimRigSettings) -> Self:
        """Make the clock that the settings describe."""
        drift = settings.clock_drift_ppm * 1e-6
        truth = ClockMap(settings.clock_offset_s, drift, residual_s=0.0, n_pairs=0)
        return cls(truth, settings.sample_rate_hz)

    def samples(self, host_s: npt.ArrayLike) -> Samples:
        """Turn host times (...) into the samples (...) in which they fall."""
        return np.floor(self.truth.to_rig(host_s) * self.sample_rate_hz).astype(np.int64)

    def sample(self, host_s: float) -> int:
        """Return the sample in which one host time falls."""
        return int(self.samples(host_s))

    def seconds(self, samples: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Turn samples (...) into rig times (...) in seconds."""
        return np.asarray(samples, np.int64) / self.sample_rate_hz
