"""What is drawn and read back from the framebuffer before a session, and what it has to be. Pure.

The expected framebuffer is painted in memory by the rules of `painting`; a graphics card, driver or
desktop that changes a pixel on its way to the framebuffer makes the two differ.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig_adapters.stimulus.base import ImagePixels, PlacedImage, Scene
from rig_adapters.stimulus.geometry import Box, degrees_at, framebuffer_box, placement
from rig_adapters.stimulus.painting import Painter
from rig_adapters.stimulus.photodiode import DARK, LIT
from rig_adapters.wire.messages import ScreenGeometry

SIDE_PX = 32
READBACK_ID = -1


@dataclass(frozen=True)
class Backdrop:
    """What stands on the screen beside images: the background's level, the spot, the patch."""

    level: int
    spot: Sequence[Box]
    spot_level: int
    patch: Box | None
    """For the photodiode."""


def readback_image() -> ImagePixels:
    """Return `(32, 32, 3)` with all 256 levels in each channel, unlike any of its mirror images.

    A wrong scale, offset or order of levels, channels, rows or columns changes it.
    """
    index = np.arange(SIDE_PX * SIDE_PX).reshape(SIDE_PX, SIDE_PX)
    # Odd factors visit every level; different ones tell the channels apart.
    levels = np.stack([index, 7 * index + 50, 255 - 11 * index], axis=-1)
    return (levels % 256).astype(np.uint8)


def readback_scenes(geometry: ScreenGeometry) -> tuple[Scene, ...]:
    """Return scenes of the image: pixel for pixel, larger, and smaller with the fixation spot.

    The last two are off the middle, to the upper right and the lower left.
    """
    off_px = min(geometry.size_px) / 4
    wanted = ((0.0, SIDE_PX, False), (off_px, SIDE_PX + 13, False), (-off_px, SIDE_PX - 9, True))
    scenes = []
    for middle_px, side_px, fixation in wanted:
        low, high = (degrees_at(geometry, middle_px + half * side_px) for half in (-0.5, 0.5))
        place = ((low + high) / 2, (low + high) / 2, high - low)
        scenes.append(Scene(fixation, PlacedImage(READBACK_ID, *place)))
    return tuple(scenes)


def expected_framebuffer(
    geometry: ScreenGeometry,
    painter: Painter,
    backdrop: Backdrop,
    scene: Scene,
    image: ImagePixels | None,
) -> ImagePixels:
    """Return the framebuffer `(h, w, 3)` that `scene`, which shows `image`, has to give."""
    width, height = geometry.size_px
    picture = np.full((height, width, 3), backdrop.level, np.uint8)
    if scene.image is not None and image is not None:
        placed = scene.image
        where = placement(geometry, placed.x_deg, placed.y_deg, placed.size_deg)
        picture[framebuffer_box(geometry, where).slices] = painter.paint(image, where.size_px)
    if scene.fixation:
        for box in backdrop.spot:
            picture[box.slices] = backdrop.spot_level
    if backdrop.patch is not None:
        picture[backdrop.patch.slices] = patch_level(scene)
    return picture


def patch_level(scene: Scene) -> int:
    """Return the level of the photodiode's patch."""
    return LIT if scene.patch_lit else DARK


def pictures_sha256(pictures: Sequence[ImagePixels]) -> str:
    """Return the SHA-256 (hex) of the bytes of all pictures in a row, each in C order."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(np.ascontiguousarray(picture).data.cast("B"))
    return digest.hexdigest()
