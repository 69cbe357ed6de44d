"""A block as a run of segments, each a scene and a number of frames. Pure; shows nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from rig_adapters.stimulus.base import BLANK, PlacedImage, Scene
from rig_adapters.wire.messages import PlannedPresentation, PlannedTrial, PresentBlock

_SPOT = Scene(fixation=True, image=None)


@dataclass(frozen=True, slots=True)
class OnScreen:
    """The presentation that a segment is, and the trial that it belongs to."""

    trial_id: int
    planned: PlannedPresentation


@dataclass(frozen=True, slots=True)
class Segment:
    """`frames` frames (one or more) with the same scene."""

    scene: Scene
    frames: int
    on_screen: OnScreen | None = None


BLANK_FRAME = Segment(BLANK, 1)


def segments(block: PresentBlock) -> Iterator[Segment]:
    """Yield the segments of `block` in order.

    The last one is always blank: where the plan has no blank frame at its end, one is added, since
    an image that is never taken away has no end that could be reported.
    """
    last = None
    for segment in _planned(block):
        if segment.frames > 0:
            last = segment
            yield segment
    if last is None or last.scene != BLANK:
        yield BLANK_FRAME


def _planned(block: PresentBlock) -> Iterator[Segment]:
    for trial in block.trials:
        yield from _trial(trial)
    yield Segment(BLANK, block.tail_frames)


def placed_image(planned: PlannedPresentation) -> PlacedImage:
    """Return the image of a presentation at its place."""
    return PlacedImage(planned.image_id, planned.x_deg, planned.y_deg, planned.size_deg)


def _trial(trial: PlannedTrial) -> Iterator[Segment]:
    yield Segment(_SPOT, trial.fixation_frames)
    for planned in trial.presentations:
        image = placed_image(planned)
        yield Segment(
            Scene(fixation=True, image=image), planned.on_frames, OnScreen(trial.trial_id, planned)
        )
        yield Segment(_SPOT, planned.off_frames)
    yield Segment(BLANK, trial.inter_trial_frames)
