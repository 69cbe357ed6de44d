"""How different two pictures are: what a distance is, and the default one, which has no weights.

A distance is squared here, d²(A, B). Most are the squared length of a difference of features,
d² = ‖φ(A) - φ(B)‖², and then the metric of a generator follows from first derivatives alone. What
is told to people is d, the root. Left out: `steerable` and `lpips`.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from generators.errors import SettingsError

_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
_COARSEST_PX = 4
"""A pyramid ends with the last picture that has at least this height and width."""


@runtime_checkable
class Distance(Protocol):
    """Squared distance between pictures, which torch can differentiate twice."""

    @property
    def name(self) -> str:
        """Short identifier that changes with whatever changes the distance."""

    def squared(self, one: Tensor, other: Tensor) -> Tensor:
        """Squared distances ``(n,)`` of pictures ``(n, 3, h, w)``, 0 black and 1 white, in pairs.

        Zero for equal pictures. Pixels may lie outside 0..1, as before clipping.
        """


@runtime_checkable
class FeatureDistance(Distance, Protocol):
    """A distance that is the squared length of a difference of features."""

    def features(self, pixels: Tensor) -> Tensor:
        """Features ``(n, n_features)`` of pictures ``(n, 3, h, w)``, one row for each."""


class OfFeatures:
    """A distance by its features alone; a subclass has `name` and `features`."""

    def features(self, pixels: Tensor) -> Tensor:
        """See `FeatureDistance.features`."""
        raise NotImplementedError

    def squared(self, one: Tensor, other: Tensor) -> Tensor:
        """See `Distance.squared`."""
        difference = self.features(one) - self.features(other)
        squared: Tensor = difference.square().sum(dim=1)
        return squared


class PixelDistance(OfFeatures):
    """Root mean square difference of pixels: every place and colour counts the same."""

    @property
    def name(self) -> str:
        """``pixel``."""
        return "pixel"

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels ``(n, 3 h w)`` in units that make the distance a root mean square."""
        return _averaged(pixels)


class PyramidDistance(OfFeatures):
    """Difference of pictures band by band, without the finest detail. The default.

    A Laplacian pyramid (Burt & Adelson 1983): each step blurs with the binomial filter 1 4 6 4 1
    and halves; a band is what the blur takes away. The mean square of each band's difference
    counts once, and so does what is left at the end. Without its finest bands, the distance is
    close to the root mean square difference of the pictures a little out of focus: 0.1 is a tenth
    of the way from black to white.

    Args:
        n_left_out: finest bands, of one octave each, that do not count.

    """

    def __init__(self, n_left_out: int = 1) -> None:
        if n_left_out < 0:
            raise SettingsError(f"{n_left_out} bands were to be left out: leave out 0 or more")
        self._n_left_out = n_left_out

    @property
    def name(self) -> str:
        """``pyramid``, with the number of bands left out where it is not 1."""
        return "pyramid" if self._n_left_out == 1 else f"pyramid-{self._n_left_out}"

    def features(self, pixels: Tensor) -> Tensor:
        """Bands, each in units that make its squared length a mean square."""
        bands = laplacian_bands(pixels)
        if self._n_left_out >= len(bands):
            height, width = pixels.shape[2:]
            raise SettingsError(
                f"pictures of {height} x {width} pixels have {len(bands)} bands, and none is left "
                f"without the finest {self._n_left_out}: leave out fewer"
            )
        return torch.cat([_averaged(band) for band in bands[self._n_left_out :]], dim=1)


def _averaged(values: Tensor) -> Tensor:
    """Return ``(n, …)`` as ``(n, f)``, in units that make its squared length a mean square."""
    flat = values.flatten(1)
    return flat / float(flat.shape[1] ** 0.5)


def laplacian_bands(pixels: Tensor) -> list[Tensor]:
    """Bands of pictures ``(n, 3, h, w)``, finest first; the last holds all that is coarser."""
    bands = []
    while min(pixels.shape[2:]) >= 2 * _COARSEST_PX:
        blurred = blur(pixels)
        bands.append(pixels - blurred)
        pixels = blurred[:, :, ::2, ::2]
    return [*bands, pixels]


def blur(pixels: Tensor) -> Tensor:
    """Pictures ``(n, c, h, w)`` through the binomial filter 1 4 6 4 1; edges are continued."""
    taps = pixels.new_tensor(_BINOMIAL) / sum(_BINOMIAL)
    n_channels = pixels.shape[1]
    down = taps.view(1, 1, -1, 1).expand(n_channels, -1, -1, -1)
    across = taps.view(1, 1, 1, -1).expand(n_channels, -1, -1, -1)
    wider = functional.pad(pixels, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(
        functional.conv2d(wider, down, groups=n_channels), across, groups=n_channels
    )
