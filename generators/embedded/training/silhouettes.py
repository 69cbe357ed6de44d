"""Silhouettes that become bodies in light and shade, and the grounds that they stand on.

The tools of `people` and `things`; coordinates and pictures are those of `generators.painting`.
"""

from collections.abc import Sequence

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from generators.painting import (
    Field,
    Picture,
    blend,
    blurred,
    edge,
    grid,
    noise,
    palette,
    ramp,
    shade,
)

Points = NDArray[np.floating]
"""``(n, 2)`` or ``(2,)``: x and y."""


def clipped(colours: NDArray[np.floating]) -> Picture:
    """Colours within 0..1, float32."""
    within: Picture = np.clip(colours, 0.0, 1.0).astype(np.float32)
    return within


def backdrop(size: int, rng: np.random.Generator) -> Picture:
    """Soft ground: a plain, a ramp or blotches of two near colours."""
    x, y = grid(size)
    colours = palette(2, rng)
    colours[1] = 0.5 * colours.sum(axis=0)
    way = rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y
    blotches = rng.uniform(0.0, 0.2) * noise(size, 1.8, rng)
    return ramp(colours, (0.5 + 0.3 * way + blotches).astype(np.float32))


def room(size: int, rng: np.random.Generator) -> tuple[Picture, float]:
    """Wall above floor, and how high up the floor ends."""
    _, y = grid(size)
    colours = palette(2, rng)
    horizon = float(rng.uniform(-0.4, 0.3))
    grain = 0.06 * noise(size, 1.2, rng, 3.0, 0.0)
    wall = colours[0] * (0.9 - 0.15 * y)[..., None]
    floor = colours[1] * (0.75 + 0.25 * (y - horizon) + grain)[..., None]
    return blend(wall, floor, edge(y - np.float32(horizon), 0.04)), horizon


def drawn(size: int, outlines: Sequence[Points]) -> Field:
    """Union of closed outlines ``(n, 2)`` in coordinates of the picture, 1 inside."""
    canvas = Image.new("L", (size, size))
    draw = ImageDraw.Draw(canvas)
    for outline in outlines:
        draw.polygon([(float(u), float(v)) for u, v in (outline + 1.0) * size / 2], fill=255)
    return np.asarray(canvas, dtype=np.float32) / np.float32(255.0)


def ellipse(centre: tuple[float, float], wide: float, high: float, turn_rad: float = 0.0) -> Points:
    """Outline of an ellipse, turned about its centre."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    u, v = wide * np.cos(angles), high * np.sin(angles)
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return np.stack([centre[0] + c * u - s * v, centre[1] + s * u + c * v], axis=1)


def limb(start: Points, end: Points, first: float, last: float) -> list[Points]:
    """Outline of a tapering limb with round ends."""
    along = end - start
    length = float(np.hypot(along[0], along[1])) + 1e-6
    side = np.array([-along[1], along[0]]) / length
    sides = np.stack(
        [start + first * side, end + last * side, end - last * side, start - first * side]
    )
    ends = [((start[0], start[1]), first), ((end[0], end[1]), last)]
    return [sides, *(ellipse((float(u), float(v)), r, r) for (u, v), r in ends)]


def inflated(mask: Field, thickness: float) -> Field:
    """Height of a body with this silhouette: round at the rim, flat beyond `thickness` of it."""
    depth = scipy.ndimage.distance_transform_edt(mask > 0.5) * (2.0 / mask.shape[0])
    inward = np.clip(depth / thickness, 0.0, 1.0)
    return blurred((thickness * np.sqrt(inward * (2.0 - inward))).astype(np.float32), 0.015)


def coat(size: int, rng: np.random.Generator) -> Picture:
    """Plain, patched, spotted or striped colour of a body."""
    colours = palette(3, rng)
    kind = rng.integers(4)
    if kind == 0:
        return ramp(colours[:2], 0.5 + 0.08 * noise(size, 1.4, rng))
    if kind == 1:
        return ramp(colours[:2], edge(noise(size, 2.2, rng), 0.4))
    if kind == 2:
        return ramp(colours[:2], edge(noise(size, 1.3, rng) - np.float32(0.8), 0.4))
    x, y = grid(size)
    way = rng.uniform(0, np.pi)
    phase = x * np.cos(way) + y * np.sin(way) + 0.05 * noise(size, 2.2, rng)
    return ramp(colours[:2], (0.5 + np.sin(rng.uniform(15.0, 40.0) * phase)).astype(np.float32))


def lit_body(
    picture: Picture, mask: Field, coat: Picture, towards: NDArray[np.float32], thickness: float
) -> Picture:
    """Lay a body over the picture: a soft shadow behind it, then its surface in light."""
    size = picture.shape[0]
    moved = scipy.ndimage.shift(mask, -0.06 * size * towards[1::-1], order=0)
    picture = picture * (1.0 - 0.4 * blurred(moved, 0.05))[..., None]
    height = inflated(mask, thickness)
    return blend(picture, (coat * shade(height, towards)[..., None]).astype(np.float32), mask)
