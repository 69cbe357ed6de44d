"""The early visual stage of a simulated unit: oriented energy and surface contrast on a grid.

Quadrature pairs of Gabor filters in three scales and six orientations (Adelson & Bergen 1985),
divisively normalised by the energy around (Heeger 1992) and pooled on a coarse grid; beside them
the signed contrast of surfaces (luminance, red-green, blue-yellow), normalised alike. What pattern
of these a unit prefers is left to the unit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.retina import PATCH_PX, Floats, mix_axis

CYCLES_PER_FIELD = (2.0, 4.0, 8.0)
N_ORIENTATIONS = 6
GRID = 8
SURFACE_GRID = 6
N_ENERGIES = len(CYCLES_PER_FIELD) * N_ORIENTATIONS * GRID**2
N_FEATURES = N_ENERGIES + 3 * SURFACE_GRID**2
_SEMI_SATURATION = 0.08
_COLOUR_GAIN = 1.5
_SHORTEST_FIRST = (2, 0, 1)
"""Of images, maps and places that are as many, which comes first."""


@dataclass(frozen=True, eq=False)
class EarlyResponse:
    """`features` (n, N_FEATURES) float32, energies first; `contrast` (n,): rms in the field."""

    features: Floats
    contrast: Floats


def early_response(patches: Floats) -> EarlyResponse:
    """Return the features of `patches` (n, 3, PATCH_PX, PATCH_PX); see `retina.patches`."""
    weighted = patches * np.array([1.0, _COLOUR_GAIN, _COLOUR_GAIN], np.float32)[:, None, None]
    contrast: Floats = np.sqrt(np.mean(np.square(weighted), axis=(1, 2, 3)))
    spectrum = np.fft.fft2(patches[:, 0])
    amplitudes = np.stack([np.abs(np.fft.ifft2(one * _FILTERS)) for one in spectrum])
    energies: Floats = _pooled(np.square(amplitudes), _POOLING)
    around = energies.mean(axis=1, keepdims=True)
    normal = energies / (np.float32(_SEMI_SATURATION**2) + around)
    surface = _pooled(weighted, _SURFACE_POOLING)
    surface -= surface.mean(axis=(2, 3), keepdims=True)
    surface /= np.sqrt(np.float32(_SEMI_SATURATION**2) + np.square(contrast))[:, None, None, None]
    n = len(patches)
    features = np.concatenate([normal.reshape(n, -1), surface.reshape(n, -1)], axis=1)
    return EarlyResponse(features, contrast)


def _pooled(maps: Floats, weights: Floats) -> Floats:
    """Pool `maps` (n, c, PATCH_PX, PATCH_PX) onto the grid of `weights` (g, PATCH_PX)."""
    down = mix_axis(maps, 2, weights)
    # Which rows stand beside each other decides the last bit of a matrix product: the shortest
    # axes first, as `numpy.einsum` has them, so that neurons are the same with either.
    axes = sorted((0, 1, 2), key=lambda axis: (down.shape[axis], _SHORTEST_FIRST[axis]))
    pooled = mix_axis(np.ascontiguousarray(down.transpose(*axes, 3)), 3, weights)
    return pooled.transpose(*np.argsort(axes), 3)


def _filters() -> npt.NDArray[np.complex64]:
    """Spectra (scales * orientations, PATCH_PX, PATCH_PX) of one-sided Gabors, 1 octave wide."""
    frequency = np.fft.fftfreq(PATCH_PX) * PATCH_PX
    fy, fx = frequency[:, None], frequency[None, :]
    bands = []
    for cycles in CYCLES_PER_FIELD:
        for index in range(N_ORIENTATIONS):
            angle = np.pi * index / N_ORIENTATIONS
            along = fx * np.cos(angle) + fy * np.sin(angle)
            across = -fx * np.sin(angle) + fy * np.cos(angle)
            width = cycles / 2.5
            band = np.exp(-(np.square(along - cycles) + np.square(across)) / (2 * width**2))
            bands.append(2.0 * band)
    return np.array(bands, np.complex64)


def _pooling(n_grid: int) -> Floats:
    """Gaussian weights (n_grid, PATCH_PX) that sum to 1 for each place on the grid."""
    spacing = PATCH_PX / n_grid
    centers = (np.arange(n_grid) + 0.5) * spacing - 0.5
    distance = (np.arange(PATCH_PX)[None, :] - centers[:, None]) / (0.5 * spacing)
    weights = np.exp(-0.5 * np.square(distance))
    normalised: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


_FILTERS = _filters()
_POOLING = _pooling(GRID)
_SURFACE_POOLING = _pooling(SURFACE_GRID)
