"""A simulated animal: looks at the spot after a while, looks away in some trials, and tires.

How good a day it has may differ from session to session.

Everything random has an address (seed, trial, try at it), so a session is the same each time,
however its messages are timed, and goes on the same after a crash. It knows neither images nor
spikes; that it does not see what is not shown takes care of itself.
"""

import math
from collections.abc import Sequence

import numpy as np

from rig_adapters.stimulus.behaviour.base import Look
from rig_adapters.wire.animal import SimulatedAnimalSettings

LATENCY_SPREAD = 0.3
"""Standard deviation of the logarithm of the time until it looks (a third, up or down)."""
_DAY = 0
"""Address of what is drawn once for a session; those of trials have two parts."""


class SimulatedAnimal:
    """Implements `Behaviour`; how tired it is follows from the trial's id, which counts up."""

    def __init__(self, settings: SimulatedAnimalSettings, seed: int) -> None:
        self.acquisition_timeout_s = settings.acquisition_timeout_s
        self._settings = settings
        self._seed = seed
        self.correct_probability = _probability_of_day(settings, seed)
        """Share of the begun trials that it completes when fresh, in this session."""
        self._trial_id: int | None = None
        self._tries = 0
        self._due: list[Look] = []

    def begin_trial(self, trial_id: int, spot_on_s: float, hold_s: float) -> None:
        """Decide what the animal is going to do in this trial."""
        self._tries = self._tries + 1 if trial_id == self._trial_id else 0
        self._trial_id = trial_id
        self._due = []
        settings, slowness = self._settings, self._slowness(trial_id)
        rng = self._rng(trial_id)
        attends, completes, moment = rng.random(3)
        if attends < settings.inattentive_probability:
            return
        latency_s = settings.acquisition_s * slowness
        latency_s *= math.exp(LATENCY_SPREAD * float(rng.standard_normal()))
        acquired_s = spot_on_s + latency_s
        self._due.append(Look("acquired", acquired_s))
        if completes >= self.correct_probability / slowness:
            self._due.append(Look("broken", acquired_s + float(moment) * hold_s))

    def watch(self, through_s: float) -> Sequence[Look]:
        """Return what it did until `through_s`."""
        happened = [look for look in self._due if look.time_s <= through_s]
        self._due = self._due[len(happened) :]
        return happened

    def end_trial(self, ended_s: float, completed: bool) -> None:  # noqa: ARG002 - it has no mood
        """Look wherever it likes."""
        self._due = []

    def close(self) -> None:
        """Do nothing: it is made of numbers."""

    def _slowness(self, trial_id: int) -> float:
        return 1.0 + self._settings.slowing_per_100_trials * max(0, trial_id) / 100.0

    def _rng(self, trial_id: int) -> np.random.Generator:
        # Keys cannot be negative; no two ids meet.
        place = 2 * trial_id if trial_id >= 0 else -2 * trial_id - 1
        key = (place, self._tries)
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))


def _probability_of_day(settings: SimulatedAnimalSettings, seed: int) -> float:
    usual, sd = settings.correct_probability, settings.correct_log_odds_sd
    if not sd or usual in (0.0, 1.0):
        return usual
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_DAY,)))
    log_odds = math.log(usual / (1.0 - usual)) + sd * float(rng.standard_normal())
    return 0.5 * (1.0 + math.tanh(0.5 * log_odds))
