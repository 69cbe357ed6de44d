"""Pictures that simulated units are made from: the planted pattern, and textures to compare with.

A unit's preferred picture follows from its seed alone and is kept for inspection, so that what an
evolution finds can be held against the truth.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.noise import coloured_noise

PICTURE_PX = 96
Kind = Literal["curve", "corner", "ring", "blobs"]
KINDS: tuple[Kind, ...] = ("curve", "corner", "ring", "blobs")
_Mask = npt.NDArray[np.float64]


def preferred_picture(kind: Kind, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Paint a bold figure on a ground of contrasting colour: (PICTURE_PX, PICTURE_PX, 3) uint8."""
    axis = (np.arange(PICTURE_PX) - (PICTURE_PX - 1) / 2) / (PICTURE_PX / 2)
    angle = rng.uniform(0, 2 * np.pi)
    x = axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle)
    y = -axis[None, :] * np.sin(angle) + axis[:, None] * np.cos(angle)
    mask = {"curve": _curve, "corner": _corner, "ring": _ring, "blobs": _blobs}[kind](x, y, rng)
    figure, ground = _colours(rng)
    picture = ground + mask[:, :, None] * (figure - ground)
    return _quantised(picture)


def textures(n: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Paint noise with amplitudes like those of natural pictures: (n, px, px, 3) uint8.

    Amplitudes fall as f^-a with a from 1 (Field 1987) to 1.8 (pictures of few large things).
    """
    slopes = rng.uniform(1.0, 1.8, n)
    pictures = 0.5 + 0.17 * coloured_noise(slopes, PICTURE_PX, rng)
    return _quantised(pictures)


def _curve(x: _Mask, y: _Mask, rng: np.random.Generator) -> _Mask:
    radius, width = rng.uniform(0.45, 0.75), rng.uniform(0.12, 0.2)
    stroke = _soft(width - np.abs(np.hypot(x + radius * 0.7, y) - radius))
    return stroke * _soft(x + radius * 0.7)


def _corner(x: _Mask, y: _Mask, rng: np.random.Generator) -> _Mask:
    half_angle = rng.uniform(0.5, 0.9)
    inside = np.minimum(
        (x + 0.3) * np.sin(half_angle) - y * np.cos(half_angle),
        (x + 0.3) * np.sin(half_angle) + y * np.cos(half_angle),
    )
    return _soft(inside)


def _ring(x: _Mask, y: _Mask, rng: np.random.Generator) -> _Mask:
    radius, width = rng.uniform(0.38, 0.52), rng.uniform(0.1, 0.16)
    return _soft(width - np.abs(np.hypot(x, y * rng.uniform(1.0, 1.4)) - radius))


def _blobs(x: _Mask, y: _Mask, rng: np.random.Generator) -> _Mask:
    mask = np.zeros_like(x)
    n, turn = int(rng.integers(3, 5)), rng.uniform(0, 2 * np.pi)
    for index in range(n):
        at = turn + 2 * np.pi * index / n
        distance = np.hypot(x - 0.45 * np.cos(at), y - 0.45 * np.sin(at))
        mask = np.maximum(mask, _soft(rng.uniform(0.16, 0.24) - distance))
    return mask


def _quantised(picture: _Mask) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return pixels


def _soft(inside: _Mask) -> _Mask:
    return np.clip(0.5 + inside / 0.08, 0.0, 1.0)


def _colours(rng: np.random.Generator) -> tuple[_Mask, _Mask]:
    light, dark = rng.uniform(0.75, 0.95, 3), rng.uniform(0.05, 0.3, 3)
    return (light, dark) if rng.random() < 0.5 else (dark, light)
