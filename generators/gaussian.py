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

from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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


class LinearGaussian(ABC):
    """What linear-Gaussian generators share; a subclass says what its modes look like.

    It says so by `_painted`, from amplitudes to pixels, and by its inverse `_analysed`. Modes are
    orthonormal. All are `generators.differentiable.Differentiable` as well.

    Args:
        name: see `generators.base.Generator`, as all that has no line of its own.
        image_size_px: height and width.
        gains: ``(code_dim,)`` float32, amplitude of each mode for one unit of its coefficient.
        weights_sha256: digest of every number that an image depends on.
        provenance: a sentence.

    """

    def __init__(
        self,
        name: str,
        image_size_px: int,
        gains: NDArray[np.float32],
        weights_sha256: str,
        provenance: str,
    ) -> None:
        self._name = name
        self._size = image_size_px
        self._per_code = gains * np.float32(np.sqrt(len(gains)) / NORM_HINT)
        self._sha256 = weights_sha256
        self._provenance = provenance

    @property
    def name(self) -> str:
        """Kind and number of modes."""
        return self._name

    @property
    def code_dim(self) -> int:
        """Number of modes that a code spans."""
        return len(self._per_code)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and 3."""
        return (self._size, self._size, 3)

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
        for rows, pixels in self._in_parts(checked):
            images[rows] = to_uint8((pixels + np.float32(1.0)) * np.float32(0.5))
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
        whole = np.empty((len(checked), *self.image_shape), dtype=np.float32)
        for rows, pixels in self._in_parts(checked):
            whole[rows] = pixels
        return whole

    @property
    def inverse_is_exact(self) -> Literal[True]:
        """See `generators.base.ExactlyInvertible`."""
        return True

    def invert(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Codes of pictures ``(n, h, w, 3)`` uint8, exactly: the modes are orthonormal.

        What a picture has outside the modes is left out. A picture unlike the ensemble gets a code
        of a large norm, since it takes much of weak modes. See `generators.base.Invertible`.
        """
        pixels = checked_pictures(pictures, self.image_shape) * np.float32(2.0) - np.float32(1.0)
        codes = np.empty((len(pixels), self.code_dim), dtype=np.float32)
        for row, picture in enumerate(pixels):
            codes[row] = self._analysed(picture) / self._per_code
        return codes

    @property
    def device(self) -> str:
        """Always ``cpu``; see `generators.differentiable.Differentiable`."""
        return "cpu"

    def torch_pixels(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)`` in 0..1, exactly affine in them."""
        import torch  # takes a second, and rendering does without

        return 0.5 * self._torch_painted(codes * torch.from_numpy(self._per_code)) + 0.5

    def _in_parts(self, codes: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        step = self._at_once
        for start in range(0, len(codes), step):
            rows = slice(start, min(start + step, len(codes)))
            yield rows, self._painted(codes[rows] * self._per_code)

    _at_once = 1
    """Codes that `_painted` is given together. One at a time cannot influence each other."""

    @abstractmethod
    def _painted(self, amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Amplitudes ``(n, code_dim)`` of the modes, to pixels ``(n, h, w, 3)`` in -1..1."""

    @abstractmethod
    def _torch_painted(self, amplitudes: Tensor) -> Tensor:
        """As `_painted`, but in torch and to ``(n, 3, h, w)``."""

    @abstractmethod
    def _analysed(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixels ``(h, w, 3)`` in -1..1, to the amplitudes ``(code_dim,)`` of the modes."""


class GaussianGenerator(LinearGaussian):
    """The linear-Gaussian generator whose modes are cosines, as a `generators.base.Generator`.

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
        self._colour_basis = ensemble.colour_basis
        super().__init__(
            name=f"gaussian-{code_dim}",
            image_size_px=image_size_px,
            gains=endpoint_gains(ensemble.mode_variance[:code_dim]) * magnification,
            weights_sha256=ensemble.sha256(),
            provenance=ensemble.provenance,
        )

    def _painted(self, amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        pixels = np.empty((len(amplitudes), *self.image_shape), dtype=np.float32)
        for row, of_one in enumerate(amplitudes):
            coefficients = self._mean.copy()
            coefficients.flat[self._index] += of_one
            by_axis = scipy.fft.idctn(
                coefficients, type=2, norm="ortho", axes=(1, 2), overwrite_x=True
            )
            pixels[row] = np.tensordot(by_axis, self._colour_basis, axes=(0, 1))
        return pixels

    def _torch_painted(self, amplitudes: Tensor) -> Tensor:
        import torch  # takes a second, and rendering does without

        n = len(amplitudes)
        coefficients = torch.from_numpy(self._mean).expand(n, -1, -1, -1).reshape(n, -1)
        coefficients = coefficients.index_add(1, torch.from_numpy(self._index), amplitudes)
        # The inverse cosine transform as two products, since torch has no such transform.
        waves = torch.from_numpy(_cosines(self._mean.shape[1]))
        by_axis = waves.T @ coefficients.view(n, *self._mean.shape) @ waves
        return torch.einsum("ca,nayx->ncyx", torch.from_numpy(self._colour_basis), by_axis)

    def _analysed(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        by_axis = np.moveaxis(np.tensordot(pixels, self._colour_basis, axes=(2, 0)), 2, 0)
        coefficients = scipy.fft.dctn(by_axis, type=2, norm="ortho", axes=(1, 2)) - self._mean
        amplitudes: NDArray[np.float32] = coefficients.reshape(-1)[self._index]
        return amplitudes


def _cosines(size: int) -> NDArray[np.float32]:
    """Return the orthonormal cosine transform as a matrix ``(frequency, place)``."""
    waves: NDArray[np.float32] = scipy.fft.dct(np.eye(size), axis=0, norm="ortho").astype(
        np.float32
    )
    return waves
