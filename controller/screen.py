"""The daemon's view of the stimulus process: load images, present trials, go blank.

Deadlines follow from the timing of what is shown. Order, retries and outcomes are elsewhere.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from controller.config.tables import DisplayTable
from controller.experiments.blocks import Planned
from controller.experiments.evolution import Placement
from rig_adapters.link import Link
from rig_adapters.wire import messages as m
from sessions.records import image_sha256

LOAD_DEADLINE_S = 30.0
SLACK_S = 15.0
"""Beyond its planned length, how long a block may take before the screen counts as stuck."""


class Screen:
    """Sends images and trials to the stimulus process and collects its reports."""

    def __init__(self, link: Link, display: DisplayTable, spot_waits_s: float) -> None:
        self.busy_s = 0.0
        """Working time that the stimulus process reported; the caller sets it back."""
        self._link = link
        self._display = display
        self._spot_waits_s = spot_waits_s
        self._loads_under_way = 0
        self._sha256s: dict[int, str] = {}
        self._on_report: Callable[[m.Presented | m.TrialEnded], None] | None = None

    async def start_loading(
        self,
        image_ids: npt.NDArray[np.int64],
        images: npt.NDArray[np.uint8],
        *,
        placements: Iterable[Placement],
        keep: bool = False,
    ) -> tuple[str, ...]:
        """Send `images` (n, h, w, 3) on their way and return their hashes; `loaded` waits.

        Each is made ready to be shown at all `placements`.
        """
        sha256s = tuple(image_sha256(image) for image in images)
        places = tuple(
            m.Place(x_deg=p.x_deg, y_deg=p.y_deg, size_deg=p.size_deg) for p in placements
        )
        await self._link.send(
            m.LoadImages(
                image_ids=image_ids, sha256s=sha256s, images=images, keep=keep, places=places
            )
        )
        self._loads_under_way += 1
        self._sha256s.update(zip(image_ids.tolist(), sha256s, strict=True))
        return sha256s

    def sha256(self, image_id: int) -> str:
        """Return the hash of the pixels that were last sent under this id."""
        return self._sha256s[image_id]

    async def loaded(self) -> None:
        """Wait until everything that was sent is on the graphics card."""
        while self._loads_under_way:
            while not isinstance(await self._link.receive_due(LOAD_DEADLINE_S), m.ImagesLoaded):
                continue
            self._loads_under_way -= 1

    async def present(
        self,
        block: int,
        part: int,
        planned: Sequence[Planned],
        tail_frames: int,
        on_report: Callable[[m.Presented | m.TrialEnded], None],
    ) -> None:
        """Show one part of a block; every report goes to `on_report` as it comes.

        While nobody looks at the fixation spot, that is reported again and again.
        """
        trials = planned_trials(planned, self._display)
        self._on_report = on_report
        await self._link.send(
            m.PresentBlock(block=block, part=part, trials=trials, tail_frames=tail_frames)
        )
        patience_s = self._longest_trial_s(tail_frames) + SLACK_S
        while True:
            report = await self._link.receive_due(patience_s)
            if isinstance(report, m.Presented | m.TrialEnded):
                on_report(report)
            elif isinstance(report, m.BlockPresented):
                self.busy_s += report.busy_s
                return

    async def go_blank(self) -> None:
        """Stop whatever is being shown; what was over by then is still told to its block.

        Afterwards nothing that was asked before is under way any more.
        """
        state = self._link.conversation.state
        if state not in ("ready", "presenting", "aborting"):
            return
        if state != "aborting":
            await self._link.send(m.AbortBlock())
        while not isinstance(report := await self._link.receive_due(SLACK_S), m.BlockAborted):
            if isinstance(report, m.Presented | m.TrialEnded) and self._on_report is not None:
                self._on_report(report)
        self._loads_under_way = 0

    def _longest_trial_s(self, tail_frames: int) -> float:
        display = self._display
        frames = (
            display.fixation_frames
            + display.presentations_per_trial * (display.on_frames + display.off_frames)
            + display.inter_trial_frames
            + tail_frames
        )
        return self._spot_waits_s + frames / display.refresh_hz


def planned_trials(planned: Sequence[Planned], display: DisplayTable) -> tuple[m.PlannedTrial, ...]:
    """Return the trials of a part as the stimulus process is asked to show them."""
    by_trial: dict[int, list[m.PlannedPresentation]] = {}
    for row in planned:
        by_trial.setdefault(row.trial_id, []).append(
            m.PlannedPresentation(
                presentation_id=row.presentation_id,
                image_id=row.image.image_id,
                x_deg=row.image.placement.x_deg,
                y_deg=row.image.placement.y_deg,
                size_deg=row.image.placement.size_deg,
                on_frames=display.on_frames,
                off_frames=display.off_frames,
            )
        )
    return tuple(
        m.PlannedTrial(
            trial_id=trial_id,
            presentations=tuple(rows),
            fixation_frames=display.fixation_frames,
            inter_trial_frames=display.inter_trial_frames,
        )
        for trial_id, rows in by_trial.items()
    )
