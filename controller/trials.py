"""What the stimulus process reports of a part: taken in, matched by id, and counted.

A report that contradicts the plan or an earlier one is refused. What follows from a report for a
presentation is in `controller.outcomes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.experiments.blocks import Planned
from rig_adapters.errors import RemoteProtocolError
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


class PartReports:
    """What has been reported of the part that is being shown.

    A presentation with more than `max_dropped_frames` is late. What a monitor asks after each
    report is counted as they come.
    """

    def __init__(self, planned: Sequence[Planned], max_dropped_frames: int) -> None:
        self.presented: dict[int, Presented] = {}
        """By presentation."""
        self.trials: list[TrialEnded] = []
        """Each time that a fixation spot came on, in order."""
        self.begun: dict[int, TrialEnded] = {}
        """By trial: how it ended, once somebody had looked."""
        self.last = planned[0]
        """The presentation that was reported last; the first one before that."""
        self.n_images = len({row.image.image_id for row in planned})
        self.late = 0
        self.unattended = 0
        """How many spots nobody has looked at since the last one that was looked at."""
        self.broken = 0
        """In how many trials the animal looked away."""
        self._planned = {row.presentation_id: row for row in planned}
        self._max_dropped_frames = max_dropped_frames
        self._trial_ids = {row.trial_id for row in planned}

    def take_presented(self, report: Presented) -> None:
        """Take in that a presentation is over; RemoteProtocolError where none was to be."""
        row = self._planned.get(report.presentation_id)
        wanted = None if row is None else (row.image.image_id, row.trial_id)
        if (
            row is None
            or report.presentation_id in self.presented
            or (report.image_id, report.trial_id) != wanted
        ):
            raise RemoteProtocolError(
                f"the stimulus process reported presentation {report.presentation_id} of image "
                f"{report.image_id} in trial {report.trial_id}, which was not asked for now: it is "
                "at fault"
            )
        self.last = row
        self.presented[report.presentation_id] = report
        self.late += report.dropped_frames > self._max_dropped_frames

    def take_trial(self, report: TrialEnded) -> None:
        """Take in that a fixation spot went off; RemoteProtocolError where none was to be on."""
        if report.trial_id not in self._trial_ids:
            raise _not_now(report, "was not asked for now")
        if report.trial_id in self.begun:
            raise _not_now(report, "had ended before")
        if self.trials and report.spot_on_host_s < self.trials[-1].spot_off_host_s:
            raise _not_now(report, "began before the spot of the one before went off")
        self.trials.append(report)
        self.broken += report.broken_host_s is not None
        self.unattended = 0 if report.acquired_host_s is not None else self.unattended + 1
        if report.acquired_host_s is not None:
            self.begun[report.trial_id] = report


def _not_now(report: TrialEnded, why: str) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"the stimulus process reported trial {report.trial_id}, which {why}: it is at fault"
    )
