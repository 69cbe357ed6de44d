"""The role of a behaviour: it says when the animal began to fixate, and when it looked away.

It is told when a trial begins and how it ended, and asked after every flip what has happened until
then. What follows for the screen is `rig_adapters.stimulus.trial`'s, what follows for the images is
the daemon's, and rewards are in `rig_adapters.stimulus.reward`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Look:
    """What the eyes did, and when, on the clock of the flips."""

    what: Literal["acquired", "broken"]
    time_s: float


class Behaviour(Protocol):
    """Watches one animal; its clock is that of the flips."""

    acquisition_timeout_s: float
    """How long a fixation spot waits to be looked at."""

    def begin_trial(self, trial_id: int, spot_on_s: float, hold_s: float) -> None:
        """Note that the spot came on; fixation is to be held for `hold_s` once it is acquired.

        A trial that was not begun because nobody looked begins again under the same id.
        """
        ...

    def watch(self, through_s: float) -> Sequence[Look]:
        """Return what happened since the last call, up to `through_s`, in order.

        Within a trial: at most one "acquired", not before the spot came on, and at most one
        "broken", not before the "acquired". Outside of trials: nothing. It never waits.
        """
        ...

    def end_trial(self, ended_s: float, completed: bool) -> None:
        """Note that the spot went off, and whether fixation was held until then."""
        ...

    def close(self) -> None:
        """Watch no more; also before the first trial, and twice."""
        ...
