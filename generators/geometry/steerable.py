"""A distance by oriented contrast, whatever its phase: like complex cells, and without weights.

Band k and orientation j of a picture's luminance Y are taken in the frequency domain
(Simoncelli & Freeman 1995), on one side only, so that the result z_kj is complex and its size is
the local contrast. Features are that contrast, pooled over squares of 2^k pixels, and the picture
itself where it is coarse:

    φ = ( √(|z_kj|² + ε²) pooled,  coarsest band of the pyramid in colour )

Two pictures with the same texture a little shifted are alike for this distance and far apart for
pixels. Left out: joint statistics of bands.
"""

from functools import lru_cache
from math import log2, pi

import torch
from torch import Tensor
from torch.nn import functional

from generators.geometry.distances import OfFeatures, laplacian_bands

_LUMINANCE = (0.299, 0.587, 0.114)
_N_ORIENTATIONS = 4
_FAINT = 0.01
"""ε: contrast below which a change hardly counts; it also keeps slopes finite."""
_SMALLEST_PX = 8
"""A band is used while the picture, at its resolution, has this many pixels."""


class SteerableDistance(OfFeatures):
    """See the module. Mean squares of all bands and of the coarse picture count once each."""

    @property
    def name(self) -> str:
        """``steerable``."""
        return "steerable"

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled contrast by band and orientation, then the coarse picture."""
        luminance = (pixels * pixels.new_tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(dim=1)
        height, width = luminance.shape[1:]
        margin = min(height, width) // 8
        around = (margin, margin, margin, margin)
        wider = functional.pad(luminance.unsqueeze(1), around, mode="reflect").squeeze(1)
        spectrum = torch.fft.fft2(wider)
        parts = [laplacian_bands(pixels)[-1].flatten(1)]
        windows = _windows(wider.shape[1], wider.shape[2], _n_bands(height, width))
        for band, oriented in enumerate(windows):
            for window in oriented:
                found = torch.fft.ifft2(spectrum * window.to(pixels.device))
                inside = found[:, margin : margin + height, margin : margin + width]
                contrast = (inside.real.square() + inside.imag.square() + _FAINT**2).sqrt()
                pooled = functional.avg_pool2d(contrast.unsqueeze(1), 2 ** (band + 1))
                parts.append(pooled.flatten(1))
        return torch.cat([part / part.shape[1] ** 0.5 for part in parts], dim=1)


def _n_bands(height: int, width: int) -> int:
    return max(1, int(log2(min(height, width) / _SMALLEST_PX)))


@lru_cache(maxsize=4)
def _windows(height: int, width: int, n_bands: int) -> tuple[tuple[Tensor, ...], ...]:
    """Windows ``(height, width)`` in the frequency domain, by band and orientation.

    Radial: a raised cosine of the logarithm, one octave to each side of 1/4, 1/8, … cycles per
    pixel. Angular: a power of the cosine on one side. Squared, windows of a band sum to a constant
    over orientation.
    """
    down = torch.fft.fftfreq(height).view(-1, 1)
    across = torch.fft.fftfreq(width).view(1, -1)
    radius = (down.square() + across.square()).sqrt()
    angle = torch.atan2(down, across)
    octaves = torch.log2(radius.clamp(min=1e-6) / 0.25)
    return tuple(
        tuple(
            _radial(octaves + band) * _angular(angle, pi * orientation / _N_ORIENTATIONS)
            for orientation in range(_N_ORIENTATIONS)
        )
        for band in range(n_bands)
    )


def _radial(octaves: Tensor) -> Tensor:
    return torch.where(octaves.abs() < 1, torch.cos(0.5 * pi * octaves), 0.0)


def _angular(angle: Tensor, preferred: float) -> Tensor:
    along = torch.cos(angle - preferred).clamp(min=0.0)
    # Twice, since only one of the two sides of the spectrum is kept.
    return 2.0 * along ** (_N_ORIENTATIONS - 1)
