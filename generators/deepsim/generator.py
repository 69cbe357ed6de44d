"""A DeePSiM network as a generator: codes to pictures of 256 x 256 pixels.

Of the family fc6 is the generator of most closed-loop work in visual cortex: 4096 numbers. The
trained weights cannot be shipped: a lab brings its own file (see `generators.deepsim.checkpoints`).

**Speed.** Set ``OMP_WAIT_POLICY=PASSIVE`` in the environment of the process before torch is
imported. Without it torch's threads spin while they wait, and a stimulus process on the same
cores makes rendering several times slower. This module sets no variable and no thread count.
"""

from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from generators.base import checked_codes, checked_pictures, gaussian_codes
from generators.deepsim.checkpoints import DeepSimWeights, draw_weights, read_weights
from generators.deepsim.network import DeepSimNetwork
from generators.deepsim.variants import IMAGE_SIZE_PX, VARIANTS, Variant
from generators.images import to_uint8

MINI_BATCH = 8
INVERSION_STEPS = 150
INVERSION_RATE = 0.3
"""Step size of Adam for fc6, and for the others in proportion to the deviation of their genes."""


class DeepSimGenerator:
    """The network as a `generators.base.Generator`.

    Matrix products may round differently for different batch sizes, and a replay must give the
    logged pixels. So codes always go through the network in mini-batches of `MINI_BATCH`, the
    last one filled up with zeros. That an image does not depend on its place in a mini-batch is
    checked on the machine at hand when the generator is made; where it does not hold, images are
    rendered one by one, which is slower and equally exact.

    Args:
        weights: parameters with their digest, provenance and the network that they fit.
        device: where torch computes, for example ``cpu`` or ``cuda``. Images from different
            kinds of device differ by rounding.

    """

    def __init__(self, weights: DeepSimWeights, device: str = "cpu") -> None:
        # Layers made on the device "meta" draw no initial values from torch's global randomness.
        with torch.device("meta"):
            network = DeepSimNetwork(weights.variant)
        network.load_state_dict(dict(weights.tensors), assign=True)
        network.requires_grad_(False).eval()
        self._network = network.to(torch.device(device))
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self._device = torch.device(device)
        self._weights = weights
        self._variant = weights.variant
        self._mini_batch = MINI_BATCH if self._places_agree() else 1

    @classmethod
    def from_file(cls, variant: Variant, path: Path, device: str = "cpu") -> "DeepSimGenerator":
        """Load a trained network from a user's file; errors as `checkpoints.read_weights`."""
        return cls(read_weights(variant, path), device)

    @classmethod
    def with_random_weights(
        cls, variant: Variant, seed: int, device: str = "cpu"
    ) -> "DeepSimGenerator":
        """Make an untrained network for tests and timing; its images are structureless noise."""
        return cls(draw_weights(variant, seed), device)

    @property
    def name(self) -> str:
        """For example ``deepsim-fc6``, or ``deepsim-fc6-random`` for untrained weights."""
        name = f"deepsim-{self._variant.name}"
        return name if self._weights.trained else f"{name}-random"

    @property
    def code_dim(self) -> int:
        """4096 for fc6 and fc7, 1000 for fc8, 9216 for pool5 (channels, rows, columns)."""
        return self._variant.code_dim

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Always 256 x 256 x 3."""
        return (IMAGE_SIZE_PX, IMAGE_SIZE_PX, 3)

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file, or of the drawn values."""
        return self._weights.sha256

    @property
    def norm_hint(self) -> float:
        """300 for fc6: the norm to which the field scales its codes; see `variants` for others."""
        return self._variant.norm_hint

    @property
    def provenance(self) -> str:
        """Where the weights come from, as a sentence."""
        return self._weights.provenance

    @property
    def device(self) -> str:
        """Where torch computes; see `generators.differentiable.Differentiable`."""
        return str(self._device)

    def torch_pixels(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to pixels ``(n, 3, 256, 256)`` in 0..1 before clipping."""
        with _exact_convolutions():
            pixels: Tensor = self._network(codes)
        return pixels / 255.0

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Random codes ``(n, code_dim)`` float32 with norms near `norm_hint`."""
        return gaussian_codes(n, self.code_dim, self.norm_hint, rng)

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes ``(n, code_dim)`` to images ``(n, 256, 256, 3)`` uint8; see `Generator.render`."""
        checked = checked_codes(codes, self.code_dim)
        images = np.empty((len(checked), *self.image_shape), dtype=np.uint8)
        for start in range(0, len(checked), self._mini_batch):
            part = checked[start : start + self._mini_batch]
            filled = np.zeros((self._mini_batch, self.code_dim), dtype=np.float32)
            filled[: len(part)] = part
            pixels = self._pixels(filled)[: len(part)]
            images[start : start + len(part)] = to_uint8(pixels / np.float32(255.0))
        return images

    def invert(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Codes of pictures ``(n, 256, 256, 3)`` uint8, by `INVERSION_STEPS` of Adam from zero.

        Takes about a quarter of a minute for each picture on one core. Of all steps the one with
        the least error is kept. See `generators.base.Invertible`.
        """
        targets = checked_pictures(pictures, self.image_shape)
        if not len(targets):
            return np.zeros((0, self.code_dim), dtype=np.float32)
        return np.stack([self._inverted(target) for target in targets])

    def _inverted(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture ``(256, 256, 3)`` in 0..1 to its code ``(code_dim,)``."""
        wanted = torch.from_numpy(255.0 * target).to(self._device).permute(2, 0, 1).unsqueeze(0)
        code = torch.zeros((1, self.code_dim), device=self._device, requires_grad=True)
        rate = INVERSION_RATE * self._variant.gene_deviation / VARIANTS["fc6"].gene_deviation
        adam = torch.optim.Adam([code], lr=rate)
        best, least = code.detach().clone(), float("inf")
        with torch.enable_grad(), _exact_convolutions():
            for _ in range(INVERSION_STEPS + 1):
                error = functional.mse_loss(self._network(code), wanted)
                if float(error.detach()) < least:
                    best, least = code.detach().clone(), float(error.detach())
                adam.zero_grad()
                error.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
                adam.step()
        found: NDArray[np.float32] = best[0].cpu().numpy()
        return found

    def _pixels(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Exactly one mini-batch of codes to ``(mini_batch, 256, 256, 3)`` float32, 0..255."""
        with torch.inference_mode(), _exact_convolutions():
            pixels = self._network(torch.from_numpy(codes).to(self._device))
        channels_last: NDArray[np.float32] = pixels.permute(0, 2, 3, 1).cpu().numpy()
        return channels_last

    def _places_agree(self) -> bool:
        """Whether one code gives the same pixels in every place of a mini-batch."""
        code = gaussian_codes(1, self.code_dim, self.norm_hint, np.random.default_rng(0))
        pixels = self._pixels(np.repeat(code, MINI_BATCH, axis=0))
        return bool((pixels == pixels[:1]).all())


def _exact_convolutions() -> AbstractContextManager[None]:
    # On a GPU, reduced precision and a choice of algorithm by timing would both change pixels
    # from one run to the next. On a CPU these flags do nothing.
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags
