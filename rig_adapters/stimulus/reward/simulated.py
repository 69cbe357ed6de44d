"""Rewards that open nothing: none at all, and pulses that are only told."""

import logging

logger = logging.getLogger(__name__)


class NoReward:
    """Implements `Reward` where somebody else pays, or nobody is there to be paid."""

    acquired_pulse_s = 0.0
    completed_pulse_s = 0.0
    ml_per_s = 0.0

    def pulse(self, duration_s: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SimulatedReward:
    """Implements `Reward`; takes no time, and keeps what was ordered in `pulses_s`."""

    def __init__(self, acquired_pulse_s: float, completed_pulse_s: float, ml_per_s: float) -> None:
        self.acquired_pulse_s = acquired_pulse_s
        self.completed_pulse_s = completed_pulse_s
        self.ml_per_s = ml_per_s
        self.pulses_s: list[float] = []
        self._open = True

    def pulse(self, duration_s: float) -> None:
        """Note a pulse."""
        if self._open:
            self.pulses_s.append(duration_s)

    def close(self) -> None:
        """Say how much it would have been."""
        if self._open and self.pulses_s:
            ml = sum(self.pulses_s) * self.ml_per_s
            logger.info("%d simulated reward pulses, %.2f ml", len(self.pulses_s), ml)
        self._open = False
