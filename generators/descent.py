"""The code of a picture by following gradients, for networks that have no inverse of their own.

Left out: where a descent begins and how far its steps go, which each network knows, and descents
along the axes of a metric (`generators.geometry.inversion`).
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from generators.base import checked_pictures
from generators.network import NetworkGenerator, exact_convolutions


@dataclass(frozen=True, eq=False)
class Descent:
    """How to search: from codes ``(1, code_dim)``, by so many steps of Adam of this size.

    white: the value of white in the error that is followed; Adam's steps hardly depend on it.
    """

    start: Tensor
    rate: float
    steps: int
    white: float = 1.0


class DescendingGenerator(NetworkGenerator):
    """A network generator that is `generators.base.Invertible` by descent."""

    @abstractmethod
    def _descent(self, wanted: Tensor) -> Descent:
        """Return how to search for the code of a picture ``(1, 3, h, w)`` in 0..1."""

    def invert(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Codes of pictures ``(n, h, w, 3)`` uint8; see `generators.base.Invertible`.

        Of all steps the one with the least error is kept. It takes seconds for each picture.
        """
        targets = checked_pictures(pictures, self.image_shape)
        if not len(targets):
            return np.zeros((0, self.code_dim), dtype=np.float32)
        return np.stack([self._inverted(target) for target in targets])

    def _inverted(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture ``(h, w, 3)`` in 0..1 to its code ``(code_dim,)``."""
        wanted = torch.from_numpy(target).to(self.device).permute(2, 0, 1).unsqueeze(0)
        descent = self._descent(wanted)
        code = descent.start.requires_grad_(True)
        adam = torch.optim.Adam([code], lr=descent.rate)
        best, least = code.detach().clone(), float("inf")
        with torch.enable_grad(), exact_convolutions():
            for _ in range(descent.steps + 1):
                pixels = descent.white * self.torch_pixels(code)
                error = functional.mse_loss(pixels, descent.white * wanted)
                if float(error.detach()) < least:
                    best, least = code.detach().clone(), float(error.detach())
                adam.zero_grad()
                error.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
                adam.step()
        found: NDArray[np.float32] = best[0].cpu().numpy()
        return found
