"""Tools for pictures that the project makes itself: fields, palettes, shapes and shading.

Every function is pure and takes its randomness as `rng`. Pictures here are float32 in 0..1, and
coordinates run from -1 to 1 over the picture, x to the right and y down. What is painted with
these tools is decided in `generators.scenes`.
"""

from functools import lru_cache

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""``(size, size)`` float32."""
Colour = NDArray[np.float32]
"""``(3,)`` float32, RGB in 0..1."""
Picture = NDArray[np.float32]
"""``(size, size, 3)`` float32, RGB in 0..1."""


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Field, Field]:
    axis = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2.0 / size) - 1.0
    x, y = np.meshgrid(axis, axis)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def grid(size: int) -> tuple[Field, Field]:
    """Read-only coordinates x and y of the pixel centres, each ``(size, size)``."""
    return _grid(size)


def noise(
    size: int, slope: float, rng: np.random.Generator, stretch: float = 1.0, angle_rad: float = 0.0
) -> Field:
    """Draw a Gaussian field with amplitude spectrum ``1 / f ** slope``, mean 0 and variance 1.

    Args:
        size: pixels along a side; the field is periodic.
        slope: 1 is the slope of natural scenes (Field 1987); larger is smoother.
        rng: source of all randomness.
        stretch: above 1 the grain is longer along `angle_rad`.
        angle_rad: direction of the grain.

    """
    along_y = scipy.fft.fftfreq(size)[:, None]
    along_x = scipy.fft.rfftfreq(size)[None, :]
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    radius = np.hypot(stretch * (c * along_x + s * along_y), c * along_y - s * along_x)
    radius[0, 0] = np.inf
    white = rng.standard_normal((2, *radius.shape))
    field = scipy.fft.irfft2((white[0] + 1j * white[1]) * radius**-slope, s=(size, size))
    standard: Field = ((field - field.mean()) / field.std()).astype(np.float32)
    return standard


def rgb(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a colour given by hue (1 is a full turn), saturation and value (both 0..1)."""
    offsets = np.array([5.0, 3.0, 1.0])
    ramp = (offsets + 6.0 * hue) % 6.0
    hump = np.clip(np.minimum(ramp, 4.0 - ramp), 0.0, 1.0)
    colour: Colour = (value * (1.0 - saturation * hump)).astype(np.float32)
    return colour


def palette(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colours that belong together, ``(n, 3)``: neighbours of one hue and a few opposites.

    Earthy hues and moderate saturation are the most frequent, as in scenes.
    """
    warm = rng.random() < 0.6
    base = rng.normal(0.09, 0.05) if warm else rng.random()
    spread = rng.uniform(0.02, 0.14)
    colours = []
    for _ in range(n):
        opposite = 0.5 if rng.random() < 0.25 else 0.0
        hue = (base + opposite + rng.normal(0.0, spread)) % 1.0
        saturation = np.clip(rng.beta(1.8, 2.6) + 0.05, 0.0, 0.9)
        colours.append(rgb(hue, saturation, rng.uniform(0.12, 0.95)))
    chosen: NDArray[np.float32] = np.stack(colours)
    return chosen


def blend(below: Picture, above: Picture | Colour, mask: Field) -> Picture:
    """Lay `above` over `below` where `mask` is 1; between 0 and 1 it is translucent."""
    weight = mask[..., None]
    blended: Picture = below * (1.0 - weight) + above * weight
    return blended


def ramp(colours: NDArray[np.float32], position: Field) -> Picture:
    """Colour every pixel by interpolating in a row of colours ``(n, 3)``, at position 0..1."""
    stops = np.linspace(0.0, 1.0, len(colours))
    clipped = np.clip(position, 0.0, 1.0)
    channels = [np.interp(clipped, stops, colours[:, k]) for k in range(3)]
    coloured: Picture = np.stack(channels, axis=-1).astype(np.float32)
    return coloured


def edge(inside: Field, softness: float) -> Field:
    """Mask that is 1 where `inside` is well above 0 and 0 well below, linear between."""
    mask: Field = np.clip(inside / np.float32(softness) + 0.5, 0.0, 1.0)
    return mask


def wobble(angle_rad: Field, roughness: float, rng: np.random.Generator) -> Field:
    """Draw a closed outline: a radius factor around 1 as a smooth function of the angle."""
    radius = np.ones_like(angle_rad)
    for k in range(2, 8):
        amplitude = roughness * rng.normal() / k
        radius += np.float32(amplitude) * np.cos(k * angle_rad + rng.uniform(0, 2 * np.pi))
    return np.maximum(radius, np.float32(0.25))


def light(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a unit vector towards a light above and in front, ``(3,)`` as x, y, z."""
    direction = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.9, -0.2), rng.uniform(0.5, 1.0)])
    unit: NDArray[np.float32] = (direction / np.linalg.norm(direction)).astype(np.float32)
    return unit


def shade(height: Field, towards: NDArray[np.float32], relief: float = 1.0) -> Field:
    """Lambertian brightness of a surface of the given height, about 1 where it faces the light.

    Args:
        height: ``(size, size)``, in units of half the picture.
        towards: unit vector to the light.
        relief: factor on the slopes.

    """
    step = 2.0 / height.shape[0]
    slope_y, slope_x = np.gradient(height, step)
    nx, ny = -relief * slope_x, -relief * slope_y
    facing = nx * towards[0] + ny * towards[1] + towards[2]
    brightness = facing / np.sqrt(nx**2 + ny**2 + 1.0)
    lit: Field = (0.25 + 0.85 * np.maximum(brightness, 0.0)).astype(np.float32)
    return lit


def blurred(field: Field, width: float) -> Field:
    """Gaussian blur; `width` is the standard deviation as a fraction of half the picture."""
    sigma_px = width * field.shape[0] / 2.0
    smooth: Field = scipy.ndimage.gaussian_filter(field, sigma_px, mode="nearest")
    return smooth


def halved(picture: Picture) -> Picture:
    """Average 2 x 2 pixels: what is painted at twice the size comes out with smooth edges."""
    size = picture.shape[0] // 2
    mean: Picture = picture.reshape(size, 2, size, 2, 3).mean(axis=(1, 3))
    return mean
