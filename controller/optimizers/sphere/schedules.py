"""How the exploration angle falls over the generations (Wang & Ponce 2022).

The angle is that between the centre of a generation and its samples, as expected in many
dimensions. What is left out: the evidence; a schedule follows the clock, whatever the scores say.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

ScheduleKind: TypeAlias = Literal["exp", "inv", "lin", "constant"]
AfterSchedule: TypeAlias = Literal["hold", "continue"]

_INV_FLOOR_DEG = 15.0
_INV_SLOPE_PER_DEG = 0.0017
_INV_OFFSET_PER_DEG = 0.0146


@dataclass(frozen=True)
class AngleSchedule:
    """Angles by step; step 1 is the first generation that is sampled.

    kind: "exp" falls by the same factor at each step, "lin" by the same angle; "inv" is
        15° + 1 / (0.0017 t + 0.0146) and has no limits to choose; "constant" stays.
    first_angle_deg: angle at step 1, and throughout where the kind is "constant".
    last_angle_deg: angle at step `schedule_length`.
    schedule_length: steps.
    after_schedule: "hold" the last angle, or "continue" the formula ("lin" cannot, it reaches 0).
    """

    kind: ScheduleKind
    first_angle_deg: float
    last_angle_deg: float
    schedule_length: int
    after_schedule: AfterSchedule

    def angle_deg(self, step: int) -> float:
        """Angle at `step`, counted from 1."""
        t = min(step, self.schedule_length) if self.after_schedule == "hold" else step
        passed = (t - 1) / (self.schedule_length - 1)
        if self.kind == "exp":
            return self.first_angle_deg * float(
                (self.last_angle_deg / self.first_angle_deg) ** passed
            )
        if self.kind == "inv":
            return _INV_FLOOR_DEG + 1.0 / (_INV_SLOPE_PER_DEG * t + _INV_OFFSET_PER_DEG)
        if self.kind == "lin":
            return self.first_angle_deg + (self.last_angle_deg - self.first_angle_deg) * passed
        return self.first_angle_deg
