"""An animal that does what a script says, frame by frame: for tests of what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig_adapters.stimulus.behaviour.base import Look


@dataclass(frozen=True)
class Deeds:
    """What happens in one try at a trial, in frames.

    `acquired_after`: from the spot's first frame; None where nobody looks. `broken_after`: from the
    frame at which fixation was acquired; None where it is held.
    """

    acquired_after: int | None = 0
    broken_after: int | None = None


class ScriptedBehaviour:
    """Implements `Behaviour`: one entry of `script` for each spot that comes on; then it holds.

    A spot waits for `patience_frames` frames after its first one.
    """

    def __init__(
        self, script: Sequence[Deeds], refresh_hz: float, patience_frames: int = 3
    ) -> None:
        self._period_s = 1.0 / refresh_hz
        # Half a frame early, so that rounding moves nothing to another frame.
        self.acquisition_timeout_s = (patience_frames - 0.5) * self._period_s
        self.ended: list[bool] = []
        self.closed = False
        self._script = list(script)
        self._due: list[Look] = []

    def begin_trial(self, trial_id: int, spot_on_s: float, hold_s: float) -> None:  # noqa: ARG002
        """Take the next entry of the script."""
        deeds = self._script.pop(0) if self._script else Deeds()
        self._due = []
        if deeds.acquired_after is None:
            return
        acquired_s = spot_on_s + (deeds.acquired_after - 0.5) * self._period_s
        self._due.append(Look("acquired", max(spot_on_s, acquired_s)))
        if deeds.broken_after is not None:
            after = deeds.acquired_after + deeds.broken_after - 0.25
            self._due.append(Look("broken", max(spot_on_s, spot_on_s + after * self._period_s)))

    def watch(self, through_s: float) -> Sequence[Look]:
        """Return what happened until then."""
        happened = [look for look in self._due if look.time_s <= through_s + 1e-9]
        self._due = self._due[len(happened) :]
        return happened

    def end_trial(self, ended_s: float, completed: bool) -> None:  # noqa: ARG002 - the script knows
        """Note how it went."""
        self._due = []
        self.ended.append(completed)

    def close(self) -> None:
        """Note that nobody watches any more."""
        self.closed = True
