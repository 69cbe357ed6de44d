"""Presents one block until every image has its responses, and says how each presentation ended.

The one policy that lives here: which images are shown again, and when to give up on one. How a
presentation ended is decided in `controller.outcomes`, scoring is in `sessions.analysis.responses`,
and rows of the log are in `controller.recording`.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.control.messages import PartStatus
from controller.experiments.blocks import ImageToShow, Planned, plan_part
from controller.facts import planned_part, presented_row, trial_row
from controller.onsets import Onsets, SessionClocks
from controller.outcomes import ending, failed_by_rig, failed_by_trial, why_unheard, why_unknown
from controller.recorder import Recorder
from controller.screen import Screen
from controller.trials import PartReports, TrialCounts
from rig_adapters.alignment import Alignment, broken_fixations, completeness
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import WrongImage
from rig_adapters.pairing import Rivals
from rig_adapters.wire.messages import Presented, TrialEnded
from sessions.open_block import TrialRow
from sessions.records import CLOCK_STEPPED

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """One presentation with what became of it, and why; `report` is None when it was never shown.

    `heard`: whether its windows were recorded completely, whatever else went wrong.
    """

    planned: Planned
    part: int
    on_frames: int
    off_frames: int
    report: Presented | None
    onset_rig_s: float
    onset_uncertainty_s: float
    sync: str
    heard: bool
    outcome: str
    reason: str


@dataclass
class Counters:
    """Ids that go on counting through the session."""

    presentation_id: int = 0
    trial_id: int = 0


class BlockPresenter:
    """Presents blocks of one session.

    `on_progress` is called as they proceed, with how many presentations of the part are done and
    planned, and what else is known of the part by then.
    """

    def __init__(
        self,
        config: SessionConfig,
        screen: Screen,
        recorder: Recorder,
        has_sync: bool,
        waits_for_vertical_blank: bool,
        on_progress: Callable[[int, int, PartStatus], None],
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.trials = TrialCounts()
        self._config = config
        self._screen = screen
        self._recorder = recorder
        clocks = SessionClocks(1.0 / config.display.refresh_hz, has_grid=waits_for_vertical_blank)
        self._onsets = Onsets(recorder, has_sync, clocks)
        self._on_progress = on_progress
        self._counters = Counters()

    @property
    def clock(self) -> ClockMap | None:
        """From flips to onsets on the rig's clock, as far as it is known by now."""
        return self._onsets.clock

    @property
    def window_span_s(self) -> tuple[float, float]:
        """From the start of the first to the end of the last window, from onset."""
        windows = [self._config.scoring.response_window_s]
        if self._config.scoring.baseline_window_s != "none":
            windows.append(self._config.scoring.baseline_window_s)
        return min(w[0] for w in windows), max(w[1] for w in windows)

    def go_on_counting(self, next_presentation_id: int, next_trial_id: int) -> None:
        """Count from these ids on, in a session that goes on after it was cut off."""
        self._counters = Counters(next_presentation_id, next_trial_id)

    async def present(
        self,
        block: int,
        waiting: list[tuple[ImageToShow, int]],
        rng: np.random.Generator,
        on_fact: Callable[[object], None],
        on_part: Callable[[int, list[Shown], list[TrialRow]], None],
        first_part: int = 0,
    ) -> None:
        """Show images until each has its responses or its attempts are used up.

        `waiting` holds each image once for every response that it needs, with the attempts it has
        had. Every finished part goes to `on_part`; what happens meanwhile, to `on_fact`.
        """
        attempts = self._config.scoring.attempts
        part, before = first_part, Counter[str]()
        while waiting:
            planned = self._plan(waiting, rng)
            on_fact(planned_part(block, part, planned))
            done, trials = await self._present_part(block, part, planned, on_fact, before)
            ended = Counter(row.outcome for row in done)
            self.outcomes.update(ended)
            before.update(ended)
            on_part(part, done, [trial_row(trial) for trial in trials])
            waiting = [
                (row.planned.image, row.planned.attempt + 1)
                for row in done
                if row.outcome != "completed" and row.planned.attempt + 1 < attempts
            ]
            if ended.keys() - {"completed"}:
                logger.info("block %d part %d: %s", block, part, _told(ended, len(waiting)))
            part += 1

    def _plan(
        self, waiting: list[tuple[ImageToShow, int]], rng: np.random.Generator
    ) -> list[Planned]:
        planned = plan_part(
            waiting,
            self._counters.presentation_id,
            self._counters.trial_id,
            self._config.display.presentations_per_trial,
            rng,
        )
        self._counters.presentation_id = planned[-1].presentation_id + 1
        self._counters.trial_id = planned[-1].trial_id + 1
        return planned

    async def _present_part(
        self,
        block: int,
        part: int,
        planned: list[Planned],
        on_fact: Callable[[object], None],
        before: Counter[str],
    ) -> tuple[list[Shown], list[TrialEnded]]:
        reports = PartReports(planned)
        breaks, steps = self._recorder.n_breaks, self._recorder.n_steps

        def tell(*, all_shown: bool = False) -> None:
            broken_by_rig = self._recorder.n_breaks - breaks
            status = self._part_status(part, planned, reports, before, broken_by_rig, all_shown)
            self._on_progress(len(reports.presented), len(planned), status)

        def take(report: Presented | TrialEnded) -> None:
            if isinstance(report, TrialEnded):
                reports.take_trial(report)
                self.trials.add(report)
                on_fact(trial_row(report))
            else:
                reports.take_presented(report)
                on_fact(presented_row(report))
                self._refuse_wrong_image(report)
            tell()

        tell()
        await self._screen.present(block, part, planned, self._tail_frames(), take)
        tell(all_shown=True)
        flips = np.array([_flip_on(reports.presented.get(row.presentation_id)) for row in planned])
        failed = self._failed_by_trial(planned, reports)
        await self._wait_for_spikes(flips)
        return self._outcomes(planned, part, reports, failed, flips, steps), reports.trials

    def _failed_by_trial(self, planned: list[Planned], reports: PartReports) -> list[str]:
        """Return why its trial fails each presentation, "" where it does not."""
        fail_all = self._config.scoring.broken_trial == "fail_all"
        return [
            failed_by_trial(
                reports.presented.get(row.presentation_id),
                reports.begun.get(row.trial_id),
                self.window_span_s[1],
                fail_all,
            )
            for row in planned
        ]

    def _refuse_wrong_image(self, report: Presented) -> None:
        """End the session where other pixels were shown: what comes next cannot be trusted."""
        if report.image_sha256 != self._screen.sha256(report.image_id):
            raise WrongImage(
                f"the stimulus process showed other pixels than it was sent for image "
                f"{report.image_id} (presentation {report.presentation_id}), which is not scored: "
                "a fault in it or in the graphics card; neuroloop resume starts it anew and shows "
                "the image again"
            )

    def _part_status(
        self,
        part: int,
        planned: list[Planned],
        reports: PartReports,
        before: Counter[str],
        broken_by_rig: int,
        all_shown: bool,
    ) -> PartStatus:
        limit = self._config.display.max_dropped_frames
        last = planned[-1] if all_shown else reports.last
        return PartStatus(
            part=part,
            images=len({row.image.image_id for row in planned}),
            image_id=last.image.image_id if reports.presented else None,
            attempt=last.attempt + 1,
            max_attempts=self._config.scoring.attempts,
            late=sum(report.dropped_frames > limit for report in reports.presented.values()),
            fixations_broken=reports.broken + broken_by_rig,
            waiting_for_spikes=all_shown,
            unattended=reports.unattended,
            earlier_outcomes=dict(before),
        )

    def _tail_frames(self) -> int:
        """Frames from the last onset until its last window is over."""
        return math.ceil(self.window_span_s[1] * self._config.display.refresh_hz) + 2

    async def _wait_for_spikes(self, flips: npt.NDArray[np.float64]) -> None:
        if not np.isfinite(flips).any():
            return
        last_rig_s = self._onsets.latest_rig_s(float(np.nanmax(flips)))
        if last_rig_s is not None:
            # The light may have come a frame later than the flip says.
            last_rig_s += self.window_span_s[1] + 1.0 / self._config.display.refresh_hz
            await self._recorder.wait_through(last_rig_s, self._config.rig.response_deadline_s)

    def _outcomes(
        self,
        planned: list[Planned],
        part: int,
        reports: PartReports,
        failed: list[str],
        flips: npt.NDArray[np.float64],
        steps_before: int,
    ) -> list[Shown]:
        recording = self._recorder.recording
        ids = np.array([row.presentation_id for row in planned])
        marked_by = [report.marked_by for report in reports.presented.values()]
        aligned = self._onsets.find(ids, flips, marked_by, steps_before)
        heard = completeness(aligned.onset_rig_s, self.window_span_s, recording)
        broken = broken_fixations(
            aligned.onset_rig_s,
            np.array([row.trial_id for row in planned]),
            recording.breaks_rig_s(),
            self.window_span_s[1],
            self._config.display.fixation_frames / self._config.display.refresh_hz,
            self._config.scoring.broken_trial == "fail_all",
        )
        return [
            self._shown(
                row,
                part,
                reports,
                aligned,
                index,
                bool(heard[index]),
                failed[index] or failed_by_rig(float(broken[index])),
            )
            for index, row in enumerate(planned)
        ]

    def _shown(
        self,
        planned: Planned,
        part: int,
        reports: PartReports,
        aligned: Alignment,
        index: int,
        heard: bool,
        failed: str,
    ) -> Shown:
        display = self._config.display
        report = reports.presented.get(planned.presentation_id)
        trial = reports.begun.get(planned.trial_id)
        onset_rig_s = float(aligned.onset_rig_s[index])
        unheard = "" if heard else self._why_unheard(onset_rig_s, aligned.rivals)
        ended = ending(report, trial, display, failed, unheard)
        return Shown(
            planned=planned,
            part=part,
            on_frames=display.on_frames,
            off_frames=display.off_frames,
            report=report,
            onset_rig_s=onset_rig_s,
            onset_uncertainty_s=float(aligned.onset_uncertainty_s[index]),
            sync=aligned.sync[index],
            heard=heard,
            outcome=ended.outcome,
            reason=ended.reason,
        )

    def _why_unheard(self, onset_rig_s: float, rivals: Rivals | None) -> str:
        begin_s, end_s = self.window_span_s
        if rivals is not None:
            return why_unknown(rivals)
        if math.isnan(onset_rig_s):
            return f"{CLOCK_STEPPED} {self._recorder.step_s:+.4f} s during this part"
        return why_unheard(onset_rig_s + begin_s, onset_rig_s + end_s, self._recorder.recording)


def _told(ended: Counter[str], again: int) -> str:
    """Return how the presentations of a part ended, in words."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
    return f"{told}; {again} are shown again"


def _flip_on(report: Presented | None) -> float:
    return report.flip_on_host_s if report is not None else float("nan")
