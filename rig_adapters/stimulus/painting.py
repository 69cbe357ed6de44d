"""From an image's pixels to those of the screen: scaling, mask, gamma. Pure; the definition itself.

Done here and not by the graphics card, so that it is the same on every machine, to the pixel. With
n pixels of the image on m of the screen, along each axis, pixel i of the screen lies at

    c = (i + 1/2) n / m                                                                  (1)

of the image. `nearest` takes pixel ⌊c⌋. `linear` takes the mean of the pixels around c, each
weighted by a triangle that falls to zero max(1, n / m) pixels away from it: between pixels where an
image is enlarged, over all that share a pixel of the screen where it is made smaller. With n = m
both leave every pixel as it is.

A mask then mixes the image with the background: its weight is 1 up to (1 - e) of the way from the
middle of the image to the middle of its edge, 0 from that edge on, and between them half a period
of a cosine; e is 0 for `circle` and `mask_edge` for `soft`. Scaling and mixing are in the values of
the image; with a gamma g, value v is shown as level

    255 (v / 255)^(1 / g)                                                                (2)

so that light is in proportion to v on a monitor with that gamma. Levels are rounded once, at the
end, to the nearest.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rig_adapters.stimulus.base import ImagePixels
from rig_adapters.stimulus.geometry import Box
from rig_adapters.wire.messages import Appearance

Values = npt.NDArray[np.float32]
_LIGHT_GREY = 192
"""On a background of this level or a lighter one, the fixation spot is black."""


class Painter:
    """Paints images as `appearance` says, on a background of value `background_grey`."""

    def __init__(self, appearance: Appearance, background_grey: int) -> None:
        self._appearance = appearance
        self._background_grey = background_grey

    @property
    def background_level(self) -> int:
        """The level of the background."""
        return self.level(self._background_grey)

    def level(self, value: int) -> int:
        """Return the level at which something even of `value` is shown, as the background is."""
        return int(self._levels(np.array(value, np.float32)))

    def paint(self, image: ImagePixels, size_px: tuple[int, int]) -> ImagePixels:
        """Return the pixels `(height, width, 3)` that `image` takes on a screen at `size_px`.

        `size_px` is width and height; row 0 is at the top in both.
        """
        width, height = size_px
        how = self._appearance.interpolation
        rows, columns = _taps(how, image.shape[0], height), _taps(how, image.shape[1], width)
        values = _resampled(image.astype(np.float32), rows, axis=0)
        values = _resampled(values, columns, axis=1)
        if self._appearance.mask != "none":
            weight = mask_weight(size_px, self._appearance.mask_edge)[:, :, np.newaxis]
            values = weight * values + (1 - weight) * self._background_grey
        return self._levels(values)

    def _levels(self, values: Values) -> ImagePixels:
        # Means of values from 0 to 255 stay there, but for the last bit, which rounding takes away.
        if self._appearance.gamma is not None:
            values = np.float32(255) * (values / np.float32(255)) ** np.float32(
                1 / self._appearance.gamma
            )
        return (values + np.float32(0.5)).astype(np.uint8)


@lru_cache(maxsize=64)
def mask_weight(size_px: tuple[int, int], edge: float) -> Values:
    """Return the weight `(height, width)` of an image of `size_px` within a round mask.

    `edge` is the part of the way from the middle to the edge over which it fades.
    """
    width, height = size_px
    x = (2 * np.arange(width) + 1 - width) / width
    y = (2 * np.arange(height) + 1 - height) / height
    radius = np.hypot(x, y[:, np.newaxis])
    if edge == 0:
        return (radius <= 1).astype(np.float32)
    faded = np.clip((radius - (1 - edge)) / edge, 0, 1)
    return (0.5 * (1 + np.cos(np.pi * faded))).astype(np.float32)


def spot_level(background_level: int) -> int:
    """Return the level of the fixation spot: black on a light background, else white."""
    return 0 if background_level >= _LIGHT_GREY else 255


def disc(centre_px: tuple[float, float], diameter_px: float) -> tuple[Box, ...]:
    """Return a disc as a few boxes that overlap.

    Its pixels are those whose middles lie no further from `centre_px` (column, row) than half of
    `diameter_px`; where there are none, the one around the centre.
    """
    (x, y), radius = centre_px, diameter_px / 2
    rows: dict[int, tuple[int, int]] = {}
    for row in range(math.floor(y - radius), math.ceil(y + radius)):
        half_squared = radius**2 - (row + 0.5 - y) ** 2
        if half_squared >= 0:
            half = math.sqrt(half_squared)
            span = math.ceil(x - half - 0.5), math.floor(x + half - 0.5) + 1
            if span[0] < span[1]:
                rows[row] = span
    if not rows:
        return (Box(math.floor(x), math.floor(y), 1, 1),)
    boxes = []
    for left, right in set(rows.values()):
        # Rows that are at least as wide lie side by side.
        wide = [row for row, span in rows.items() if span[0] <= left and span[1] >= right]
        boxes.append(Box(left, min(wide), right - left, max(wide) + 1 - min(wide)))
    return tuple(sorted(boxes, key=lambda box: box.top))


@dataclass(frozen=True)
class _Taps:
    """Which pixels of the image make each pixel of the screen, and with which weights."""

    indices: npt.NDArray[np.intp]
    """(k, m)"""
    weights: Values
    """(k, m); each column sums to 1."""


@lru_cache(maxsize=64)
def _taps(interpolation: str, n: int, m: int) -> _Taps:
    centre = (np.arange(m) + 0.5) * n / m
    if interpolation == "nearest":
        # In whole numbers, since ⌊c⌋ must not depend on a rounding.
        nearest = ((2 * np.arange(m) + 1) * n) // (2 * m)
        return _Taps(nearest[np.newaxis], np.ones((1, m), np.float32))
    reach = max(1.0, n / m)
    first = np.floor(centre - 0.5 - reach).astype(np.intp)
    indices = first + np.arange(int(2 * reach) + 3)[:, np.newaxis]
    weights = np.maximum(0.0, 1 - np.abs(indices + 0.5 - centre) / reach)
    weights[(indices < 0) | (indices >= n)] = 0.0
    used = weights.any(axis=1)
    weights = weights[used] / weights.sum(axis=0)
    return _Taps(np.clip(indices[used], 0, n - 1), weights.astype(np.float32))


def _resampled(values: Values, taps: _Taps, axis: int) -> Values:
    """Return `values` `(h, w, 3)` resampled along `axis`."""
    if len(taps.weights) == 1:
        only: Values = values.take(taps.indices[0], axis)
        return only
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    total: Values = values.take(taps.indices[0], axis) * taps.weights[0].reshape(shape)
    for index, weight in zip(taps.indices[1:], taps.weights[1:], strict=True):
        total += values.take(index, axis) * weight.reshape(shape)
    return total
