"""A generator whose map from codes to pixels torch can differentiate.

For whatever needs more of a generator than pictures: its geometry (`generators.geometry`) needs
pixels before they are clipped and rounded, and how they change with the code. Nothing here imports
torch when it is loaded. Left out: generators that cannot be differentiated; their geometry is taken
from differences between rendered pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from generators.base import Generator

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class Differentiable(Protocol):
    """A generator that offers its map as a function of torch.

    `generators.testing.differentiable_contract` tests the obligations: rendering is clipping and
    rounding of these pixels; each code gives its own pixels, whatever codes stand beside it; the
    same codes give the same pixels; gradients are those of the pixels.
    """

    @property
    def device(self) -> str:
        """Where torch computes, for example ``cpu`` or ``cuda:0``; codes are put there."""

    def torch_pixels(self, codes: Tensor) -> Tensor:
        """Pixels as `render` has them, but for clipping and rounding.

        Called with or without gradients switched on, which it leaves as they are; parameters of
        the network ask for no gradient.

        Args:
            codes: ``(n, code_dim)`` float32 on `device`; ``n`` is 1 or more. Not checked.

        Returns:
            ``(n, 3, h, w)`` float32 on `device`, RGB; 0 is black and 1 is white.

        """


@runtime_checkable
class DifferentiableGenerator(Generator, Differentiable, Protocol):
    """A generator that is both."""
