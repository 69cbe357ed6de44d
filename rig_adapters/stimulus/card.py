"""The test card: what an operator looks at, and measures on the glass, before a session. Pure.

Painted pixel by pixel for the configured monitor. Its ramp and its background go the way of a
session's images, gamma included; its lines are levels of the framebuffer. The fixation spot and the
photodiode patch are drawn over it by the display, as in a session.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from rig_adapters.stimulus.base import ImagePixels
from rig_adapters.stimulus.geometry import framebuffer_box, pixels_at, placement
from rig_adapters.stimulus.painting import Painter
from rig_adapters.wire.messages import Appearance, ScreenGeometry

N_VALUES = 256
_LIGHT, _DARK = 160, 64
"""Backgrounds of these levels or beyond are drawn on in black, and marked in white."""
_PRIMARIES = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 0, 255), (255, 255, 0))


@dataclass(frozen=True, slots=True)
class Place:
    """Where images of a session are shown, and what to write beside it."""

    label: str
    x_deg: float
    y_deg: float
    size_deg: float


def paint_card(
    geometry: ScreenGeometry,
    gamma: float | None,
    background_grey: int,
    monitor: str,
    places: Sequence[Place],
) -> ImagePixels:
    """Return the card `(height, width, 3)` for the whole screen, top row first.

    `gamma` and the value `background_grey` are those of `painting`.
    """
    painter = Painter(Appearance(gamma=gamma), background_grey)
    level = painter.background_level
    picture = PIL.Image.new("RGB", geometry.size_px, (level,) * 3)
    brush = _Brush(geometry, picture, level)
    brush.frame()
    brush.rulers()
    brush.circle()
    for place in places:
        brush.place(place)
    brush.primaries()
    brush.words(_words(geometry, gamma, monitor))
    brush.values()
    pixels = np.array(picture)
    _paint_ramp(pixels, painter)
    _paint_grating(pixels)
    return pixels


def circle_deg(geometry: ScreenGeometry) -> int:
    """Return the radius of the circle: whole degrees, a third of the screen's height at most."""
    most_px = 0.34 * geometry.size_px[1]
    fitting = [deg for deg in range(1, 45) if pixels_at(geometry, deg) <= most_px]
    return max(fitting, default=1)


def ramp_box(size_px: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the ramp: all values from 0, equally many columns for each."""
    width, height = size_px
    step = max(1, int(0.8 * width) // N_VALUES)
    left = max(0, (width - step * N_VALUES) // 2)
    top = round(0.86 * height)
    return slice(top, top + max(1, height // 16)), slice(left, left + step * N_VALUES)


def _paint_ramp(pixels: ImagePixels, painter: Painter) -> None:
    rows, columns = ramp_box((pixels.shape[1], pixels.shape[0]))
    levels = np.array([painter.level(value) for value in range(N_VALUES)], np.uint8)
    wide = np.repeat(levels, (columns.stop - columns.start) // N_VALUES)
    fitting = wide[: pixels.shape[1] - columns.start]
    pixels[rows, columns] = fitting[:, np.newaxis]


def _paint_grating(pixels: ImagePixels) -> None:
    """Paint single lines of pixels: from afar an even grey, and stripes where they are scaled."""
    side = max(8, pixels.shape[0] // 12)
    top, left = round(0.1 * pixels.shape[0]), round(0.72 * pixels.shape[1])
    lines = np.uint8(255) * (np.arange(side) % 2).astype(np.uint8)
    pixels[top : top + side, left : left + side] = lines[np.newaxis, :, np.newaxis]
    second = left + side + side // 4
    pixels[top : top + side, second : second + side] = lines[:, np.newaxis, np.newaxis]


def _words(geometry: ScreenGeometry, gamma: float | None, monitor: str) -> list[str]:
    width, height = geometry.size_px
    radius_deg = circle_deg(geometry)
    across_cm = 2 * pixels_at(geometry, radius_deg) / width * geometry.width_cm
    shown = "as they are" if gamma is None else f"for a monitor with gamma {gamma:g}"
    per_deg = pixels_at(geometry, 0.5) - pixels_at(geometry, -0.5)
    return [
        f"{monitor or 'monitor without a name'}: {width} x {height} px, {geometry.refresh_hz:g} Hz",
        f"{geometry.width_cm:g} cm wide, seen from {geometry.distance_cm:g} cm: "
        f"{per_deg:.1f} px per degree in the middle",
        f"circle: {radius_deg} deg from the middle, which is {across_cm:.1f} cm across",
        f"ramp: values 0 to 255, {shown} (display.gamma)",
        "any key, or Ctrl-C, ends this",
    ]


class _Brush:
    """Draws on a picture of the whole screen, in degrees or pixels from its middle."""

    def __init__(self, geometry: ScreenGeometry, picture: PIL.Image.Image, level: int) -> None:
        self._geometry = geometry
        self._ink = (0 if level >= _LIGHT else 255,) * 3
        self._faint = (level - 64 if level >= _LIGHT else level + 48,) * 3
        self._outline = (255 if level <= _DARK else 0,) * 3
        self._draw = PIL.ImageDraw.Draw(picture)
        self._middle = (geometry.size_px[0] / 2, geometry.size_px[1] / 2)
        self._height = geometry.size_px[1]
        self._font = PIL.ImageFont.load_default(size=max(8, self._height // 48))

    def frame(self) -> None:
        """Draw the outermost pixels: a side that is missing lies under the monitor's frame."""
        width, height = self._geometry.size_px
        self._draw.rectangle((0, 0, width - 1, height - 1), outline=self._ink)

    def rulers(self) -> None:
        """Draw both axes with a tick for each degree, and a number at every fifth."""
        (x, y), (width, height) = self._middle, self._geometry.size_px
        self._draw.line((0, y, width, y), fill=self._faint)
        self._draw.line((x, 0, x, height), fill=self._faint)
        for deg in self._degrees(width):
            tick, at = self._tick(deg), x + pixels_at(self._geometry, deg)
            self._draw.line((at, y - tick, at, y + tick), fill=self._faint)
            if deg % 5 == 0 and deg:
                self._text((at, y + 1.5 * tick), f"{deg}", "ma")
        for deg in self._degrees(height):
            tick, at = self._tick(deg), y - pixels_at(self._geometry, deg)
            self._draw.line((x - tick, at, x + tick, at), fill=self._faint)
            if deg % 5 == 0 and deg:
                self._text((x + 1.5 * tick, at), f"{deg}", "lm")

    def circle(self) -> None:
        """Draw the circle that a ruler must find round."""
        (x, y), radius = self._middle, pixels_at(self._geometry, circle_deg(self._geometry))
        box = (x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse(box, outline=self._ink, width=max(1, self._height // 360))

    def place(self, place: Place) -> None:
        """Draw the outline of where images of a thread are shown."""
        where = placement(self._geometry, place.x_deg, place.y_deg, place.size_deg)
        rows, columns = framebuffer_box(self._geometry, where).slices
        box = (columns.start, rows.start, columns.stop - 1, rows.stop - 1)
        self._draw.rectangle(box, outline=self._outline)
        self._text((columns.start, rows.start), place.label, "ld")

    def primaries(self) -> None:
        """Draw a square of each primary and of their pairs."""
        side = max(8, self._height // 18)
        top, left = round(0.78 * self._height), round(0.06 * self._geometry.size_px[0])
        for k, colour in enumerate(_PRIMARIES):
            x = left + k * side
            self._draw.rectangle((x, top, x + side - 1, top + side - 1), fill=colour)

    def values(self) -> None:
        """Write some values under the ramp, none where the ruler is."""
        rows, columns = ramp_box(self._geometry.size_px)
        step = (columns.stop - columns.start) / N_VALUES
        for value in (0, 64, 192, N_VALUES - 1):
            at = (columns.start + (value + 0.5) * step, rows.stop + 0.01 * self._height)
            self._text(at, str(value), "ma")

    def words(self, lines: Sequence[str]) -> None:
        """Write lines at the top left."""
        for k, line in enumerate(lines):
            at = (0.03 * self._geometry.size_px[0], (0.04 + 0.035 * k) * self._height)
            self._text(at, line, "la")

    def _text(self, at: tuple[float, float], text: str, anchor: str) -> None:
        self._draw.text(at, text, fill=self._ink, font=self._font, anchor=anchor)

    def _degrees(self, extent_px: int) -> Iterator[int]:
        """Yield the whole degrees that lie on an axis of so many pixels."""
        for deg in range(-60, 61):
            if abs(pixels_at(self._geometry, deg)) < extent_px / 2:
                yield deg

    def _tick(self, deg: int) -> float:
        return self._height / (60 if deg % 5 == 0 else 120)
