"""Neurons whose preference is known, to see whether an evolution through a generator finds it.

A neuron looks through a soft window and fires with the correlation between what it sees and its
preferred picture, the mean of each colour taken off: neither brightness nor contrast helps, only
form and colour at the right place. Left out: everything that a real neuron does beside that; the
simulated rig has richer ones (`rig_adapters.sim`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generators.embedded.training.people import portrait
from generators.painting import Field, Picture, edge, grid, light, noise, ramp, shade

_GREY = 0.5
_LARGEST_HZ, _SPONTANEOUS_HZ = 100.0, 2.0
_LEAST_CONTRAST = 1e-6


@dataclass(frozen=True, eq=False)
class KnownNeuron:
    """A neuron and what it wants to see.

    Attributes:
        name: in one or two words.
        preferred: ``(size, size, 3)`` float32 in 0..1.
        window: ``(size, size)`` float32, 1 where it looks and 0 where it does not.

    """

    name: str
    preferred: Picture
    window: Field

    def match(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Correlation ``(n,)`` of images ``(n, size, size, 3)`` with the preferred picture."""
        wanted = self._seen(self.preferred[None].astype(np.float64))
        seen = self._seen(images / 255.0)
        norms = np.sqrt(np.square(seen).sum(axis=1)) * np.sqrt(np.square(wanted).sum())
        together: NDArray[np.float64] = seen @ wanted[0] / np.maximum(norms, _LEAST_CONTRAST)
        return together

    def rate_hz(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Mean rate ``(n,)``: 100 for the preferred picture, 2 for one that is nothing like it."""
        match = np.maximum(self.match(images), 0.0)
        return _SPONTANEOUS_HZ + (_LARGEST_HZ - _SPONTANEOUS_HZ) * match**2

    def spikes_per_s(
        self, images: NDArray[np.uint8], counted_s: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Rate ``(n,)`` as counted in so many seconds, with the noise of a Poisson process."""
        return rng.poisson(self.rate_hz(images) * counted_s) / counted_s

    def shown(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Images as the neuron sees them: grey outside its window."""
        window = self.window[..., None]
        seen = _GREY + window * (images / 255.0 - _GREY)
        levels: NDArray[np.uint8] = np.rint(255.0 * seen).astype(np.uint8)
        return levels

    def _seen(self, pictures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pictures ``(n, size, size, 3)`` in the window without their mean colour, flattened."""
        weights = (self.window / self.window.sum())[..., None]
        centred = pictures - (pictures * weights).sum(axis=(1, 2), keepdims=True)
        flat: NDArray[np.float64] = (centred * np.sqrt(weights)).reshape(len(pictures), -1)
        return flat


def known_neurons(size_px: int = 128) -> tuple[KnownNeuron, ...]:
    """Six neurons: coloured grating, face, ring, pair of spots, stripes, shaded sphere."""
    paints: tuple[tuple[str, Callable[[int], Picture], tuple[float, float], float], ...] = (
        ("grating", _grating, (-0.2, 0.15), 0.5),
        ("face", _face, (0.0, 0.0), 0.85),
        ("ring", _ring, (0.15, -0.1), 0.7),
        ("two spots", _spots, (0.0, 0.1), 0.75),
        ("texture", _texture, (0.2, 0.2), 0.7),
        ("sphere", _sphere, (-0.1, 0.1), 0.75),
    )
    x, y = grid(size_px)
    neurons = []
    for name, paint, (centre_x, centre_y), radius in paints:
        outside = np.hypot(x - np.float32(centre_x), y - np.float32(centre_y))
        window = edge((np.float32(radius) - outside).astype(np.float32), 0.2)
        neurons.append(KnownNeuron(name, paint(size_px), window))
    return tuple(neurons)


def _grating(size: int) -> Picture:
    x, y = grid(size)
    wave = np.sin(2 * np.pi * 1.8 * (0.8 * (x + 0.2) + 0.6 * (y - 0.15)))
    away = np.square(x + 0.2) + np.square(y - 0.15)
    wave = wave * np.exp(-away / (2 * 0.25**2))
    colours = np.array([[0.15, 0.2, 0.75], [0.5, 0.5, 0.5], [0.95, 0.75, 0.2]], np.float32)
    return ramp(colours, (0.5 + 0.5 * wave).astype(np.float32))


def _face(size: int) -> Picture:
    return portrait(size, np.random.default_rng(19))


def _ring(size: int) -> Picture:
    x, y = grid(size)
    radius = np.hypot(x - 0.15, (y + 0.1) * 1.15)
    stroke = edge((0.08 - np.abs(radius - 0.42)).astype(np.float32), 0.04)
    colours = np.array([[0.25, 0.35, 0.3], [0.95, 0.9, 0.6]], np.float32)
    return ramp(colours, stroke)


def _spots(size: int) -> Picture:
    x, y = grid(size)
    first = edge((0.22 - np.hypot(x + 0.3, y - 0.1)).astype(np.float32), 0.05)[..., None]
    second = edge((0.22 - np.hypot(x - 0.32, y - 0.1)).astype(np.float32), 0.05)[..., None]
    red, green = np.array([0.85, 0.15, 0.1]), np.array([0.15, 0.65, 0.25])
    picture = _GREY + first * (red - _GREY) + second * (green - _GREY)
    return picture.astype(np.float32)


def _texture(size: int) -> Picture:
    x, y = grid(size)
    bend = 0.1 * noise(size, 2.2, np.random.default_rng(3))
    wave = np.tanh(3.0 * np.sin(2 * np.pi * 2.2 * (0.4 * x - 0.9 * y + bend)))
    colours = np.array([[0.2, 0.12, 0.1], [0.85, 0.7, 0.5]], np.float32)
    return ramp(colours, (0.5 + 0.5 * wave).astype(np.float32))


def _sphere(size: int) -> Picture:
    x, y = grid(size)
    reach = np.hypot(x + 0.1, y - 0.1) / 0.5
    towards = light(np.random.default_rng(1))
    height = 0.5 * np.sqrt(np.clip(1.0 - reach**2, 0.0, 1.0))
    ball = np.array([0.8, 0.3, 0.2]) * shade(height.astype(np.float32), towards)[..., None]
    ground = np.array([0.45, 0.55, 0.6]) * (0.9 - 0.2 * y)[..., None]
    inside = edge((1.0 - reach).astype(np.float32), 0.04)[..., None]
    picture = ground * (1.0 - inside) + ball * inside
    clipped: Picture = np.clip(picture, 0.0, 1.0).astype(np.float32)
    return clipped
