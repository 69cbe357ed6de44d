"""StyleGAN2 as a generator: codes z, or styles w, to pictures.

Pictures do not depend on the length of a code z, only on its direction. Styles w have a length, and
what is near in w looks near; the network was trained for styles that come from codes alone.
"""

import hashlib
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.base import gaussian_codes
from generators.errors import SettingsError
from generators.network import NetworkGenerator
from generators.settings import Precision
from generators.stylegan2.checkpoints import StyleGanWeights
from generators.stylegan2.network import StyleGanNetwork

Space = Literal["z", "w"]
N_STYLES = 4096
"""Codes over which the mean style and the length of styles are taken."""
_STYLES_SEED = 0


class StyleGanGenerator(NetworkGenerator):
    """The network as a `generators.base.Generator`.

    Args:
        weights: tensors with their digest, provenance and the network that they fit.
        space: what codes are.
        truncation: above 0, and 1 at the most: how far a style stays from the mean style.
        device: where torch computes, for example ``cpu`` or ``cuda``.
        precision: numbers that it computes with.

    Raises:
        SettingsError: there is no such truncation or device.

    """

    def __init__(
        self,
        weights: StyleGanWeights,
        space: Space,
        truncation: float,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        if not 0.0 < truncation <= 1.0:
            raise SettingsError(f"truncation is {truncation}: choose a value above 0 and up to 1")
        # The network has numbers of its own; those of the file need not stay in memory.
        self._weights = replace(weights, tensors={})
        self._space, self._truncation = space, truncation
        dim: int = weights.variant.style_dim
        network = StyleGanNetwork(weights.variant, weights.tensors)
        styles = _many_styles(network, dim)
        self._norm_hint = float(dim**0.5)
        if space == "w":
            self._norm_hint = float(styles.double().square().sum(dim=1).mean().sqrt())
        mean_style = styles.mean(dim=0) if weights.mean_style is None else weights.mean_style
        network.set_space(space, truncation, mean_style)
        self._styles = network.styles
        super().__init__(network, dim, weights.variant.image_size_px, device, precision)

    @property
    def name(self) -> str:
        """For example ``stylegan2-512-w``, or ``stylegan2-512-w-random`` for untrained weights."""
        name = f"stylegan2-{self._weights.variant.image_size_px}-{self._space}"
        return name if self._weights.trained else f"{name}-random"

    @property
    def weights_sha256(self) -> str:
        """Digest of the file's digest, the space and the truncation: of all that is fixed."""
        fixed = f"{self._weights.sha256} {self._space} {self._truncation!r}"
        return hashlib.sha256(fixed.encode()).hexdigest()

    @property
    def norm_hint(self) -> float:
        """Root of `code_dim` in z, where length has no effect; that of random styles in w."""
        return self._norm_hint

    @property
    def provenance(self) -> str:
        """Where the weights come from, and what is fixed, as a sentence or two."""
        averaged = f"the mean of {N_STYLES} random ones"
        origin = averaged if self._weights.mean_style is None else "the mean style of the file"
        fixed = f"Space {self._space}, truncation {self._truncation} towards {origin}."
        return f"{self._weights.provenance} {fixed}"

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw normal codes ``(n, code_dim)`` float32; in w, the styles that belong to them."""
        codes = gaussian_codes(n, self.code_dim, self.code_dim**0.5, rng)
        if self._space == "z":
            return codes
        with torch.inference_mode():
            styles = self._styles(torch.from_numpy(codes).to(self._device, self._type))
        drawn: NDArray[np.float32] = styles.float().cpu().numpy()
        return drawn


def _many_styles(network: StyleGanNetwork, dim: int) -> Tensor:
    codes = gaussian_codes(N_STYLES, dim, dim**0.5, np.random.default_rng(_STYLES_SEED))
    with torch.no_grad():
        return network.styles(torch.from_numpy(codes))
