"""What a surrogate neuron sees of an image: coarse colours, and oriented energy at three scales."""

from functools import cache

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float64]

GRID_PX = 32
"""Images are averaged down to this side before they are filtered."""
ORIENTATIONS, WAVELENGTHS_PX, POOLED = 6, (4.0, 8.0, 16.0), 4
COLOUR_PX = 10

SETS = ("pixels", "energy", "both")
"""Sets of features, of which cross-validation chooses one."""


def features(images: Images) -> dict[str, Features]:
    """Return the features (n, f) of images (n, h, w, 3) in each set."""
    pixels = _shrunk(images, COLOUR_PX).reshape(len(images), -1)
    grey = _shrunk(images, GRID_PX).mean(axis=-1)
    energy = _energy(grey - grey.mean(axis=(1, 2), keepdims=True))
    return {"pixels": pixels, "energy": energy, "both": np.hstack([pixels, energy])}


def _shrunk(images: Images, side_px: int) -> Features:
    """Average images down to (n, side_px, side_px, 3), 0 to 1."""
    found = images.astype(np.float64) / 255
    for axis in (1, 2):
        edges = np.linspace(0, found.shape[axis], side_px + 1).astype(int)[:-1]
        counts = np.diff(np.append(edges, found.shape[axis]))
        shape = [1, 1, 1, 1]
        shape[axis] = side_px
        found = np.add.reduceat(found, edges, axis=axis) / counts.reshape(shape)
    return found


def _energy(grey: Features) -> Features:
    spectrum = np.fft.fft2(grey)
    size = GRID_PX // POOLED
    found = []
    for window in _filters():
        # One-sided in frequency, so its modulus is the energy of a quadrature pair.
        energy = np.abs(np.fft.ifft2(spectrum * window))
        pooled = energy.reshape(len(grey), POOLED, size, POOLED, size).mean(axis=(2, 4))
        found.append(pooled.reshape(len(grey), -1))
    return np.hstack(found)


@cache
def _filters() -> tuple[Features, ...]:
    frequency = np.fft.fftfreq(GRID_PX)
    x, y = np.meshgrid(frequency, frequency)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    radius[0, 0] = 1.0
    windows = []
    for wavelength_px in WAVELENGTHS_PX:
        for place in range(ORIENTATIONS):
            octaves = np.log2(radius * wavelength_px)
            turn = np.angle(np.exp(1j * (angle - np.pi * place / ORIENTATIONS)))
            window = np.exp(-(octaves**2) / 0.6) * np.exp(-(turn**2) / (2 * 0.35**2))
            window[0, 0] = 0.0
            windows.append(window)
    return tuple(windows)
