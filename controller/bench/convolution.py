"""Convolution of small maps in numpy, channels last; for the random networks of the race."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Maps = NDArray[np.float32]


def he_filters(rng: np.random.Generator, n_in: int, n_out: int, side: int) -> Maps:
    """Draw filters (n_in * side * side, n_out) that keep the size of signals (He et al. 2015)."""
    n_inputs = n_in * side * side
    drawn = rng.standard_normal((n_inputs, n_out)) * np.sqrt(2.0 / n_inputs)
    filters: Maps = drawn.astype(np.float32)
    return filters


def convolve(maps: Maps, filters: Maps, padding: int = 0, stride: int = 1) -> Maps:
    """Filter maps (n, height, width, n_in); the filters' side follows from their shape."""
    n_in = maps.shape[-1]
    side = round(float(np.sqrt(filters.shape[0] / n_in)))
    edges = (padding, padding)
    padded = np.pad(maps, ((0, 0), edges, edges, (0, 0)))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    n, height, width = windows.shape[:3]
    flat = windows.reshape(n * height * width, -1)
    return (flat @ filters).reshape(n, height, width, -1)


def upsample(maps: Maps) -> Maps:
    """Double height and width of maps (n, height, width, channels) by repetition."""
    return maps.repeat(2, axis=1).repeat(2, axis=2)
