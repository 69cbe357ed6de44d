"""Fits a Gaussian to a folder of pictures, and says how far it can be trusted.

Left out: where the result is written, and what is printed about it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generators.errors import PictureError, SettingsError
from generators.fitted_gaussian.consistency import (
    ENOUGH_RATIO,
    effective_modes,
    enough_modes,
    enough_pictures,
    measured_effective_noise,
)
from generators.fitted_gaussian.ensemble import FittedEnsemble
from generators.fitted_gaussian.pictures import (
    PictureStore,
    Progress,
    fill_from_folder,
    picture_store,
    silent,
)
from generators.fitted_gaussian.principal import Principal, principal

SMALLEST_PX, LARGEST_PX = 8, 1024
LARGEST_BYTES = 2**32
"""Of the modes, which whoever renders keeps in memory."""


@dataclass(frozen=True)
class Trust:
    """How far the modes of a fit can be trusted.

    Attributes:
        noise: variance of the weakest mode kept, as measured or along fresh pictures, whichever
            is smaller: the noise at which all is reckoned.
        noise_ratio: kappa / noise; trusted up to 2 (see `generators.fitted_gaussian.consistency`).
        effective_modes: modes that stand above the noise.
        explained: share of the measured variance that lies in the modes kept.
        kept: share of the modes' measured variance that fresh pictures have along them.
        enough_modes: for so many modes are these pictures enough.
        enough_pictures: so many pictures would be enough for these modes; None: more than can be
            told from so few.
        error: largest relative error of a kept variance by the way of computing; 0 if exact.

    """

    noise: float
    noise_ratio: float
    effective_modes: float
    explained: float
    kept: float
    enough_modes: int
    enough_pictures: int | None
    error: float

    @property
    def enough(self) -> bool:
        """Whether there are enough pictures for the modes kept."""
        return self.noise_ratio <= ENOUGH_RATIO


@dataclass(frozen=True)
class Fit:
    """A fitted Gaussian, and what happened on the way to it.

    Attributes:
        ensemble: mean, modes, variances.
        trust: how far they can be trusted.
        unreadable: a sentence for each file that could not be read.
        n_copies: files left out because the same picture was there.

    """

    ensemble: FittedEnsemble
    trust: Trust
    unreadable: tuple[str, ...]
    n_copies: int


def fit_folder(
    folder: Path,
    size_px: int,
    n_modes: int | None,
    scratch: Path,
    progress: Progress = silent,
) -> Fit:
    """Measure the pictures of a folder.

    Args:
        folder: pictures of any size, also in folders inside it.
        size_px: they are cut to a square and scaled to this height and width.
        n_modes: how many modes to keep; None: as many as the pictures are enough for.
        scratch: a folder for the scaled pictures, ``3 * size_px ** 2`` bytes each, until the end.
        progress: told what is being done.

    Raises:
        PictureError: there are too few pictures, or too many cannot be read.
        SettingsError: a size or number of modes that cannot be.

    """
    if not SMALLEST_PX <= size_px <= LARGEST_PX:
        raise SettingsError(
            f"pictures of {size_px} pixels were asked for: choose {SMALLEST_PX} to {LARGEST_PX}"
        )
    if n_modes is not None and n_modes < 1:
        raise SettingsError(f"{n_modes} modes were asked for: keep 1 or more")
    if n_modes is not None and n_modes > _most_modes(size_px):
        raise SettingsError(
            f"{n_modes} modes of {size_px} pixels are more than {LARGEST_BYTES / 2**30:g} GB: keep "
            f"{_most_modes(size_px)} or fewer, or choose smaller pictures"
        )
    with picture_store(size_px, scratch) as store:
        unreadable = fill_from_folder(store, folder, progress)
        found = principal(store, n_modes, progress)
        ensemble, trust = _judged(store, folder, found, n_modes)
    return Fit(ensemble, trust, tuple(unreadable), store.n_copies)


def _judged(
    store: PictureStore, folder: Path, found: Principal, n_modes: int | None
) -> tuple[FittedEnsemble, Trust]:
    n = found.n_pictures - 1
    noises = np.minimum(found.variances[: len(found.fresh)], found.fresh)
    enough = min(enough_modes(found.variances, noises, n), _most_modes(store.size_px))
    possible = int((noises > 0).sum())
    kept = _chosen(found.n_pictures, n_modes, possible, enough)
    ensemble = FittedEnsemble(
        image_size_px=store.size_px,
        mean=found.mean.reshape(store.size_px, store.size_px, 3),
        modes=found.modes(kept),
        variances=found.fresh[:kept].astype(np.float32),
        measured=found.variances.astype(np.float32),
        n_pictures=found.n_pictures,
        provenance=(
            f"Mean and {kept} modes of {found.n_pictures} pictures of the folder "
            f"{folder.resolve().name!r} at {store.size_px} pixels (sha256 {store.sha256[:16]}), "
            "with cross-validated variances."
        ),
    )
    return ensemble, _trust(found, float(noises[kept - 1]), kept, enough)


def _most_modes(size_px: int) -> int:
    return LARGEST_BYTES // (4 * 3 * size_px**2)


def _chosen(n_pictures: int, n_modes: int | None, possible: int, enough: int) -> int:
    """Return how many modes to keep."""
    if n_modes is None and enough < 1:
        raise PictureError(
            f"{n_pictures} pictures are not enough for a single mode: give more pictures"
        )
    if n_modes is not None and n_modes > possible:
        raise SettingsError(
            f"{n_modes} modes were asked for, but {n_pictures} pictures vary in {possible}: ask "
            "for fewer modes, or give more pictures"
        )
    return enough if n_modes is None else n_modes


def _trust(found: Principal, noise: float, kept: int, enough: int) -> Trust:
    n, sample = found.n_pictures - 1, found.variances
    return Trust(
        noise=noise,
        noise_ratio=measured_effective_noise(sample, n, noise) / noise,
        effective_modes=effective_modes(sample, noise),
        explained=float(sample[:kept].sum() / sample.sum()),
        kept=float(found.fresh[:kept].sum() / sample[:kept].sum()),
        enough_modes=enough,
        enough_pictures=enough_pictures(sample, n, noise),
        error=float(found.errors[:kept].max()),
    )
