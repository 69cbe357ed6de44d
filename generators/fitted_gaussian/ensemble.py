"""What was measured on a folder of pictures: their mean, their modes, and how they vary in them.

One file (.npz) holds it. `FittedEnsemble` also is the Gaussian that a diffusion model's score comes
near to at large noise: mean, modes and variances are what its closed-form head start needs.

Units: pixels in -1..1, as everywhere in this package's Gaussians.
"""

import hashlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generators.array_files import read_arrays
from generators.errors import SettingsError, WeightsError

FILE_KIND = "a fitted Gaussian"
_ARRAYS = ("mean", "modes", "variances", "measured")
_PLAIN = ("image_size_px", "n_pictures", "provenance")
_MARK = "fitted gaussian 1"


@dataclass(frozen=True)
class FittedEnsemble:
    """Mean and strongest modes of a set of pictures.

    Attributes:
        image_size_px: height and width.
        mean: ``(h, w, 3)`` float32, mean picture.
        modes: ``(n_modes, h * w * 3)`` float32, orthonormal rows, strongest first.
        variances: ``(n_modes,)`` float32, falling, positive: how much fresh pictures are expected
            to vary along each mode (see `generators.fitted_gaussian.fresh`).
        measured: ``(n_all,)`` float32, all sample variances, falling, as they were measured.
        n_pictures: number of different pictures.
        provenance: a sentence that says which pictures were measured.

    """

    image_size_px: int
    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    variances: NDArray[np.float32]
    measured: NDArray[np.float32]
    n_pictures: int
    provenance: str

    @property
    def n_modes(self) -> int:
        """Number of modes kept."""
        return len(self.variances)

    def sha256(self) -> str:
        """Hex digest of every number that an image depends on."""
        digest = hashlib.sha256(f"{_MARK}, {self.image_size_px} px".encode())
        for array in (self.mean, self.modes, self.variances):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write a file that `load_ensemble` reads, in one step: whole, or not at all.

        Raises:
            WeightsError: the file cannot be written.

        """
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        try:
            with unfinished.open("xb") as file:
                np.savez(
                    file,
                    allow_pickle=False,
                    mark=np.str_(_MARK),
                    **{name: np.asarray(getattr(self, name)) for name in (*_ARRAYS, *_PLAIN)},
                )
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            raise WeightsError(
                f"{path} cannot be written ({error.strerror}): choose another place"
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)


def head_start_of(
    ensemble: FittedEnsemble,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return mean, modes and variances as a network lays out its pixels: channels first.

    With pixels ``x`` of shape (3, h, w) in -1..1, the denoiser of this Gaussian at noise s is
    ``mu + U diag(lam / (lam + s^2)) U^T (x - mu)``, and the diffusion ODE has the closed solution
    of `generators.gaussian`.

    Returns:
        mu ``(3, h, w)``, U ``(n_modes, 3, h, w)`` with orthonormal rows, lam ``(n_modes,)``; all
        float32.

    """
    size = ensemble.image_size_px
    modes = ensemble.modes.reshape(-1, size, size, 3)
    return (
        np.ascontiguousarray(ensemble.mean.transpose(2, 0, 1)),
        np.ascontiguousarray(modes.transpose(0, 3, 1, 2)),
        ensemble.variances,
    )


def load_ensemble(path: Path) -> FittedEnsemble:
    """Read what `FittedEnsemble.save` wrote.

    Raises:
        WeightsError: the file is missing, is no such file, or holds numbers that cannot be.

    """
    arrays = read_arrays(path, ("mark", *_PLAIN, *_ARRAYS), FILE_KIND)
    if str(arrays["mark"]) != _MARK:
        raise WeightsError(f"{path} is of another version ({arrays['mark']}): fit it again")
    try:
        ensemble = FittedEnsemble(
            image_size_px=int(arrays["image_size_px"]),
            n_pictures=int(arrays["n_pictures"]),
            provenance=str(arrays["provenance"]),
            **{name: np.ascontiguousarray(arrays[name], np.float32) for name in _ARRAYS},
        )
        fault = _fault(ensemble)
    except (ValueError, TypeError) as error:
        raise WeightsError(
            f"{path} cannot be read as {FILE_KIND} ({error}): fit it again"
        ) from error
    if fault:
        raise WeightsError(f"{path} holds an impossible Gaussian ({fault}): fit it again")
    return ensemble


def checked_n_modes(code_dim: int, ensemble: FittedEnsemble) -> int:
    """Return `code_dim`; SettingsError where the ensemble has fewer modes."""
    if not 1 <= code_dim <= ensemble.n_modes:
        raise SettingsError(
            f"code_dim is {code_dim}, but this fit holds {ensemble.n_modes} modes: choose 1 to "
            f"{ensemble.n_modes}"
        )
    return code_dim


def n_values_of(path: Path) -> int | None:
    """Return how many numbers a fit in a file has; None where its arrays have other names."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {Path(member.filename).stem: member.file_size for member in archive.infolist()}
    except zipfile.BadZipFile:
        return None
    if not {"mark", *_ARRAYS} <= sizes.keys():
        return None
    return sum(sizes[name] for name in _ARRAYS) // np.dtype(np.float32).itemsize


def _fault(ensemble: FittedEnsemble) -> str | None:
    """Say what is wrong with an ensemble from a file, or None."""
    size, modes, variances = ensemble.image_size_px, ensemble.modes, ensemble.variances
    if size < 1 or ensemble.mean.shape != (size, size, 3):
        return f"a mean of shape {ensemble.mean.shape} for pictures of {size} pixels"
    if variances.ndim != 1 or not variances.size or modes.shape != (len(variances), 3 * size**2):
        return f"modes of shape {modes.shape} with {variances.size} variances"
    if not np.isfinite(ensemble.mean).all() or not np.isfinite(modes).all():
        return "a mean or a mode is not finite"
    for of_which, falling in (("variances", variances), ("measured", ensemble.measured)):
        if not np.isfinite(falling).all() or (falling < 0).any() or (np.diff(falling) > 0).any():
            return f"the {of_which} are not finite and falling"
    if variances[-1] <= 0:
        return "a variance is zero"
    if ensemble.n_pictures < 2 or not ensemble.provenance.endswith("."):
        return "it does not say which pictures were measured"
    # All products of two modes would take longer than the rest of a start.
    drawn = np.random.default_rng(0).standard_normal(len(modes), dtype=np.float32)
    back = modes @ (drawn @ modes)
    if np.linalg.norm(back - drawn) > _ORTHONORMAL * np.linalg.norm(drawn):
        return "the modes are not orthonormal"
    return None


_ORTHONORMAL = 1e-2
"""Largest change of a code when it is painted and analysed: rounding makes a tenth of that."""
