"""Coloured noise with amplitudes like those of natural pictures, to make pictures and patterns of.

It has no edges and no objects; what these are made from is the business of each family.
"""

import numpy as np
import numpy.typing as npt


def coloured_noise(
    slopes: npt.NDArray[np.float64], size_px: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return noise (n, size_px, size_px, 3) about 0, with a standard deviation of 1 or so.

    Args:
        slopes: (n,), amplitudes fall with frequency to minus this. 1 is that of natural pictures
            (Field 1987), more that of pictures of few large things.
        size_px: height and width.
        rng: what it is drawn from.

    """
    n = len(slopes)
    frequency = np.hypot(np.fft.fftfreq(size_px)[:, None], np.fft.rfftfreq(size_px)[None, :])
    amplitude = np.maximum(frequency, 1.0 / size_px) ** -slopes[:, None, None, None]
    noise = rng.standard_normal((n, 3, size_px, size_px))
    fields = np.fft.irfft2(np.fft.rfft2(noise) * amplitude, s=noise.shape[2:])
    fields -= fields.mean(axis=(2, 3), keepdims=True)
    fields /= fields.std(axis=(2, 3), keepdims=True)
    # Most of the variance of natural pictures is light and dark, not colour.
    mixing = np.array([[1.0, 0.5, 0.3], [1.0, -0.35, 0.3], [1.0, -0.15, -0.6]])
    mixed: npt.NDArray[np.float64] = np.einsum("rc,nchw->nhwr", mixing, fields)
    return mixed
