"""Presents one block until every image has its responses, and says how each presentation ended.

The one policy that lives here: which presentations count, which images are shown again, and when
to give up on one. Every presentation ends as exactly one of completed, failed_trial, late,
not_heard, not_shown. Scoring is in `sessions.analysis.responses`; rows of the log in
`controller.recording`.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.experiments.blocks import ImageToShow, Planned, plan_part
from controller.recorder import Recorder
from controller.screen import Screen
from rig_adapters.alignment import MIN_PAIRS, Alignment, align, completeness, failed_by_fixation
from rig_adapters.clocks import ClockMap, fit_clock
from rig_adapters.wire.messages import Presented

SYNC_TOLERANCE_FRAMES = 2.0
"""How far from its flip an onset edge may lie; beyond it is somebody else's."""


CLOCK_EDGES = 2000
"""Flips with their edges on which the clock map rests: the last ten minutes or so."""


@dataclass(frozen=True)
class Shown:
    """One presentation with what became of it; `report` is None when it was never shown.

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


@dataclass
class Counters:
    """Ids that go on counting through the session."""

    presentation_id: int = 0
    trial_id: int = 0


class BlockPresenter:
    """Presents blocks of one session. `on_progress(done, planned)` is called as they proceed."""

    def __init__(
        self,
        config: SessionConfig,
        screen: Screen,
        recorder: Recorder,
        has_sync: bool,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self.clock: ClockMap | None = None
        """From flips to onsets on the rig's clock, as far as it is known by now."""
        self.outcomes: Counter[str] = Counter()
        self._edges: deque[tuple[float, float]] = deque(maxlen=CLOCK_EDGES)
        self._config = config
        self._screen = screen
        self._recorder = recorder
        self._has_sync = has_sync
        self._on_progress = on_progress
        self._counters = Counters()

    @property
    def window_span_s(self) -> tuple[float, float]:
        """From the start of the first to the end of the last window, from onset."""
        windows = [self._config.scoring.response_window_s]
        if self._config.scoring.baseline_window_s != "none":
            windows.append(self._config.scoring.baseline_window_s)
        return min(w[0] for w in windows), max(w[1] for w in windows)

    async def present(
        self, block: int, images: Sequence[ImageToShow], rng: np.random.Generator
    ) -> list[Shown]:
        """Show `images` until each has its responses or its attempts are used up."""
        scoring = self._config.scoring
        waiting = [(image, 0) for image in images for _ in range(scoring.repeats)]
        shown: list[Shown] = []
        part = 0
        while waiting:
            planned = self._plan(waiting, rng)
            done = await self._present_part(block, part, planned)
            self.outcomes.update(row.outcome for row in done)
            shown += done
            waiting = [
                (row.planned.image, row.planned.attempt + 1)
                for row in done
                if row.outcome != "completed" and row.planned.attempt + 1 < scoring.max_attempts
            ]
            part += 1
        return shown

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

    async def _present_part(self, block: int, part: int, planned: list[Planned]) -> list[Shown]:
        reports: dict[int, Presented] = {}

        def take(report: Presented) -> None:
            reports[report.presentation_id] = report
            self._on_progress(len(reports), len(planned))

        self._on_progress(0, len(planned))
        await self._screen.present(block, part, planned, self._tail_frames(), take)
        flips = np.array([_flip_on(reports.get(row.presentation_id)) for row in planned])
        await self._wait_for_spikes(flips)
        return self._outcomes(planned, part, reports, flips)

    def _expected_clock(self) -> ClockMap | None:
        """Return the map fitted to the edges so far; without edges, the rig's last reading."""
        if self.clock is not None and self.clock.n_pairs >= MIN_PAIRS:
            return self.clock
        return self._recorder.clock

    def _follow_clock(
        self, aligned: Alignment, flips: npt.NDArray[np.float64], start: ClockMap
    ) -> None:
        """Refine the clock map by the edges of many blocks; those of one part fix no drift."""
        for row, source in enumerate(aligned.sync):
            if source == "photodiode":
                self._edges.append((float(flips[row]), float(aligned.onset_rig_s[row])))
        if len(self._edges) >= MIN_PAIRS:
            pairs = np.array(self._edges)
            self.clock = fit_clock(pairs[:, 0], pairs[:, 1], start)
        else:
            # What the onsets rest on is what the log is told.
            self.clock = start

    def _tail_frames(self) -> int:
        """Blank frames after the last trial until its last window is over."""
        display = self._config.display
        rest_s = self.window_span_s[1] - display.on_frames / display.refresh_hz
        frames = math.ceil(max(0.0, rest_s) * display.refresh_hz) + 2
        return max(0, frames - display.off_frames - display.inter_trial_frames)

    async def _wait_for_spikes(self, flips: npt.NDArray[np.float64]) -> None:
        clock = self._expected_clock()
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
    ) -> list[Shown]:
        recording = self._recorder.recording
        start = self._expected_clock()
        if start is None:
            raise RuntimeError("a block was presented before the recording began")
        aligned = align(
            np.array([row.presentation_id for row in planned]),
            flips,
            recording.sync_rig_s() if self._has_sync else None,
            start,
            SYNC_TOLERANCE_FRAMES / self._config.display.refresh_hz,
        )
        self._follow_clock(aligned, flips, start)
        heard = completeness(aligned.onset_rig_s, self.window_span_s, recording)
        failed = failed_by_fixation(
            aligned.onset_rig_s,
            np.array([row.trial_id for row in planned]),
            recording.breaks_rig_s(),
            self.window_span_s[1],
            self._config.display.fixation_frames / self._config.display.refresh_hz,
        )
        return [
            Shown(
                planned=row,
                part=part,
                on_frames=self._config.display.on_frames,
                off_frames=self._config.display.off_frames,
                report=reports.get(row.presentation_id),
                onset_rig_s=float(aligned.onset_rig_s[index]),
                sync=aligned.sync[index],
                heard=bool(heard[index]),
                outcome=self._outcome(
                    reports.get(row.presentation_id), bool(failed[index]), bool(heard[index])
                ),
            )
            for index, row in enumerate(planned)
        ]

    def _outcome(self, report: Presented | None, failed: bool, heard: bool) -> str:
        if report is None:
            return "not_shown"
        if report.dropped_frames > self._config.display.max_dropped_frames:
            return "late"
        if failed:
            return "failed_trial"
        return "completed" if heard else "not_heard"


def _flip_on(report: Presented | None) -> float:
    return report.flip_on_host_s if report is not None else float("nan")
