"""Shows one block on a display, frame by frame, and reports each presentation when it is over.

A trial begins when the animal fixates; when it looks away, the next flip is blank, and what was
left of the trial is not shown. A spot that nobody looks at goes off and comes again, for as long as
it takes. Once a flip the block listens to the daemon; a command that comes in between stops it.
Everything slow is done before the first frame, and reports are sent right after a flip, never
before one.
"""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.base import BLANK, Display, Wire
from rig_adapters.stimulus.behaviour.base import Behaviour
from rig_adapters.stimulus.geometry import off_screen
from rig_adapters.stimulus.images import LoadedImages
from rig_adapters.stimulus.marks import OnsetMarks
from rig_adapters.stimulus.photodiode import touches_patch
from rig_adapters.stimulus.reward.base import Reward
from rig_adapters.stimulus.schedule import (
    BLANK_FRAME,
    SPOT_FRAME,
    OnScreen,
    Segment,
    held_segments,
    pause_after,
    placed_image,
)
from rig_adapters.stimulus.shine import Shine
from rig_adapters.stimulus.tally import Tally
from rig_adapters.stimulus.trial import TrialWatch
from rig_adapters.wire import messages as m


@dataclass(frozen=True)
class Stage:
    """What showing a block takes."""

    wire: Wire
    display: Display
    shine: Shine
    images: LoadedImages
    geometry: m.ScreenGeometry
    marks: OnsetMarks
    behaviour: Behaviour
    reward: Reward
    own_process: bool = True
    """Whether garbage of this process may be left lying about while a block is shown."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a block ended: completed presentations, end of the last frame, the command that came."""

    presented: int
    end_s: float
    interruption: m.Message | None


def show_block(stage: Stage, block: m.PresentBlock) -> Outcome:
    """Show `block` until its end or the next command; the screen is blank afterwards.

    Raises DisplayError before anything is shown where the block cannot be shown as planned.
    """
    _check(stage, block)
    for trial in block.trials:
        for planned in trial.presentations:
            stage.display.prepare(placed_image(planned))
    with _no_garbage_collection() if stage.own_process else contextlib.nullcontext():
        return _Showing(stage).run(block)


class _Showing:
    """One block on its way."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._period_s = 1 / stage.geometry.refresh_hz
        self._tally = Tally(self._period_s)
        self._now: Segment = BLANK_FRAME
        self._since_s = 0.0
        self._last_s = 0.0
        self._onset_s: float | None = None
        self._flips = 0
        self._presented = 0
        self._watch: TrialWatch | None = None

    def run(self, block: m.PresentBlock) -> Outcome:
        try:
            interruption = self._run(block)
        except DisplayError:
            self._report_cut_off()
            raise
        if interruption is not None:
            self._blank_at_once()
        end_s = self._last_s + self._period_s
        self._stage.shine.dark_until(end_s)
        return Outcome(self._presented, end_s, interruption)

    def _run(self, block: m.PresentBlock) -> m.Message | None:
        # Made before the first frame, so that nothing but drawing comes between two flips.
        trials = [(trial, tuple(held_segments(trial))) for trial in block.trials]
        for trial, held in trials:
            command = self._present(trial, held)
            if command is not None:
                return command
        return self._show(Segment(BLANK, self._frames_left(block.tail_frames)))

    def _frames_left(self, tail_frames: int) -> int:
        """Return how many blank frames are due at the end; one at least."""
        if self._onset_s is None:
            return 1
        passed = round((self._last_s - self._onset_s) / self._period_s) + 1
        return max(1, tail_frames - passed)

    def _present(self, trial: m.PlannedTrial, held: Sequence[Segment]) -> m.Message | None:
        """Show a trial, as often as it takes until somebody looks; return what interrupted it."""
        while True:
            command = self._wait_for_fixation(trial)
            watch = self._watch
            if command is not None or watch is None:
                return command
            for segment in held:
                if not watch.is_held:
                    break
                command = self._show(segment)
                if command is not None:
                    return command
            command = self._show(pause_after(trial))
            if command is not None or watch.acquired_s is not None:
                return command

    def _wait_for_fixation(self, trial: m.PlannedTrial) -> m.Message | None:
        """Show the spot until it is looked at, or for as long as that is waited for."""
        command = self._show(SPOT_FRAME)
        self._watch = TrialWatch(
            trial, self._stage.behaviour, self._stage.reward, self._last_s, self._period_s
        )
        while command is None and self._watch.acquired_s is None:
            if self._watch.is_unattended(self._last_s):
                return None
            command = self._show(SPOT_FRAME)
        return command

    def _show(self, segment: Segment) -> m.Message | None:
        """Show a segment to its end, or until the fixation is broken or a command comes."""
        shown = 0
        is_onset = segment.on_screen is not None
        scene = self._stage.marks.scene(segment.scene, onset=is_onset)
        while shown < segment.frames:
            # While the eyes are watched, what the next flip shows is not known before this one.
            frames = 1 if self._watch is not None else segment.frames - shown
            flips_s = self._stage.display.show(scene, frames)
            self._stage.marks.flipped(onset=is_onset and shown == 0)
            shown += len(flips_s)
            if shown == len(flips_s):
                self._changed(segment, flips_s[0])
                flips_s = flips_s[1:]
            for flip_s in flips_s:
                self._flipped(flip_s)
            command = self._stage.wire.receive(0.0)
            if command is not None:
                return command
            if self._watch is not None:
                self._watch.flipped(self._last_s)
                if self._watch.broken_s is not None:
                    return None
        return None

    def _blank_at_once(self) -> None:
        blank = self._stage.marks.scene(BLANK_FRAME.scene, onset=False)
        flip_s = self._stage.display.show(blank, 1)[0]
        self._stage.marks.flipped(onset=False)
        # The presentation that this cuts short was not completed, so it is not reported.
        self._changed(BLANK_FRAME, flip_s, cut_short=True)

    def _changed(self, segment: Segment, flip_s: float, *, cut_short: bool = False) -> None:
        """Close what was on the screen until the flip at `flip_s` and begin `segment`."""
        before, flips = self._now, self._flips
        self._flipped(flip_s)
        dropped = self._tally.take()
        image = segment.scene.image
        if image is not None:
            self._onset_s = flip_s
        sha256 = self._stage.images.sha256(image.image_id) if image is not None else None
        self._stage.shine.changed(before, segment, sha256, flip_s)
        if segment.on_screen is not None and self._stage.marks.patch is not None:
            self._stage.shine.patch(self._stage.marks.lit, flip_s)
        if before.on_screen is not None and not cut_short:
            self._report(before.on_screen, flips + dropped, dropped, flip_s)
        self._now, self._since_s, self._flips = segment, flip_s, 1
        if self._watch is not None and not segment.scene.fixation:
            watch, self._watch = self._watch, None
            self._stage.wire.send(watch.ended(flip_s, cut_short))

    def _flipped(self, flip_s: float) -> None:
        self._tally.flipped(flip_s)
        self._last_s = flip_s
        self._flips += 1

    def _report_cut_off(self) -> None:
        """Report what was on the screen when the display failed: frames that never came dropped."""
        over = self._now.on_screen
        if over is not None:
            missing = max(1, self._now.frames - self._flips)
            dropped = self._tally.take()
            end_s = self._last_s + self._period_s
            self._report(over, self._flips + dropped, dropped + missing, end_s)

    def _report(self, over: OnScreen, frames_shown: int, dropped: int, flip_off_s: float) -> None:
        sha256 = self._stage.images.sha256(over.planned.image_id)
        if sha256 is None:
            raise DisplayError(f"image {over.planned.image_id} was forgotten while it was shown")
        self._stage.wire.send(
            m.Presented(
                presentation_id=over.planned.presentation_id,
                trial_id=over.trial_id,
                image_id=over.planned.image_id,
                image_sha256=sha256,
                flip_on_host_s=self._since_s,
                flip_off_host_s=flip_off_s,
                frames_shown=frames_shown,
                dropped_frames=dropped,
                marked_by=self._stage.marks.marked_by,
            )
        )
        self._presented += 1


def _check(stage: Stage, block: m.PresentBlock) -> None:
    first_at: dict[tuple[float, float, float], str] = {}
    for trial in block.trials:
        for planned in trial.presentations:
            what = f"presentation {planned.presentation_id} of block {block.block}"
            if stage.images.sha256(planned.image_id) is None:
                raise DisplayError(
                    f"{what} shows image {planned.image_id}, which was not loaded; "
                    "this is a fault in the daemon"
                )
            first_at.setdefault((planned.x_deg, planned.y_deg, planned.size_deg), what)
    # Of the thousand presentations of a block, most are at the same place.
    for place, what in first_at.items():
        x_deg, y_deg, size_deg = place
        if off_screen(stage.geometry, *place):
            raise DisplayError(
                f"{what} would lie partly outside the screen: {size_deg:g} deg at "
                f"({x_deg:g}, {y_deg:g}) deg; make it smaller or move it"
            )
        patch = stage.marks.patch
        if patch is not None and touches_patch(stage.geometry, patch, *place):
            raise DisplayError(
                f"{what} would touch the photodiode patch; make one of them smaller, or move it"
            )


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    # A full collection takes several frames; it is done before the block, not in it.
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
