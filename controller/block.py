"""Presents the parts of a block on the screen, and says how each presentation ended.

Which images are shown again is decided in `controller.presenting`, how a presentation ended in
`controller.outcomes`; scoring is in `sessions.analysis.responses`, and rows of the log are in
`controller.recording`.
"""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.control.messages import PartStatus
from controller.experiments.blocks import Planned
from controller.facts import presented_row, trial_row
from controller.onsets import Onsets, SessionClocks
from controller.outcomes import ending, failed_by_rig, failed_by_trial, why_unheard, why_unknown
from controller.presenting import OnFact, Presenter, Shown
from controller.recorder import Recorder
from controller.screen import Screen
from controller.trials import PartReports
from rig_adapters.alignment import Alignment, broken_fixations, completeness
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import WrongImage
from rig_adapters.pairing import Rivals
from rig_adapters.wire.messages import Presented, TrialEnded
from sessions.records import CLOCK_STEPPED


class BlockPresenter(Presenter):
    """Presents blocks on the session's own screen, and listens to its rig."""

    def __init__(
        self,
        config: SessionConfig,
        screen: Screen,
        recorder: Recorder,
        has_sync: bool,
        waits_for_vertical_blank: bool,
        on_progress: Callable[[int, int, PartStatus], None],
    ) -> None:
        super().__init__(config, on_progress)
        self._screen = screen
        self._recorder = recorder
        clocks = SessionClocks(1.0 / config.display.refresh_hz, has_grid=waits_for_vertical_blank)
        self._onsets = Onsets(recorder, has_sync, clocks)

    @property
    def clock(self) -> ClockMap | None:
        """From flips to onsets on the rig's clock, as far as it is known by now."""
        return self._onsets.clock

    @property
    def window_span_s(self) -> tuple[float, float]:
        """From the start of the first to the end of the last window, from onset."""
        scoring = self._config.scoring
        windows = [
            window
            for window in (scoring.response_window_s, scoring.baseline_window_s)
            if not isinstance(window, str)
        ]
        return min(w[0] for w in windows), max(w[1] for w in windows)

    async def _present_part(
        self,
        block: int,
        part: int,
        planned: list[Planned],
        on_fact: OnFact,
        before: Counter[str],
    ) -> tuple[list[Shown], list[TrialEnded]]:
        reports = PartReports(planned, self._config.display.max_dropped_frames)
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
        last = planned[-1] if all_shown else reports.last
        return PartStatus(
            part=part,
            images=reports.n_images,
            image_id=last.image.image_id if reports.presented else None,
            attempt=last.attempt + 1,
            max_attempts=self._config.scoring.attempts,
            late=reports.late,
            fixations_broken=reports.broken + broken_by_rig,
            waiting_for="the last spikes" if all_shown else "",
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


def _flip_on(report: Presented | None) -> float:
    return report.flip_on_host_s if report is not None else float("nan")
