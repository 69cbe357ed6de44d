"""A square in a corner of the screen that changes between black and white at every image onset.

So each onset is an edge for a photodiode, whichever way it goes; between onsets the square stays as
it is, also when the screen is blank. It never lies under or over an image. Pure.
"""

from rig_adapters.stimulus.geometry import Box, framebuffer_box, placement
from rig_adapters.wire.messages import PhotodiodePatch, ScreenGeometry

DARK, LIT = 0, 255
"""Levels of the framebuffer."""


def patch_box(geometry: ScreenGeometry, patch: PhotodiodePatch) -> Box:
    """Return the square in a picture of the screen, top row first."""
    width_px, height_px = geometry.size_px
    top = 0 if patch.corner.startswith("top") else height_px - patch.size_px
    left = 0 if patch.corner.endswith("left") else width_px - patch.size_px
    return Box(left, top, patch.size_px, patch.size_px)


def touches_patch(
    geometry: ScreenGeometry, patch: PhotodiodePatch, x_deg: float, y_deg: float, size_deg: float
) -> bool:
    """Whether an image shares a pixel with the square; the image must be on the screen."""
    image = framebuffer_box(geometry, placement(geometry, x_deg, y_deg, size_deg))
    return all(
        ours.start < theirs.stop and theirs.start < ours.stop
        for ours, theirs in zip(patch_box(geometry, patch).slices, image.slices, strict=True)
    )
