"""How pictures change with a code, for a generator that has no gradients.

Features are compared between rendered pictures on both sides of a code, J v ≈ (φ₊ - φ₋) / 2ε. Bytes
are rounded, so the step is large: what is found is the metric a little blurred, with a floor under
its small eigenvalues. It takes two pictures for each dimension of the code, so no few eigenvalues
can be had for less.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from generators.base import Generator
from generators.errors import SettingsError
from generators.geometry.distances import Distance, FeatureDistance
from generators.geometry.products import Codes, Floats

RELATIVE_STEP = 0.02
"""Of the norm of a code; a picture then changes by several levels where it changes."""
_AT_ONCE = 16


class RenderedChanges:
    """J v of one generator and distance, by differences of rendered pictures.

    Args:
        generator: any.
        distance: between pictures; one of features.

    Raises:
        SettingsError: the distance has no features.

    """

    def __init__(self, generator: Generator, distance: Distance) -> None:
        if not isinstance(distance, FeatureDistance):
            raise SettingsError(
                f"{generator.name} has no gradients, and {distance.name} no features: take the "
                "pyramid distance"
            )
        self._generator, self._distance = generator, distance

    @property
    def code_dim(self) -> int:
        """Length of codes and vectors."""
        return self._generator.code_dim

    def changes(self, codes: Codes, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return J v ``(m, n_features)`` for codes and vectors ``(m, code_dim)`` of length 1."""
        parts = []
        for start in range(0, len(codes), _AT_ONCE):
            here = codes[start : start + _AT_ONCE].astype(np.float64)
            towards = vectors[start : start + _AT_ONCE]
            norms = np.linalg.norm(here, axis=1, keepdims=True)
            steps = RELATIVE_STEP * np.maximum(norms, 0.1 * self._generator.norm_hint)
            ahead, behind = (self._features(here + s * steps * towards) for s in (1, -1))
            parts.append(((ahead - behind) / (2.0 * steps)).astype(np.float32))
        return np.concatenate(parts)

    def _features(self, codes: Floats) -> Floats:
        features = self._distance.features(shown_pixels(self._generator, codes))
        exact: Floats = features.numpy().astype(np.float64)
        return exact


def shown_pixels(generator: Generator, codes: NDArray[np.floating]) -> torch.Tensor:
    """Pixels ``(n, 3, h, w)`` in 0..1 of rendered pictures, as an observer gets them."""
    images = generator.render(codes.astype(np.float32))
    return torch.from_numpy(images.astype(np.float32) / np.float32(255.0)).permute(0, 3, 1, 2)
