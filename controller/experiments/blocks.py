"""From the images of all threads and the references to trials in a shuffled order.

Pure: ids and an rng in, a plan out. Which presentations have to be shown again is decided by the
caller; they are planned as another part of the same block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.experiments.evolution import Placement


@dataclass(frozen=True)
class ImageToShow:
    """An image at a place; `thread_id` is -1 for a reference image."""

    image_id: int
    thread_id: int
    placement: Placement


@dataclass(frozen=True)
class Planned:
    """One planned presentation; `attempt` counts the tries at this image in this block from 0."""

    presentation_id: int
    trial_id: int
    image: ImageToShow
    attempt: int


def images_of_block(
    thread_images: Sequence[tuple[int, Placement, Sequence[int]]],
    reference_ids: Sequence[int],
) -> list[ImageToShow]:
    """Return everything that a block has to show once.

    `thread_images` holds (thread_id, placement, image ids) of each thread. Reference images are
    shown at every distinct place that a thread uses, once for all threads that share it.
    """
    generated = [
        ImageToShow(image_id, thread_id, placement)
        for thread_id, placement, image_ids in thread_images
        for image_id in image_ids
    ]
    placements = dict.fromkeys(placement for _, placement, _ in thread_images)
    references = [
        ImageToShow(image_id, -1, placement)
        for placement in placements
        for image_id in reference_ids
    ]
    return generated + references


def plan_part(
    images: Sequence[tuple[ImageToShow, int]],
    first_presentation_id: int,
    first_trial_id: int,
    presentations_per_trial: int,
    rng: np.random.Generator,
) -> list[Planned]:
    """Shuffle (image, attempt) pairs and cut them into trials, ids counting from those given."""
    order = rng.permutation(len(images))
    return [
        Planned(
            presentation_id=first_presentation_id + place,
            trial_id=first_trial_id + place // presentations_per_trial,
            image=images[index][0],
            attempt=images[index][1],
        )
        for place, index in enumerate(order)
    ]
