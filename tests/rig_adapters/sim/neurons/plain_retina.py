"""What falls into a receptive field, once more: slowly, pixel by pixel, from the documentation.

Nothing here is imported from the code that it is held against.
"""

import math

import numpy as np
import numpy.typing as npt

SAMPLES = 48
Floats = npt.NDArray[np.float64]


def seen_pixels(
    image: npt.NDArray[np.uint8], place: tuple[float, float, float], field: tuple[float, ...]
) -> Floats:
    """Return the pixels of one image (h, w, 3) in a field, in half the range from black to white.

    `place` and `field` are right, up and side, in degrees; (SAMPLES, SAMPLES, 3).
    """
    return _averaged((image.astype(float) - 128.0) / 127.5, place, field)


def seen_contrast(
    image: npt.NDArray[np.uint8], place: tuple[float, float, float], field: tuple[float, ...]
) -> Floats:
    """Return luminance, red-green and blue-yellow contrast: (3, SAMPLES, SAMPLES)."""
    grey = _light(128)
    light = np.array([[[_light(int(c)) for c in pixel] for pixel in row] for row in image])
    inside = _averaged(light - grey, place, field)
    contrast = np.zeros((3, SAMPLES, SAMPLES))
    for row in range(SAMPLES):
        for column in range(SAMPLES):
            red, green, blue = inside[row, column] / grey * _window(row, column)
            contrast[0, row, column] = 0.2126 * red + 0.7152 * green + 0.0722 * blue
            contrast[1, row, column] = (red - green) / 2
            contrast[2, row, column] = blue / 2 - (red + green) / 4
    return contrast


def _light(code: int) -> float:
    """Return the light of an sRGB code (IEC 61966-2-1)."""
    share = code / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _window(row: int, column: int) -> float:
    x, y = ((k + 0.5) / SAMPLES * 2 - 1 for k in (column, row))
    radius = math.hypot(x, y)
    if radius <= 0.6:
        return 1.0
    return 0.0 if radius >= 1.0 else (1 + math.cos(math.pi * (radius - 0.6) / 0.4)) / 2


def _averaged(values: Floats, place: tuple[float, ...], field: tuple[float, ...]) -> Floats:
    """Average values (h, w, 3) over each square sample of the field; 0 beside the image."""
    height, width, _ = values.shape
    top, left = place[1] + place[2] / 2, place[0] - place[2] / 2
    field_top, field_left = field[1] + field[2] / 2, field[0] - field[2] / 2
    down = _shares(top - field_top, -place[2] / height, height, field[2])
    across = _shares(left - field_left, place[2] / width, width, field[2])
    inside = np.zeros((SAMPLES, SAMPLES, 3))
    for row, of_rows in enumerate(down):
        for column, of_columns in enumerate(across):
            for y, share_y in of_rows:
                for x, share_x in of_columns:
                    inside[row, column] += share_y * share_x * values[y, x]
    return inside


def _shares(begin: float, step: float, n: int, size: float) -> list[list[tuple[int, float]]]:
    """Return which share of each sample lies within each pixel, as pairs.

    A pixel reaches from `begin + k * step`, with steps down or to the right from the field's edge.
    """
    sign = math.copysign(1.0, step)
    sample = size / SAMPLES
    shares: list[list[tuple[int, float]]] = []
    for k in range(SAMPLES):
        found = []
        for pixel in range(n):
            first = sign * begin + pixel * abs(step)
            common = min(first + abs(step), (k + 1) * sample) - max(first, k * sample)
            if common > 0:
                found.append((pixel, common / sample))
        shares.append(found)
    return shares
