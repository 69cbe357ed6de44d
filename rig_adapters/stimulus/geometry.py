"""Degrees of visual angle ↔ pixels on a flat screen.

The eye is `distance_cm` in front of the middle of the screen, pixels are square, and each axis is
taken by itself: what is seen `a` degrees to the right lies at

    x_px = distance_cm · tan(a) · px_per_cm                                              (1)

An image of size `s` centred at `a` spans `a - s/2` to `a + s/2` along each axis, so the same angle
takes more pixels further out. Curved screens and head positions off the middle are left out.
"""

import math
from dataclasses import dataclass

from rig_adapters.wire.messages import ScreenGeometry


@dataclass(frozen=True, slots=True)
class Placement:
    """Whole pixels of the screen; `centre_px` is right and up of the screen's middle."""

    centre_px: tuple[float, float]
    size_px: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels in a picture of the screen, top row first."""

    left: int
    top: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def pixels_at(geometry: ScreenGeometry, angle_deg: float) -> float:
    """Return how many pixels from the middle `angle_deg` lies (equation 1).

    Raises ValueError at 90 degrees or more, which no flat screen reaches.
    """
    if abs(angle_deg) >= 90:
        raise ValueError(f"{angle_deg:g} degrees from the middle is on no flat screen")
    return geometry.distance_cm * math.tan(math.radians(angle_deg)) * _px_per_cm(geometry)


def degrees_at(geometry: ScreenGeometry, offset_px: float) -> float:
    """Return the angle of `offset_px` from the middle; the inverse of `pixels_at`."""
    return math.degrees(math.atan(offset_px / _px_per_cm(geometry) / geometry.distance_cm))


def placement(geometry: ScreenGeometry, x_deg: float, y_deg: float, size_deg: float) -> Placement:
    """Return the pixels that an image takes, its edges on the pixel grid.

    Raises ValueError where it would reach 90 degrees.
    """
    x_px, width_px = _span(geometry, x_deg, size_deg, geometry.size_px[0])
    y_px, height_px = _span(geometry, y_deg, size_deg, geometry.size_px[1])
    return Placement((x_px, y_px), (width_px, height_px))


def off_screen(geometry: ScreenGeometry, x_deg: float, y_deg: float, size_deg: float) -> bool:
    """Whether any part of the image lies outside the screen."""
    if max(abs(x_deg), abs(y_deg)) + size_deg / 2 >= 90:
        return True
    where = placement(geometry, x_deg, y_deg, size_deg)
    return any(
        abs(centre) + size / 2 > extent / 2
        for centre, size, extent in zip(
            where.centre_px, where.size_px, geometry.size_px, strict=True
        )
    )


def framebuffer_box(geometry: ScreenGeometry, where: Placement) -> Box:
    """Return the pixels that `where` takes in a picture of the screen, top row first."""
    (x_px, y_px), (width_px, height_px) = where.centre_px, where.size_px
    return Box(
        left=round(geometry.size_px[0] / 2 + x_px - width_px / 2),
        top=round(geometry.size_px[1] / 2 - y_px - height_px / 2),
        width=width_px,
        height=height_px,
    )


def _span(
    geometry: ScreenGeometry, centre_deg: float, size_deg: float, extent_px: int
) -> tuple[float, int]:
    low_px = pixels_at(geometry, centre_deg - size_deg / 2)
    high_px = pixels_at(geometry, centre_deg + size_deg / 2)
    length_px = max(1, round(high_px - low_px))
    # From the middle, so that rounding the length moves neither edge by more than half of it. On a
    # screen with an odd number of pixels the middle is the middle of a pixel.
    start_px = round((low_px + high_px - length_px + extent_px) / 2) - extent_px / 2
    return start_px + length_px / 2, length_px


def _px_per_cm(geometry: ScreenGeometry) -> float:
    return geometry.size_px[0] / geometry.width_cm
