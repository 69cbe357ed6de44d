"""What an emulated recording system records: spikes and edges by sample, wherever they come from.

A `WatchedWorld` has simulated neurons that look at the screen of a session; a `SteadyWorld` fires
and blinks by itself, as often as it is told, on as many channels. Speaking a vendor's protocol is
left to the emulators, and recordings to be played are worlds that a lab can add.
"""

import time
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from rig_adapters.light import LightWatcher
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.sim.simulation import Recorded, Simulation
from rig_adapters.units import unit_id_of

LIGHT_DELAY_S = 0.03
"""How far an emulator stays behind, so that light has come before its time is recorded."""
_MOST_LIGHT_AT_ONCE = 256


class World(Protocol):
    """What happens, counted in samples of the acquisition clock."""

    sample_rate_hz: float
    unit_ids: tuple[int, ...]

    def begin(self) -> int:
        """Begin now; return the first sample. What was before is not recorded."""

    def now(self) -> int:
        """Return the sample up to which can be recorded by now."""

    def take(self, through_sample: int) -> Recorded:
        """Return what was recorded since the last call, to `through_sample`."""

    def close(self) -> None:
        """End."""


class WatchedWorld:
    """Simulated neurons that see the light of a session's display."""

    def __init__(self, light_endpoint: str, settings: SimRigSettings, seed: int) -> None:
        self._simulation = Simulation(settings, seed)
        self._watcher = LightWatcher(light_endpoint)
        self.sample_rate_hz = settings.sample_rate_hz
        self.unit_ids = tuple(unit.unit_id for unit in settings.units)

    def begin(self) -> int:
        """Begin now; return the first sample."""
        return self._simulation.begin(time.monotonic() - LIGHT_DELAY_S)

    def now(self) -> int:
        """Return the sample up to which light has come."""
        return self._simulation.clock.sample(time.monotonic() - LIGHT_DELAY_S)

    def take(self, through_sample: int) -> Recorded:
        """Return what was recorded since the last call, to `through_sample`."""
        for _ in range(_MOST_LIGHT_AT_ONCE):
            if not self._watcher.any_more():
                break
            light = self._watcher.receive(0)
            if light is not None:
                self._simulation.see(light)
        return self._simulation.take_samples(through_sample)

    def close(self) -> None:
        """Look away."""
        self._watcher.close()


class SteadySettings(BaseModel):
    """A world that needs no screen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    channels: int = Field(default=4, ge=1, le=4096, description="electrodes, one unit on each")
    rate_hz: float = Field(default=10.0, ge=0, le=1000, description="mean rate of each unit")
    onset_interval_s: float = Field(
        default=0.15, ge=0, description="from one onset to the next; 0: there are none"
    )
    sample_rate_hz: float = Field(default=30_000.0, ge=1000, le=1e6)
    speed: float = Field(default=1.0, gt=0, le=1000, description="how much faster than time")


class SteadyWorld:
    """Units that fire at random at one rate, and onsets at even intervals; from sample 0.

    What happens in each tenth of a second follows from the seed and its number alone.
    """

    def __init__(self, settings: SteadySettings, seed: int) -> None:
        self.sample_rate_hz = settings.sample_rate_hz
        self.unit_ids = tuple(unit_id_of(channel, 1) for channel in range(1, settings.channels + 1))
        self._settings = settings
        self._seed = seed
        self._chunk = round(0.1 * settings.sample_rate_hz)
        self._began_s = time.monotonic()
        self._through = 0

    def begin(self) -> int:
        """Begin now; return the first sample."""
        self._through = self.now()
        return self._through

    def now(self) -> int:
        """Return the sample that is recorded now."""
        passed_s = (time.monotonic() - self._began_s) * self._settings.speed
        return int(passed_s * self.sample_rate_hz)

    def take(self, through_sample: int) -> Recorded:
        """Return what happened since the last call, to `through_sample`."""
        start, through = self._through, max(self._through, through_sample)
        self._through = through
        chunks = [
            self._spikes_of(n) for n in range(start // self._chunk, through // self._chunk + 1)
        ]
        samples = np.concatenate([samples for samples, _ in chunks])
        units = np.concatenate([units for _, units in chunks])
        inside = (samples >= start) & (samples < through)
        return Recorded(
            start, through, samples[inside], units[inside], self._onsets(start, through)
        )

    def close(self) -> None:
        """Nothing is open."""

    def _spikes_of(self, chunk: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        rng = np.random.default_rng((self._seed, chunk))
        mean = self._settings.rate_hz * self._chunk / self.sample_rate_hz
        counts = rng.poisson(mean, len(self.unit_ids))
        units = np.repeat(np.array(self.unit_ids, np.int32), counts)
        samples = chunk * self._chunk + rng.integers(0, self._chunk, units.size)
        # A unit does not fire twice in one sample.
        pairs = np.unique(np.stack([samples, units.astype(np.int64)]), axis=1)
        return pairs[0], pairs[1].astype(np.int32)

    def _onsets(self, start: int, through: int) -> npt.NDArray[np.int64]:
        every = round(self._settings.onset_interval_s * self.sample_rate_hz)
        if not every:
            return np.zeros(0, np.int64)
        return np.arange(-(-start // every), -(-through // every), dtype=np.int64) * every
