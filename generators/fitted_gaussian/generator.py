"""The linear-Gaussian generator of the user's own pictures; see `generators.gaussian`.

Its modes are the principal components of the pictures (`generators.fitted_gaussian.principal`), so
layout, colour and whatever else goes together in them is kept, where the embedded generator keeps
only how much there is of each frequency. No Gaussian keeps edges or objects.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from generators.fitted_gaussian.ensemble import FittedEnsemble, checked_n_modes, load_ensemble
from generators.gaussian import LinearGaussian, endpoint_gains

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 8
"""Codes multiplied together: the modes are then read from memory once for all of them."""


class FittedGaussianGenerator(LinearGaussian):
    """A linear-Gaussian generator whose modes were measured, as a `generators.base.Generator`.

    Args:
        ensemble: what was measured.
        code_dim: number of strongest modes that a code spans; all of them if None.

    Raises:
        SettingsError: the ensemble has fewer modes.

    """

    def __init__(self, ensemble: FittedEnsemble, code_dim: int | None = None) -> None:
        n_modes = checked_n_modes(ensemble.n_modes if code_dim is None else code_dim, ensemble)
        super().__init__(
            name=f"gaussian-fitted-{n_modes}",
            image_size_px=ensemble.image_size_px,
            gains=endpoint_gains(ensemble.variances[:n_modes]),
            weights_sha256=ensemble.sha256(),
            provenance=ensemble.provenance,
        )
        self._mean = ensemble.mean
        self._modes = ensemble.modes[:n_modes]
        self._at_once = _AT_ONCE if self._places_agree() else 1

    @classmethod
    def from_file(cls, path: Path, code_dim: int | None = None) -> Self:
        """Return the generator of a file that `neuroloop generator fit` made.

        Raises:
            WeightsError: the file cannot be used.
            SettingsError: it holds fewer modes than `code_dim`.

        """
        return cls(load_ensemble(path), code_dim)

    def _painted(self, amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._product(amplitudes).reshape(-1, *self.image_shape) + self._mean

    def _torch_painted(self, amplitudes: Tensor) -> Tensor:
        import torch  # takes a second, and rendering does without

        flat = amplitudes @ torch.from_numpy(self._modes) + torch.from_numpy(self._mean).view(-1)
        return flat.view(len(amplitudes), *self.image_shape).permute(0, 3, 1, 2)

    def _analysed(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        amplitudes: NDArray[np.float32] = self._modes @ (pixels - self._mean).reshape(-1)
        return amplitudes

    def _product(self, amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Amplitudes ``(n, code_dim)`` times modes, by products of one and the same shape."""
        n = len(amplitudes)
        padded = np.zeros((self._at_once, self.code_dim), np.float32)
        padded[:n] = amplitudes
        product: NDArray[np.float32] = (padded @ self._modes)[:n]
        return product

    def _places_agree(self) -> bool:
        """Whether a code gives the same bits in every place of a product.

        That is so for the usual libraries of linear algebra, but none of them promises it.
        """
        drawn = np.random.default_rng(0).standard_normal((1, self.code_dim), dtype=np.float32)
        product = np.repeat(drawn, _AT_ONCE, axis=0) @ self._modes
        return bool((product == product[0]).all())
