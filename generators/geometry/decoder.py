"""Any torch network from codes to pixels as a generator, as far as its geometry needs one.

For a network while it is being trained, and for comparisons with others of the same build
(`controls`). Left out: weights files, speed, mini-batches; a generator for sessions has a module of
its own.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators.base import checked_codes, gaussian_codes
from generators.images import to_uint8
from generators.network import exact_convolutions


class Decoder:
    """A network as a `generators.base.Generator` that is also differentiable.

    Args:
        network: codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)``, 0 black and 1 white. It is
            used as it is, put into its form for evaluation, and asks for no gradient from here on.
        code_dim: elements of a code.
        norm_hint: norm of a code of natural contrast; sqrt(code_dim) for standard normal codes.
        name: short identifier.

    """

    def __init__(self, network: nn.Module, code_dim: int, norm_hint: float, name: str) -> None:
        self._network = network.requires_grad_(False).eval()
        self._code_dim, self._norm_hint, self._name = code_dim, norm_hint, name
        self._sha256 = _digest(network.state_dict())
        parameter = next(network.parameters(), None)
        self._device = torch.device("cpu") if parameter is None else parameter.device
        height, width = self._shown(np.zeros((1, code_dim), np.float32)).shape[1:3]
        self._image_shape = (height, width, 3)

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    @property
    def code_dim(self) -> int:
        """As it was given."""
        return self._code_dim

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and 3, as the network has them."""
        return self._image_shape

    @property
    def weights_sha256(self) -> str:
        """Digest of all parameters and buffers as they were at first."""
        return self._sha256

    @property
    def norm_hint(self) -> float:
        """As it was given."""
        return self._norm_hint

    @property
    def provenance(self) -> str:
        """That it is a network in memory."""
        return f"The network {self._name} as it was in memory (sha256 {self._sha256})."

    @property
    def device(self) -> str:
        """Where its first parameter is."""
        return str(self._device)

    def torch_pixels(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)`` in 0..1 before clipping."""
        with exact_convolutions():
            pixels: Tensor = self._network(codes)
        return pixels

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes to images ``(n, h, w, 3)`` uint8, one by one; see `Generator.render`."""
        checked = checked_codes(codes, self._code_dim)
        images = np.empty((len(checked), *self._image_shape), dtype=np.uint8)
        for row in range(len(checked)):
            images[row] = self._shown(checked[row : row + 1])[0]
        return images

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Random codes ``(n, code_dim)`` float32 with norms near `norm_hint`."""
        return gaussian_codes(n, self._code_dim, self._norm_hint, rng)

    def _shown(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        with torch.inference_mode():
            pixels = self.torch_pixels(torch.from_numpy(codes.copy()).to(self._device))
        return to_uint8(pixels.permute(0, 2, 3, 1).cpu().numpy())


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in state.items():
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
