"""From gaze samples to fixations: acquired and broken at a window round the fixation spot. Pure.

Where samples come from is a `GazeSource`'s: PsychoPy's ioHub (`iohub`), or a recorded stream.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.behaviour.base import Look
from rig_adapters.wire.animal import EyeTrackerSettings

SILENCE_S = 2.0
"""A tracker that sends nothing for so long in a trial, not even that it lost the eye, is off."""
GAP_S = 0.2
"""For how long samples may be missing in a fixation; they come every 20 ms or more often."""


@dataclass(frozen=True, slots=True)
class GazeSample:
    """Where the eye looked, in degrees right and up of the screen's middle; NaN where lost."""

    time_s: float
    x_deg: float
    y_deg: float


class GazeSource(Protocol):
    """An eye tracker, read without ever waiting."""

    def samples(self) -> Sequence[GazeSample]:
        """Return the samples since the last call, in order, on the clock of the flips."""
        ...

    def close(self) -> None:
        """Let go of the tracker; also twice."""
        ...


class GazeWindow:
    """Implements `Behaviour` for gaze samples: fixating means within a circle round the spot.

    A blink, for which the tracker loses the eye, breaks nothing as long as it is short. The moment
    of a break by a longer one is that at which the eye was lost. Where no samples come for longer
    than `GAP_S` and than a blink may last, nobody knows where the eye is: that is a break at the
    last sample.
    """

    def __init__(
        self,
        source: GazeSource,
        settings: EyeTrackerSettings,
        spot_deg: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.acquisition_timeout_s = settings.acquisition_timeout_s
        self._source = source
        self._settings = settings
        self._spot_deg = spot_deg
        self._waiting: deque[GazeSample] = deque()
        self._state = "between"
        self._began_s = 0.0
        self._heard_s = -math.inf
        self._lost_s: float | None = None

    def begin_trial(self, trial_id: int, spot_on_s: float, hold_s: float) -> None:  # noqa: ARG002
        """Look out for a gaze within the window, from now on."""
        self._state, self._began_s, self._lost_s = "waiting", spot_on_s, None
        self._heard_s = max(self._heard_s, spot_on_s)

    def watch(self, through_s: float) -> Sequence[Look]:
        """Return whether the gaze has come into the window or left it.

        Raises BehaviourError where the tracker sends nothing at all.
        """
        self._waiting.extend(self._source.samples())
        looks: list[Look] = []
        while self._waiting and self._waiting[0].time_s <= through_s:
            sample = self._waiting.popleft()
            if self._state != "between" and sample.time_s >= self._began_s:
                looks += self._missed(sample.time_s) or self._judged(sample)
            self._heard_s = max(self._heard_s, sample.time_s)
        looks += self._missed(through_s)
        if self._state in ("waiting", "fixating") and through_s - self._heard_s > SILENCE_S:
            raise BehaviourError(
                f"the eye tracker has sent no sample for {through_s - self._heard_s:.1f} s: see "
                "whether it is on, recording, and what its log says; then neuroloop resume"
            )
        return looks

    def end_trial(self, ended_s: float, completed: bool) -> None:  # noqa: ARG002 - the eyes are free
        """Take no notice of the gaze until the next spot."""
        self._state = "between"

    def close(self) -> None:
        """Let go of the tracker."""
        self._source.close()

    def _missed(self, until_s: float) -> list[Look]:
        """Break a fixation of which nothing was heard for too long."""
        longest_s = max(GAP_S, self._settings.longest_blink_s)
        if self._state != "fixating" or until_s - self._heard_s <= longest_s:
            return []
        self._state = "broken"
        return [Look("broken", self._heard_s if self._lost_s is None else self._lost_s)]

    def _judged(self, sample: GazeSample) -> list[Look]:
        if self._state == "broken":
            return []
        distance_deg = math.hypot(
            sample.x_deg - self._spot_deg[0], sample.y_deg - self._spot_deg[1]
        )
        if math.isnan(distance_deg):
            return self._lost(sample.time_s)
        self._lost_s = None
        inside = distance_deg <= self._settings.window_radius_deg
        if self._state == "waiting" and inside:
            self._state = "fixating"
            return [Look("acquired", sample.time_s)]
        if self._state == "fixating" and not inside:
            self._state = "broken"
            return [Look("broken", sample.time_s)]
        return []

    def _lost(self, time_s: float) -> list[Look]:
        if self._lost_s is None:
            self._lost_s = time_s
        if self._state != "fixating" or time_s - self._lost_s < self._settings.longest_blink_s:
            return []
        self._state = "broken"
        return [Look("broken", self._lost_s)]
