"""A trial as a run of segments, each a scene and a number of frames. Pure; shows nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from rig_adapters.stimulus.base import BLANK, PlacedImage, Scene
from rig_adapters.wire.messages import PlannedPresentation, PlannedTrial

SPOT = Scene(fixation=True, image=None)


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
SPOT_FRAME = Segment(SPOT, 1)


def placed_image(planned: PlannedPresentation) -> PlacedImage:
    """Return the image of a presentation at its place."""
    return PlacedImage(planned.image_id, planned.x_deg, planned.y_deg, planned.size_deg)


def held_segments(trial: PlannedTrial) -> Iterator[Segment]:
    """Yield what a trial shows while fixation is held.

    The frame after which fixation was found acquired is the first of the lead-in, and not in here.
    """
    if trial.fixation_frames > 1:
        yield Segment(SPOT, trial.fixation_frames - 1)
    for planned in trial.presentations:
        image = placed_image(planned)
        yield Segment(
            Scene(fixation=True, image=image), planned.on_frames, OnScreen(trial.trial_id, planned)
        )
        if planned.off_frames:
            yield Segment(SPOT, planned.off_frames)


def pause_after(trial: PlannedTrial) -> Segment:
    """Return the blank frames between this trial and the next."""
    return Segment(BLANK, trial.inter_trial_frames)


def held_frames(trial: PlannedTrial) -> int:
    """Return for how many frames fixation is to be held, from when it is acquired."""
    return trial.fixation_frames + sum(p.on_frames + p.off_frames for p in trial.presentations)
