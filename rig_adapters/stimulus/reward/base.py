"""The role of a reward: pulses of a known length that open a valve of a known flow.

When a pulse is due is the trial's business. What was ordered is in the log; that the juice flowed,
only the lab's own look at the tube can say.
"""

from typing import Protocol


class Reward(Protocol):
    """Opens a valve for moments."""

    acquired_pulse_s: float
    """How long for a fixation that was acquired; 0 for none."""
    completed_pulse_s: float
    """How long for a trial that was completed; 0 for none."""
    ml_per_s: float
    """What flows while the valve is open."""

    def pulse(self, duration_s: float) -> None:
        """Open the valve for `duration_s`, and return at once.

        A pulse that comes before the last one is over follows it. Raises BehaviourError where the
        valve did not do as it was told, now or at an earlier pulse.
        """
        ...

    def close(self) -> None:
        """Leave the valve closed, whatever was under way; also before any pulse, and twice."""
        ...
