"""Continuous channels of an emulated recorder: noise with spikes in it, and photodiodes.

Noise has an address: the same channel and sample always have the same value, however the recording
is cut, so whoever checks an adapter can make the same signal again from the truth. It repeats after
some seconds, which is no harm where only thresholds look at it.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from rig_adapters.acquisition.source import Samples

Signal = npt.NDArray[np.float32]

_POOL = 2**18
_PRIME = 7919
"""Channels begin at places in the pool that are this far apart."""
SPIKE_S = 0.0015
DEPTH_UV = 120.0
REBOUND_UV = 30.0


def spike_shape(sample_rate_hz: float) -> Signal:
    """Return a spike (n,) in µV, whose deepest sample is its first: that is where it happened."""
    t = np.arange(round(SPIKE_S * sample_rate_hz)) / sample_rate_hz
    down = -(DEPTH_UV + REBOUND_UV) * np.exp(-t / 1.2e-4)
    return (down + REBOUND_UV * np.exp(-t / 4e-4)).astype(np.float32)


@cache
def _pool() -> Signal:
    return np.random.default_rng(1).standard_normal(_POOL, np.float32)


def noise(channel: int, first_sample: int, n_samples: int, sd_uv: float) -> Signal:
    """Return the noise (n,) of a channel from a sample on."""
    at = (first_sample + _PRIME * channel + np.arange(n_samples)) % _POOL
    return _pool()[at] * np.float32(sd_uv)


class Electrode:
    """One channel, block after block."""

    def __init__(self, channel: int, sample_rate_hz: float, noise_uv: float) -> None:
        self._channel = channel
        self._noise_uv = noise_uv
        self._shape = spike_shape(sample_rate_hz)
        self._tail = np.zeros(0, np.int64)
        """Spikes that may reach into the next block."""

    def record(self, first_sample: int, n_samples: int, spikes: Samples) -> Signal:
        """Return the signal (n,) of a block in which the channel's units fire at `spikes` (k,)."""
        values = noise(self._channel, first_sample, n_samples, self._noise_uv)
        all_spikes = np.concatenate([self._tail, spikes])
        at = (all_spikes[:, None] + np.arange(self._shape.size) - first_sample).ravel()
        inside = (at >= 0) & (at < n_samples)
        np.add.at(values, at[inside], np.tile(self._shape, all_spikes.size)[inside])
        through = first_sample + n_samples
        self._tail = all_spikes[all_spikes + self._shape.size > through]
        return values


class Photodiode:
    """A channel that sees a patch change, block after block; dark at first."""

    def __init__(self, channel: int, dark: float, lit: float, noise: float) -> None:
        self._channel = channel
        self._levels = np.array([dark, lit], np.float32)
        self._noise = noise
        self._lit = 0

    def record(self, first_sample: int, n_samples: int, edges: Samples) -> Signal:
        """Return the signal (n,) of a block in which the patch changes at `edges` (m,)."""
        changes = np.zeros(n_samples, np.int64)
        np.add.at(changes, edges - first_sample, 1)
        lit = (self._lit + np.cumsum(changes)) % 2
        self._lit = int(lit[-1]) if n_samples else self._lit
        return self._levels[lit] + noise(self._channel, first_sample, n_samples, self._noise)
