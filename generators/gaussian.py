"""The linear-Gaussian generator: what a diffusion model would paint if pictures were Gaussian.

With a Gaussian score the probability-flow ODE of a diffusion model has a closed end point (Wang &
Vastola 2023, *The hidden linear structure in score-based models*). From the start ``80 z`` with
``c = U^T z`` standard normal,

    G(z) = mu + sum_k sqrt(lam_k / (1 + lam_k / 6400)) c_k u_k            (to order mu / 80)

where mu, lam_k and u_k are mean, variances and modes of the ensemble, and 6400 is the square of
the largest noise level. No training, no weights file, a few milliseconds per image, and exactly
linear in the code before pixels are clipped: ground truth for tests of metrics and optimizers.
Its images are soft fields of colour without edges or objects. They suit simulated units, tests
and latency work; they do not replace fc6 for neurons in inferior temporal cortex.

Units: pixels in -1..1 (see `generators.gaussian_statistics`). Codes are scaled so that a norm of
300, as for fc6, gives the contrast of the ensemble: ``c = code * sqrt(code_dim) / 300``.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from generators.base import checked_codes, checked_pictures, gaussian_codes
from generators.errors import SettingsError
from generators.gaussian_statistics import GaussianStatistics, load_statistics
from generators.images import to_uint8

if TYPE_CHECKING:
    from torch import Tensor

NORM_HINT = 300.0
SIGMA_MAX = 80.0
EMBEDDED_MODES = 4096
EMBEDDED_SIZE_PX = 128


def endpoint_gains(variances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplitude of each mode per unit coefficient, ``sqrt(lam / (1 + lam / 80 ** 2))``.

    Args:
        variances: ``(n_modes,)``, in squared pixel units of -1..1.

    Returns:
        ``(n_modes,)`` float32.

    """
    exact = np.asarray(variances, dtype=np.float64)
    gains: NDArray[np.float32] = np.sqrt(exact / (1.0 + exact / SIGMA_MAX**2)).astype(np.float32)
    return gains


def embedded_statistics() -> GaussianStatistics:
    """Statistics of the project's own pictures (`generators.procedural`), shipped with it."""
    data = resources.files("generators") / "data" / "procedural_gaussian.npz"
    with resources.as_file(data) as path:
        return load_statistics(Path(path))


class GaussianGenerator:
    """The linear-Gaussian generator as a `generators.base.Generator`.

    Every image is computed on its own, so it cannot depend on which others are rendered with it.

    Args:
        code_dim: number of strongest modes that a code spans. Weaker modes stay at their mean.
        image_size_px: height and width. Above the size of the statistics the same modes are drawn
            on a finer grid.
        statistics: ensemble to imitate; the embedded one if None.

    Raises:
        SettingsError: the statistics have fewer modes, or the size cannot hold one of them.

    """

    def __init__(
        self,
        code_dim: int = EMBEDDED_MODES,
        image_size_px: int = EMBEDDED_SIZE_PX,
        statistics: GaussianStatistics | None = None,
    ) -> None:
        ensemble = embedded_statistics() if statistics is None else statistics
        if not 1 <= code_dim <= ensemble.n_modes:
            raise SettingsError(
                f"code_dim is {code_dim}, but these statistics hold {ensemble.n_modes} modes: "
                f"choose 1 to {ensemble.n_modes}"
            )
        axis, row, column = np.unravel_index(
            ensemble.mode_index, (3, *[ensemble.image_size_px] * 2)
        )
        finest = int(max(row.max(), column.max()))
        if image_size_px <= finest:
            raise SettingsError(
                f"images of {image_size_px} pixels cannot show {finest} half-cycles: choose "
                f"image_size_px above {finest}"
            )
        # Orthonormal coefficients grow with the size, for the same picture on a finer grid.
        magnification = np.float32(image_size_px / ensemble.image_size_px)
        shape = (3, image_size_px, image_size_px)
        index = np.ravel_multi_index((axis, row, column), shape)
        self._mean = np.zeros(shape, dtype=np.float32)
        self._mean.flat[index] = ensemble.mode_mean * magnification
        self._index = index[:code_dim]
        gains = endpoint_gains(ensemble.mode_variance[:code_dim])
        self._gains = gains * magnification * np.float32(np.sqrt(code_dim) / NORM_HINT)
        self._colour_basis = ensemble.colour_basis
        self._sha256 = ensemble.sha256()
        self._provenance = ensemble.provenance

    @property
    def name(self) -> str:
        """``gaussian-`` and the number of modes."""
        return f"gaussian-{self.code_dim}"

    @property
    def code_dim(self) -> int:
        """Number of modes that a code spans."""
        return len(self._gains)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and 3."""
        return (self._mean.shape[1], self._mean.shape[2], 3)

    @property
    def weights_sha256(self) -> str:
        """Digest of the statistics (all their modes, also those that `code_dim` leaves out)."""
        return self._sha256

    @property
    def norm_hint(self) -> float:
        """300: the norm of a code with the contrast of the ensemble."""
        return NORM_HINT

    @property
    def provenance(self) -> str:
        """Which pictures were measured, as a sentence."""
        return self._provenance

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Random codes ``(n, code_dim)`` float32: images drawn from the Gaussian ensemble."""
        return gaussian_codes(n, self.code_dim, NORM_HINT, rng)

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes ``(n, code_dim)`` to images ``(n, h, w, 3)`` uint8; see `Generator.render`."""
        checked = checked_codes(codes, self.code_dim)
        images = np.empty((len(checked), *self.image_shape), dtype=np.uint8)
        for row, code in enumerate(checked):
            images[row] = to_uint8((self._pixels(code) + np.float32(1.0)) * np.float32(0.5))
        return images

    def pixels(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images before they are clipped and rounded: exactly affine in the codes.

        Args:
            codes: ``(n, code_dim)`` float32.

        Returns:
            ``(n, h, w, 3)`` float32 in units where -1 is black and 1 is white.

        Raises:
            CodesError: as `render`.

        """
        checked = checked_codes(codes, self.code_dim)
        pixels = np.empty((len(checked), *self.image_shape), dtype=np.float32)
        for row, code in enumerate(checked):
            pixels[row] = self._pixels(code)
        return pixels

    @property
    def device(self) -> str:
        """Always ``cpu``; see `generators.differentiable.Differentiable`."""
        return "cpu"

    def torch_pixels(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)`` in 0..1, exactly affine in them."""
        import torch  # takes a second, and rendering does without

        coefficients = (
            torch.from_numpy(self._mean).expand(len(codes), -1, -1, -1).reshape(len(codes), -1)
        )
        index, gains = torch.from_numpy(self._index), torch.from_numpy(self._gains)
        coefficients = coefficients.index_add(1, index, codes * gains)
        # The inverse cosine transform as two products, since torch has no such transform.
        waves = torch.from_numpy(_cosines(self._mean.shape[1]))
        by_axis = waves.T @ coefficients.view(len(codes), *self._mean.shape) @ waves
        pixels = torch.einsum("ca,nayx->ncyx", torch.from_numpy(self._colour_basis), by_axis)
        return 0.5 * pixels + 0.5

    def invert(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Codes of pictures ``(n, h, w, 3)`` uint8, exactly: the modes are orthonormal.

        What a picture has outside the modes is left out. A picture unlike the ensemble gets a code
        of a large norm, since it takes much of weak modes. See `generators.base.Invertible`.
        """
        pixels = checked_pictures(pictures, self.image_shape) * np.float32(2.0) - np.float32(1.0)
        codes = np.empty((len(pixels), self.code_dim), dtype=np.float32)
        for row, picture in enumerate(pixels):
            by_axis = np.moveaxis(np.tensordot(picture, self._colour_basis, axes=(2, 0)), 2, 0)
            coefficients = scipy.fft.dctn(by_axis, type=2, norm="ortho", axes=(1, 2)) - self._mean
            codes[row] = coefficients.reshape(-1)[self._index] / self._gains
        return codes

    def _pixels(self, code: NDArray[np.float32]) -> NDArray[np.float32]:
        coefficients = self._mean.copy()
        coefficients.flat[self._index] += code * self._gains
        by_axis = scipy.fft.idctn(coefficients, type=2, norm="ortho", axes=(1, 2), overwrite_x=True)
        pixels: NDArray[np.float32] = np.tensordot(by_axis, self._colour_basis, axes=(0, 1))
        return pixels


def _cosines(size: int) -> NDArray[np.float32]:
    """Return the orthonormal cosine transform as a matrix ``(frequency, place)``."""
    waves: NDArray[np.float32] = scipy.fft.dct(np.eye(size), axis=0, norm="ortho").astype(
        np.float32
    )
    return waves
