"""Second-order statistics of an ensemble of pictures, in a basis that nearly diagonalises them.

The basis is the orthonormal two-dimensional cosine transform (DCT-II) over space times the
principal axes of colour. For an ensemble that looks the same everywhere, the covariance is nearly
diagonal there, and one variance per mode describes it.

What that leaves out, measured on the project's own pictures at 128 pixels: the 4,096 strongest of
49,152 modes hold 96 % of the variance (512 modes: 86 %). Among the 1,024 strongest modes, 4 % of
the squared covariance lies beside the diagonal (`off_diagonal_share`), and 6 % once the mean
colour of the picture, which alone holds a third of the variance, is set aside. Most pairs are
uncorrelated (root mean square 0.008), but a few of the coarsest reach 0.5: they carry the layout
of sky over ground and of an object at the centre, which is therefore lost. Phases, edges and
objects are lost to any Gaussian.

Units: pixels scaled from bytes to -1..1, as in EDM (Karras et al. 2022), whose largest noise level
80 then has the meaning it has in `generators.gaussian`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from generators.array_files import read_arrays
from generators.errors import SettingsError, WeightsError

_ARRAYS = ("mode_index", "mode_mean", "mode_variance", "colour_basis")


@dataclass(frozen=True)
class GaussianStatistics:
    """Mean and variance of the strongest modes of an ensemble, strongest first.

    Attributes:
        image_size_px: height and width of the pictures of the ensemble.
        mode_index: ``(n_modes,)`` int32, flat index into coefficients ``(3, size, size)``, which
            are ordered by colour axis, vertical and horizontal frequency.
        mode_mean: ``(n_modes,)`` float32, mean coefficient.
        mode_variance: ``(n_modes,)`` float32, falling, positive.
        colour_basis: ``(3, 3)`` float32 orthonormal; column k is colour axis k in RGB.
        provenance: a sentence that says which pictures were measured.

    """

    image_size_px: int
    mode_index: NDArray[np.int32]
    mode_mean: NDArray[np.float32]
    mode_variance: NDArray[np.float32]
    colour_basis: NDArray[np.float32]
    provenance: str

    @property
    def n_modes(self) -> int:
        """Number of modes kept."""
        return len(self.mode_index)

    def sha256(self) -> str:
        """Hex digest of every number that an image depends on."""
        digest = hashlib.sha256(f"gaussian statistics, {self.image_size_px} px".encode())
        for name in _ARRAYS:
            array: NDArray[np.generic] = getattr(self, name)
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file that `load_statistics` reads; the same content, the same bytes."""
        np.savez(
            path,
            allow_pickle=False,
            image_size_px=np.int32(self.image_size_px),
            provenance=np.str_(self.provenance),
            **{name: getattr(self, name) for name in _ARRAYS},
        )


def to_coefficients(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cosine coefficients of pictures scaled to -1..1.

    Args:
        images: ``(n, size, size, 3)`` uint8.

    Returns:
        ``(n, 3, size, size)`` float32, still by RGB channel; orthonormal, so energy is kept.

    """
    scaled = images.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    coefficients: NDArray[np.float32] = scipy.fft.dctn(
        scaled.transpose(0, 3, 1, 2), type=2, norm="ortho", axes=(2, 3)
    )
    return coefficients


def fit_statistics(
    batches: Iterable[NDArray[np.uint8]], n_modes: int, provenance: str
) -> GaussianStatistics:
    """Measure an ensemble in one pass, batch by batch.

    Args:
        batches: pictures ``(n, size, size, 3)`` uint8, all of one size; two pictures or more in
            all. With N pictures each variance has a relative error of about ``sqrt(2 / N)``.
        n_modes: number of strongest modes to keep, at most ``3 * size ** 2``.
        provenance: a sentence that says which pictures these are.

    Returns:
        The statistics, modes sorted by falling variance.

    Raises:
        SettingsError: fewer than two pictures, pictures that are not square RGB of one size, or
            more modes asked for than vary.

    """
    mean, covariance, size = _channel_moments(batches)
    total = covariance.sum(axis=(2, 3))
    axes = np.linalg.eigh(total)[1][:, ::-1]
    # The sign of an eigenvector is arbitrary; this choice makes a refit comparable.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(3)])
    variance = np.einsum("ck,cdyx,dk->kyx", axes, covariance, axes).ravel()
    n_varying = int((variance > 0).sum())
    if not 1 <= n_modes <= n_varying:
        raise SettingsError(
            f"{n_modes} modes were asked for, but {n_varying} vary in these pictures: "
            "ask for fewer, or give more pictures"
        )
    strongest = np.argsort(-variance, kind="stable")[:n_modes]
    return GaussianStatistics(
        image_size_px=size,
        mode_index=strongest.astype(np.int32),
        mode_mean=np.einsum("ck,cyx->kyx", axes, mean).ravel()[strongest].astype(np.float32),
        mode_variance=variance[strongest].astype(np.float32),
        colour_basis=axes.astype(np.float32),
        provenance=provenance,
    )


def _channel_moments(
    batches: Iterable[NDArray[np.uint8]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean ``(3, size, size)`` and, per frequency, channel covariance ``(3, 3, size, size)``."""
    n_images = 0
    first: NDArray[np.float64] = np.zeros((3, 1, 1))
    second: NDArray[np.float64] = np.zeros((3, 3, 1, 1))
    for batch in batches:
        if batch.ndim != 4 or batch.shape[3] != 3 or batch.shape[1] != batch.shape[2]:
            raise SettingsError(f"pictures have shape {batch.shape}: give (n, size, size, 3)")
        if n_images and batch.shape[1] != first.shape[1]:
            raise SettingsError("the pictures differ in size: resize them to one size first")
        coefficients = to_coefficients(batch).astype(np.float64)
        first = first + coefficients.sum(axis=0)
        second = second + np.einsum("ncyx,ndyx->cdyx", coefficients, coefficients)
        n_images += len(batch)
    if n_images < 2:
        raise SettingsError(f"{n_images} pictures have no variance: give two or more")
    mean = first / n_images
    covariance = (second - n_images * mean[:, None] * mean[None, :]) / (n_images - 1)
    return mean, covariance, mean.shape[1]


def mode_coefficients(
    images: NDArray[np.uint8], statistics: GaussianStatistics
) -> NDArray[np.float32]:
    """Coefficients of pictures in the kept modes: ``(n, n_modes)`` float32, mean not removed."""
    by_channel = to_coefficients(images)
    by_axis = np.einsum("ck,ncyx->nkyx", statistics.colour_basis, by_channel)
    kept: NDArray[np.float32] = by_axis.reshape(len(images), -1)[:, statistics.mode_index]
    return kept


def off_diagonal_share(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Share of the squared covariance that lies beside the diagonal.

    The covariances of two separate samples are multiplied, so that sampling noise, which would
    fill the off-diagonal by itself, averages out: the estimate is unbiased and may fall below 0.

    Args:
        one: ``(n, n_modes)`` coefficients of one half of the pictures.
        other: ``(m, n_modes)`` coefficients of the other half.

    Returns:
        0 if the modes are uncorrelated; towards 1 the more they are correlated.

    """
    product = np.cov(one, rowvar=False) * np.cov(other, rowvar=False)
    return float(1.0 - np.trace(product) / product.sum())


def load_statistics(path: Path) -> GaussianStatistics:
    """Read what `GaussianStatistics.save` wrote.

    Raises:
        WeightsError: the file is missing, is no such file, or holds numbers that cannot be.

    """
    arrays = read_arrays(path, ("image_size_px", "provenance", *_ARRAYS), "Gaussian statistics")
    try:
        statistics = GaussianStatistics(
            image_size_px=int(arrays["image_size_px"]),
            mode_index=arrays["mode_index"].astype(np.int32),
            mode_mean=arrays["mode_mean"].astype(np.float32),
            mode_variance=arrays["mode_variance"].astype(np.float32),
            colour_basis=arrays["colour_basis"].astype(np.float32),
            provenance=str(arrays["provenance"]),
        )
    except (ValueError, TypeError) as error:
        raise WeightsError(
            f"{path} cannot be read as Gaussian statistics ({error}): make it again"
        ) from error
    fault = _fault(statistics)
    if fault:
        raise WeightsError(f"{path} holds impossible statistics ({fault}): make the file again")
    return statistics


def _fault(statistics: GaussianStatistics) -> str | None:
    """Say what is wrong with statistics from a file, or None."""
    index, size = statistics.mode_index, statistics.image_size_px
    shapes = {index.shape, statistics.mode_mean.shape, statistics.mode_variance.shape}
    if len(shapes) != 1 or index.ndim != 1 or not index.size:
        return "the mode arrays differ in length or are empty"
    if len(np.unique(index)) != len(index) or index.min() < 0 or index.max() >= 3 * size**2:
        return "mode indices repeat or lie outside the picture"
    if not np.isfinite(statistics.mode_mean).all():
        return "a mean is not finite"
    variance = statistics.mode_variance
    if not np.isfinite(variance).all() or (variance <= 0).any() or (np.diff(variance) > 0).any():
        return "the variances are not positive, finite and falling"
    basis = statistics.colour_basis
    if basis.shape != (3, 3) or not np.allclose(basis.T @ basis, np.eye(3), atol=1e-4):
        return "the colour axes are not orthonormal"
    return None
