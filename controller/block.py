"""Presents one block until every image has its responses, and says how each presentation ended.

The one policy that lives here: which images are shown again, and when to give up on one. How a
presentation ended is decided in `controller.outcomes`, scoring is in `sessions.analysis.responses`,
and rows of the log are in `controller.recording`.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.control.messages import PartStatus
from controller.experiments.blocks import ImageToShow, Planned, plan_part
from controller.facts import planned_part, presented_row
from controller.onsets import SYNC_TOLERANCE_FRAMES, Onsets
from controller.outcomes import ending, why_unheard
from controller.recorder import Recorder
from controller.screen import Screen
from rig_adapters.alignment import broken_fixations, completeness
from rig_adapters.clocks import ClockMap
from rig_adapters.errors import RemoteProtocolError, WrongImage
from rig_adapters.wire.messages import Presented
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
        on_progress: Callable[[int, int, PartStatus], None],
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._config = config
        self._screen = screen
        self._recorder = recorder
        self._onsets = Onsets(recorder, has_sync, SYNC_TOLERANCE_FRAMES / config.display.refresh_hz)
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
        on_part: Callable[[int, list[Shown]], None],
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
            done = await self._present_part(block, part, planned, on_fact, before)
            ended = Counter(row.outcome for row in done)
            self.outcomes.update(ended)
            before.update(ended)
            on_part(part, done)
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
    ) -> list[Shown]:
        reports: dict[int, Presented] = {}
        waiting_for = {row.presentation_id: row for row in planned}
        broken, steps = self._recorder.n_breaks, self._recorder.n_steps

        def tell(last: Planned, *, all_shown: bool = False) -> None:
            status = self._part_status(part, planned, last, reports, before)
            more = {"fixations_broken": self._recorder.n_breaks - broken}
            status = status.model_copy(update={**more, "waiting_for_spikes": all_shown})
            self._on_progress(len(reports), len(planned), status)

        def take(report: Presented) -> None:
            row = waiting_for.pop(report.presentation_id, None)
            if row is None or row.image.image_id != report.image_id:
                raise RemoteProtocolError(
                    f"the stimulus process reported presentation {report.presentation_id} of image "
                    f"{report.image_id}, which was not asked for now: it is at fault"
                )
            reports[report.presentation_id] = report
            on_fact(presented_row(report))
            self._refuse_wrong_image(report)
            tell(row)

        tell(planned[0])
        await self._screen.present(block, part, planned, self._tail_frames(), take)
        tell(planned[-1], all_shown=True)
        flips = np.array([_flip_on(reports.get(row.presentation_id)) for row in planned])
        await self._wait_for_spikes(flips)
        return self._outcomes(planned, part, reports, flips, steps)

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
        last: Planned,
        reports: Mapping[int, Presented],
        before: Counter[str],
    ) -> PartStatus:
        limit = self._config.display.max_dropped_frames
        return PartStatus(
            part=part,
            images=len({row.image.image_id for row in planned}),
            image_id=last.image.image_id if reports else None,
            attempt=last.attempt + 1,
            max_attempts=self._config.scoring.attempts,
            late=sum(report.dropped_frames > limit for report in reports.values()),
            fixations_broken=0,
            waiting_for_spikes=False,
            earlier_outcomes=dict(before),
        )

    def _tail_frames(self) -> int:
        """Blank frames after the last trial until its last window is over."""
        display = self._config.display
        rest_s = self.window_span_s[1] - display.on_frames / display.refresh_hz
        frames = math.ceil(max(0.0, rest_s) * display.refresh_hz) + 2
        return max(0, frames - display.off_frames - display.inter_trial_frames)

    async def _wait_for_spikes(self, flips: npt.NDArray[np.float64]) -> None:
        clock = self._onsets.expected_clock()
        if clock is not None and np.isfinite(flips).any():
            last_rig_s = float(clock.to_rig(np.nanmax(flips))) + self.window_span_s[1]
            # The onset may turn out to be a little later than the clock map says now.
            last_rig_s += 1.0 / self._config.display.refresh_hz
            await self._recorder.wait_through(last_rig_s, self._config.rig.response_deadline_s)

    def _outcomes(
        self,
        planned: list[Planned],
        part: int,
        reports: dict[int, Presented],
        flips: npt.NDArray[np.float64],
        steps_before: int,
    ) -> list[Shown]:
        recording = self._recorder.recording
        ids = np.array([row.presentation_id for row in planned])
        aligned = self._onsets.find(ids, flips, steps_before)
        heard = completeness(aligned.onset_rig_s, self.window_span_s, recording)
        broken = broken_fixations(
            aligned.onset_rig_s,
            np.array([row.trial_id for row in planned]),
            recording.breaks_rig_s(),
            self.window_span_s[1],
            self._config.display.fixation_frames / self._config.display.refresh_hz,
        )
        return [
            self._shown(
                row,
                part,
                reports.get(row.presentation_id),
                float(aligned.onset_rig_s[index]),
                aligned.sync[index],
                bool(heard[index]),
                float(broken[index]),
            )
            for index, row in enumerate(planned)
        ]

    def _shown(
        self,
        planned: Planned,
        part: int,
        report: Presented | None,
        onset_rig_s: float,
        sync: str,
        heard: bool,
        broken_rig_s: float,
    ) -> Shown:
        display = self._config.display
        unheard = "" if heard else self._why_unheard(onset_rig_s)
        ended = ending(report, display, broken_rig_s, unheard)
        return Shown(
            planned=planned,
            part=part,
            on_frames=display.on_frames,
            off_frames=display.off_frames,
            report=report,
            onset_rig_s=onset_rig_s,
            sync=sync,
            heard=heard,
            outcome=ended.outcome,
            reason=ended.reason,
        )

    def _why_unheard(self, onset_rig_s: float) -> str:
        begin_s, end_s = self.window_span_s
        if math.isnan(onset_rig_s):
            return f"{CLOCK_STEPPED} {self._recorder.step_s:+.4f} s during this part"
        return why_unheard(onset_rig_s + begin_s, onset_rig_s + end_s, self._recorder.recording)


def _told(ended: Counter[str], again: int) -> str:
    """Return how the presentations of a part ended, in words."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
    return f"{told}; {again} are shown again"


def _flip_on(report: Presented | None) -> float:
    return report.flip_on_host_s if report is not None else float("nan")
