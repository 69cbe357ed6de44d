"""From what an image evokes in all units to their spikes: gains, background, latency, noise.

    evoked rate → adaptation → gains → ceiling → background → latency, time course → spikes

What is off draws no random number, so that what is on changes nothing else. Which spikes are lost
on the way to the recording is `losses`'s.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from rig_adapters.sim.adaptation import AdaptationState
from rig_adapters.sim.neurons.base import Rates
from rig_adapters.sim.neurons.settings import UnitSettings
from rig_adapters.sim.randomness import Purpose, rng_at
from rig_adapters.sim.response import Seconds, course, evoked_spikes_s
from rig_adapters.sim.settings import SimRigSettings


class Answers:
    """What units answer to one image after another."""

    def __init__(self, settings: SimRigSettings, seed: int) -> None:
        self._units: Sequence[UnitSettings] = settings.units
        self._variability = settings.variability
        self._time_course = settings.time_course
        self._seed = seed
        self._courses = [course(_transient(settings, unit)) for unit in self._units]
        self.background_hz = np.array([_background_hz(settings, unit) for unit in self._units])
        """(u,) drawn once for a session."""
        self._room_hz = np.array([unit.room_hz for unit in self._units])
        self._adaptation = AdaptationState(settings.adaptation, len(self._units))

    def spikes_s(
        self, n_onset: int, host_s: float, sha256: str, evoked_hz: Rates, gain: float
    ) -> Iterator[tuple[UnitSettings, Seconds]]:
        """Yield each unit with its spikes (k,) from onset.

        n_onset: which of all onsets it is, the address of its noise.
        gain: of all units, slowly wandering.
        """
        adapted_hz = evoked_hz * self._adaptation.factors(host_s, sha256)
        gains = gain * self._presentation_gains(n_onset)
        tuned_hz = np.minimum(gains * adapted_hz, self._room_hz)
        self._adaptation.answered(host_s, sha256, tuned_hz / self._room_hz)
        rates_hz = tuned_hz + gains * self.background_hz
        for unit, rate_hz, shape in zip(self._units, rates_hz, self._courses, strict=True):
            rng = rng_at(self._seed, Purpose.EVOKED, n_onset, unit.unit_id)
            latency_s = self._latency_s(n_onset, unit, float(rate_hz))
            evenly = self._variability.counts == "even"
            yield unit, evoked_spikes_s(float(rate_hz), latency_s, rng, shape, evenly=evenly)

    def _presentation_gains(self, n_onset: int) -> Rates:
        """Gains (u,) of one presentation: log-normal with mean 1, and the published noise.

        A gain for each presentation makes the variance of counts mean + cv² mean² (Goris,
        Movshon & Simoncelli 2014).
        """
        gains = np.ones(len(self._units))
        variability = self._variability
        if variability.presentation_gain_cv:
            sd = math.sqrt(math.log1p(variability.presentation_gain_cv**2))
            shared = variability.presentation_gain_correlation
            common = rng_at(self._seed, Purpose.SHARED, n_onset).standard_normal()
            own = self._own(n_onset, 0)
            deviations = math.sqrt(shared) * common + math.sqrt(1.0 - shared) * own
            gains *= np.exp(sd * deviations - sd**2 / 2)
        if variability.multiplicative_noise:
            # Wang & Ponce 2022.
            gains *= np.maximum(0.0, 1.0 + variability.multiplicative_noise * self._own(n_onset, 1))
        return gains

    def _latency_s(self, n_onset: int, unit: UnitSettings, rate_hz: float) -> float:
        settings = self._time_course
        latency_s = unit.latency_s
        if settings.latency_of_weakest_s:
            latency_s += settings.latency_of_weakest_s * max(0.0, 1.0 - rate_hz / unit.room_hz)
        if settings.latency_jitter_s:
            rng = rng_at(self._seed, Purpose.OWN, n_onset, unit.unit_id, 2)
            latency_s += settings.latency_jitter_s * float(rng.standard_normal())
        return max(0.0, latency_s)

    def _own(self, n_onset: int, which: int) -> Rates:
        """Independent normal deviates (u,) of one presentation."""
        return np.array(
            [
                rng_at(self._seed, Purpose.OWN, n_onset, unit.unit_id, which).standard_normal()
                for unit in self._units
            ]
        )


def _transient(settings: SimRigSettings, unit: UnitSettings) -> float:
    low, high = settings.time_course.transient_range
    if low == high:
        return low
    rng = rng_at(settings.day_seed, Purpose.TIME_COURSE, unit.unit_id)
    return float(rng.uniform(low, high))


def _background_hz(settings: SimRigSettings, unit: UnitSettings) -> float:
    background = settings.background
    if not background.rate_hz or not background.spread:
        return background.rate_hz
    rng = rng_at(settings.day_seed, Purpose.BACKGROUND, unit.unit_id)
    return background.rate_hz * math.exp(background.spread * float(rng.standard_normal()))
