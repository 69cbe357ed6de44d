"""What is lost of a recording, and when: units, spikes, stretches, replies, the rig itself.

When something happens follows from the day's seed and the hour of the screen's clock, not from what
was seen before, so that a rig that was started anew goes on with the same day. Units are lost
relative to when the day began: in virtual time at 0, in real time when the rig was started.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.day_settings import Losses
from rig_adapters.sim.randomness import Purpose, rng_at

HOUR_S = 3600.0
COMES_BACK_FOR_S = 60.0
"""A recording system that has just come back is not lost again for so long."""

Seconds = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stretch:
    """`[from_s, to_s)` on the screen's clock."""

    from_s: float
    to_s: float


class LossesOfDay:
    """Answers what is lost at which time of the day that `day_seed` stands for.

    began_s: when the day began; recording_s: since when this recording system is there.
    """

    def __init__(self, settings: Losses, day_seed: int, began_s: float) -> None:
        self.settings = settings
        self._seed = day_seed
        self.began_s = self.recording_s = began_s
        self._known: dict[tuple[int, ...], tuple[Stretch, ...]] = {}

    def lost_from_s(self, unit_id: int) -> float:
        """Return from when a unit is silent for good; infinity where that is never."""
        if not self.settings.units_lost_per_hour:
            return math.inf
        rng = rng_at(self._seed, Purpose.LOST, unit_id)
        mean_s = HOUR_S / self.settings.units_lost_per_hour
        return self.began_s + float(rng.exponential(mean_s))

    def silences(self, unit_id: int, from_s: float, to_s: float) -> list[Stretch]:
        """Return when within `[from_s, to_s]` a unit is silent, whatever is shown."""
        settings = self.settings
        found = self._stretches(
            Purpose.DROPOUT,
            settings.dropouts_per_hour,
            settings.dropout_s,
            Stretch(from_s, to_s),
            unit_id,
        )
        lost_s = self.lost_from_s(unit_id)
        return [*found, Stretch(lost_s, math.inf)] if lost_s <= to_s else found

    def heard(self, unit_id: int, spikes_s: Seconds, missed: np.random.Generator | None) -> Flags:
        """Return which spikes (k,) of a unit are recorded; `missed` draws those that are not."""
        heard: Flags = np.ones(spikes_s.size, np.bool_)
        if missed is not None:
            heard &= missed.random(spikes_s.size) >= self.settings.missed_spikes
        if spikes_s.size and self._units_fall_silent:
            for silence in self.silences(unit_id, float(spikes_s.min()), float(spikes_s.max())):
                heard &= (spikes_s < silence.from_s) | (spikes_s >= silence.to_s)
        return heard

    def gaps(self, from_s: float, to_s: float) -> list[Stretch]:
        """Return what the rig says it lost of `[from_s, to_s)`; in order, apart, and within it."""
        settings, within = self.settings, Stretch(from_s, to_s)
        found = self._stretches(Purpose.GAP, settings.gaps_per_hour, settings.gap_s, within)
        apart: list[Stretch] = []
        for gap in found:
            if gap.from_s >= to_s or gap.to_s <= from_s:
                continue
            begin, end = max(gap.from_s, from_s), min(gap.to_s, to_s)
            if apart and begin <= apart[-1].to_s:
                apart[-1] = Stretch(apart[-1].from_s, max(end, apart[-1].to_s))
            else:
                apart.append(Stretch(begin, end))
        return apart

    def is_missing(self, from_s: float, to_s: float) -> bool:
        """Whether the message about `[from_s, to_s)` never comes."""
        return self._any(Purpose.MISSING, self.settings.missing_replies_per_hour, from_s, to_s)

    def is_late(self, from_s: float, to_s: float) -> bool:
        """Whether the message about `[from_s, to_s)` comes late."""
        return self._any(Purpose.LATE, self.settings.late_replies_per_hour, from_s, to_s)

    def disconnects(self, from_s: float, to_s: float) -> bool:
        """Whether the recording system is lost within `[from_s, to_s)`."""
        from_s = max(from_s, self.recording_s + COMES_BACK_FOR_S)
        return self._any(Purpose.DISCONNECT, self.settings.disconnects_per_hour, from_s, to_s)

    @cached_property
    def _units_fall_silent(self) -> bool:
        return bool(self.settings.units_lost_per_hour or self.settings.dropouts_per_hour)

    def _any(self, purpose: Purpose, per_hour: float, from_s: float, to_s: float) -> bool:
        found = self._stretches(purpose, per_hour, 0.0, Stretch(from_s, to_s))
        return any(from_s <= moment.from_s < to_s for moment in found)

    def _stretches(
        self, purpose: Purpose, per_hour: float, mean_s: float, within: Stretch, *unit: int
    ) -> list[Stretch]:
        """Return stretches that touch `within`, by their beginning; those of an hour before too."""
        if not per_hour:
            return []
        first, last = (math.floor(time_s / HOUR_S) for time_s in (within.from_s, within.to_s))
        found = [
            stretch
            for hour in range(first - 1, last + 1)
            for stretch in self._of_hour(purpose, per_hour, mean_s, hour, *unit)
        ]
        return [s for s in found if s.from_s <= within.to_s and s.to_s >= within.from_s]

    def _of_hour(
        self, purpose: Purpose, per_hour: float, mean_s: float, hour: int, *unit: int
    ) -> tuple[Stretch, ...]:
        key = (int(purpose), hour, *unit)
        if key not in self._known:
            rng = rng_at(self._seed, purpose, hour, *unit)
            n = rng.poisson(per_hour)
            begins = HOUR_S * (hour + np.sort(rng.random(n)))
            lengths = rng.exponential(mean_s, n) if mean_s else np.zeros(n)
            self._known[key] = tuple(
                Stretch(float(b), float(b + d)) for b, d in zip(begins, lengths, strict=True)
            )
        return self._known[key]
