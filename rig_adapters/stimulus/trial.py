"""One try at a trial: from the fixation spot until it goes off, as the behaviour saw it.

It keeps what happened and pays the reward; what is on the screen meanwhile is the block's business,
and which presentations count is the daemon's.
"""

from rig_adapters.stimulus.behaviour.base import Behaviour
from rig_adapters.stimulus.reward.base import Reward
from rig_adapters.stimulus.schedule import held_frames
from rig_adapters.wire.messages import PlannedTrial, TrialEnded


class TrialWatch:
    """Follows one try at `trial`, whose spot came on with the flip at `spot_on_s`."""

    def __init__(
        self,
        trial: PlannedTrial,
        behaviour: Behaviour,
        reward: Reward,
        spot_on_s: float,
        period_s: float,
    ) -> None:
        self.acquired_s: float | None = None
        self.broken_s: float | None = None
        self._trial = trial
        self._behaviour = behaviour
        self._reward = reward
        self._spot_on_s = spot_on_s
        self._pulses_s: list[float] = []
        behaviour.begin_trial(trial.trial_id, spot_on_s, held_frames(trial) * period_s)
        self.flipped(spot_on_s)

    def flipped(self, flip_s: float) -> None:
        """Look what the animal has done until this flip."""
        for look in self._behaviour.watch(flip_s):
            if look.what == "acquired":
                self.acquired_s = look.time_s
                self._pay(self._reward.acquired_pulse_s)
            else:
                self.broken_s = look.time_s

    @property
    def is_held(self) -> bool:
        """Whether fixation was acquired and is not broken yet."""
        return self.acquired_s is not None and self.broken_s is None

    def is_unattended(self, flip_s: float) -> bool:
        """Whether the spot has waited long enough for somebody to look at it."""
        waited_s = flip_s - self._spot_on_s
        return self.acquired_s is None and waited_s >= self._behaviour.acquisition_timeout_s

    def ended(self, spot_off_s: float, cut_short: bool) -> TrialEnded:
        """End the trial with the flip at `spot_off_s` and pay for it; return what to report.

        `cut_short`: it was stopped from outside, so that it cannot be completed any more.
        """
        if self.is_held:
            # Whoever looks at last at a spot that is going off has not begun the trial.
            self.flipped(spot_off_s)
        completed = self.is_held and not cut_short
        if completed:
            self._pay(self._reward.completed_pulse_s)
        self._behaviour.end_trial(spot_off_s, completed)
        pulse_s = sum(self._pulses_s)
        return TrialEnded(
            trial_id=self._trial.trial_id,
            spot_on_host_s=self._spot_on_s,
            acquired_host_s=self.acquired_s,
            broken_host_s=self.broken_s,
            spot_off_host_s=spot_off_s,
            completed=completed,
            reward_pulses=len(self._pulses_s),
            reward_pulse_s=pulse_s,
            reward_ml=pulse_s * self._reward.ml_per_s,
        )

    def _pay(self, pulse_s: float) -> None:
        if pulse_s > 0:
            self._reward.pulse(pulse_s)
            self._pulses_s.append(pulse_s)
