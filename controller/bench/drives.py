"""What drives the simulated neurons: eight families of functions from pictures to drive.

Each takes pictures (n, SIDE, SIDE) and returns (n,), 1 for the picture that the neuron prefers and
about 0 for a faint random one. Five families are those that optimizers were compared on before
(linear, radial, energy, conjunction, convolutional); an optimizer tuned on these can be tried on
the other three (divisive, product, several peaks), which it has never seen.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.bench.code_space import N_PIXELS, SIDE, CodeSpace, Images
from controller.bench.convolution import Maps, convolve, he_filters

Values: TypeAlias = NDArray[np.float32]
Drive: TypeAlias = Callable[[Images], Values]
Family: TypeAlias = Callable[[np.random.Generator, CodeSpace, float], Drive]

_PREFERRED_CODE_SD = 4.5
"""Preferred pictures have the contrast of codes of norm 290, where optimizers end."""
_FAINT_CODE_SD = 1.0


def _preferred(rng: np.random.Generator, space: CodeSpace, spread: float, n: int = 1) -> Images:
    """Draw pictures (n, N_PIXELS) that the space can show."""
    vectors = space.draw(rng, n, _PREFERRED_CODE_SD, spread)
    pictures: Images = space.pictures(vectors).reshape(n, N_PIXELS)
    return pictures


def _window(rng: np.random.Generator, width_px: float) -> Images:
    """Draw a Gaussian receptive field (N_PIXELS,), somewhere in the middle of the picture."""
    row, column = rng.uniform(0.35 * SIDE, 0.65 * SIDE, 2)
    y, x = np.mgrid[:SIDE, :SIDE]
    window = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width_px**2))
    field: Images = window.reshape(N_PIXELS).astype(np.float32)
    return field


def linear(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Weighted sum of pixels in a receptive field, rectified."""
    target = _preferred(rng, space, spread)[0]
    weights = target * _window(rng, 8.0)
    weights = weights / (weights @ target)
    return lambda pictures: np.maximum(_flat(pictures) @ weights, 0.0)


def radial(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Falls off as a Gaussian of the distance from one picture; an empty one drives it by 0.14."""
    target = _preferred(rng, space, spread)[0]
    width = np.square(target).sum() / (2 * 2.0)

    def drive(pictures: Images) -> Values:
        squared = np.square(_flat(pictures) - target).sum(axis=1)
        falling: Values = np.exp(-squared / (2 * width))
        return falling

    return drive


def energy(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Square of cosine times contrast within a receptive field, for rectified cosine."""
    window = _window(rng, 8.0)
    target = _preferred(rng, space, spread)[0]
    seen = target * window
    weights = seen / (seen @ seen)
    return lambda pictures: np.square(np.maximum((_flat(pictures) * window) @ weights, 0.0))


def conjunction(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Two parts side by side, at the best of six positions: geometric mean of both matches."""
    part, n_positions = 10, 6
    target = _preferred(rng, space, spread)[0].reshape(SIDE, SIDE)
    row, column = rng.integers(0, SIDE - 2 * part, 2)
    parts = np.stack(
        [_patch(target, row, column, part), _patch(target, row, column + part, part)], axis=1
    )
    parts = parts / np.square(parts).sum(axis=0)
    corners = rng.integers(0, SIDE - 2 * part, (n_positions, 2))

    def drive(pictures: Images) -> Values:
        best = np.zeros(len(pictures), np.float32)
        for top, left in corners:
            first = _patch(pictures, top, left, part) @ parts[:, 0]
            second = _patch(pictures, top, left + part, part) @ parts[:, 1]
            both = np.sqrt(np.maximum(first, 0.0) * np.maximum(second, 0.0))
            best = np.maximum(best, both)
        return best

    return drive


def convolutional(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """One unit of a random network of four layers, above what faint random pictures give it.

    Its preferred picture is unknown; drive 1 is fifteen standard deviations of its response to
    strong random pictures.
    """
    channels = (1, 8, 16, 16)
    filters = [
        he_filters(rng, n_in, n_out, side=5 if n_in == 1 else 3)
        for n_in, n_out in pairwise(channels)
    ]
    read_out: Maps = rng.standard_normal(channels[-1] * 4).astype(np.float32)

    def response(pictures: Images) -> Values:
        maps = pictures[..., np.newaxis]
        for one in filters:
            maps = np.maximum(convolve(maps, one, stride=2), 0.0)
        output: Values = maps.reshape(len(maps), -1) @ read_out
        return output

    faint = response(space.pictures(space.draw(rng, 200, _FAINT_CODE_SD, spread)))
    strong = response(space.pictures(space.draw(rng, 200, _PREFERRED_CODE_SD, spread)))
    offset, scale = faint.mean(), 15 * strong.std()
    return lambda pictures: np.maximum((response(pictures) - offset) / scale, 0.0)


def divisive(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Energy of a pair of filters over that of a pool of forty others in the same field."""
    window = _window(rng, 7.0)
    filters = _preferred(rng, space, spread, n=42) * window
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    pair, pool = filters[:2].T, filters[2:].T

    def normalised(pictures: Images) -> Values:
        seen = _flat(pictures) * window
        own = np.square(np.maximum(seen @ pair, 0.0)).sum(axis=1)
        others = np.square(seen @ pool).mean(axis=1)
        response: Values = own / (1.0 + others)
        return response

    both = (pair[:, 0] + pair[:, 1]).reshape(1, SIDE, SIDE)
    peak = normalised(both * np.float32(8.0)).item()
    return lambda pictures: normalised(pictures) / np.float32(peak)


def product(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Product of two linear units with receptive fields of their own."""
    first, second = linear(rng, space, spread), linear(rng, space, spread)
    return lambda pictures: first(pictures) * second(pictures)


def several_peaks(rng: np.random.Generator, space: CodeSpace, spread: float) -> Drive:
    """Three radial hills, of heights 1, 0.75 and 0.5; the highest at a place counts."""
    hills = [radial(rng, space, spread) for _ in range(3)]

    def drive(pictures: Images) -> Values:
        heights = (1.0, 0.75, 0.5)
        each = [h * hill(pictures) for h, hill in zip(heights, hills, strict=True)]
        highest: Values = np.max(each, axis=0)
        return highest

    return drive


DRIVES: Mapping[str, Family] = MappingProxyType(
    {
        "linear": linear,
        "radial": radial,
        "energy": energy,
        "conjunction": conjunction,
        "convolutional": convolutional,
        "divisive": divisive,
        "product": product,
        "several_peaks": several_peaks,
    }
)


def _flat(pictures: Images) -> Images:
    return pictures.reshape(len(pictures), N_PIXELS)


def _patch(pictures: Images, top: int, left: int, side: int) -> Images:
    """Cut (..., side * side) out of pictures (..., SIDE, SIDE)."""
    cut = pictures[..., top : top + side, left : left + side]
    return cut.reshape(*cut.shape[:-2], side * side)
