"""Fixates always; for sessions in which nobody watches the eyes here."""

from collections.abc import Sequence

from rig_adapters.stimulus.behaviour.base import Look


class AlwaysFixating:
    """Implements `Behaviour`: looks at the spot when it comes on, and never away."""

    acquisition_timeout_s = float("inf")

    def __init__(self) -> None:
        self._acquires_s: float | None = None

    def begin_trial(self, trial_id: int, spot_on_s: float, hold_s: float) -> None:  # noqa: ARG002
        """Look at the spot at once."""
        self._acquires_s = spot_on_s

    def watch(self, through_s: float) -> Sequence[Look]:  # noqa: ARG002 - it is known at once
        """Say once that fixation was acquired."""
        acquired_s, self._acquires_s = self._acquires_s, None
        return () if acquired_s is None else (Look("acquired", acquired_s),)

    def end_trial(self, ended_s: float, completed: bool) -> None:  # noqa: ARG002 - all the same
        """Look no more until the next spot."""
        self._acquires_s = None

    def close(self) -> None:
        """Do nothing: nothing was opened."""
