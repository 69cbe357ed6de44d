"""The image that is drawn and read back from the framebuffer before a session. Pure."""

import numpy as np

from rig_adapters.stimulus.base import ImagePixels

SIDE_PX = 32


def readback_image() -> ImagePixels:
    """Return `(32, 32, 3)` with all 256 levels in each channel, unlike any of its mirror images.

    A wrong scale, offset or order of levels, channels, rows or columns changes it.
    """
    index = np.arange(SIDE_PX * SIDE_PX).reshape(SIDE_PX, SIDE_PX)
    # Odd factors visit every level; different ones tell the channels apart.
    levels = np.stack([index, 7 * index + 50, 255 - 11 * index], axis=-1)
    return (levels % 256).astype(np.uint8)
