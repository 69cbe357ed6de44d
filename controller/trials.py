"""What the stimulus process reports of trials, counted: for outcomes, and for the operator."""

from dataclasses import dataclass

from rig_adapters.wire.messages import Presented, TrialEnded


@dataclass
class TrialCounts:
    """What the animal has done so far: trials that it began and completed, and what it drank."""

    begun: int = 0
    completed: int = 0
    reward_ml: float = 0.0

    def add(self, trial: TrialEnded) -> None:
        """Count one more."""
        self.begun += trial.acquired_host_s is not None
        self.completed += trial.completed
        self.reward_ml += trial.reward_ml


@dataclass
class PartReports:
    """What the stimulus process has reported of a part: by presentation, and spot by spot."""

    presented: dict[int, Presented]
    trials: list[TrialEnded]

    @property
    def unattended(self) -> int:
        """How many spots nobody has looked at since the last one that was looked at."""
        count = 0
        for trial in reversed(self.trials):
            if trial.acquired_host_s is not None:
                break
            count += 1
        return count

    @property
    def broken(self) -> int:
        """In how many trials the animal looked away."""
        return sum(trial.broken_host_s is not None for trial in self.trials)
