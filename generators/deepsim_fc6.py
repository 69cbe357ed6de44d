"""The DeePSiM fc6 network: 4096 numbers to a 256 x 256 picture.

Dosovitskiy & Brox 2016 (*Generating images with perceptual similarity metrics based on deep
networks*, NIPS) trained it to invert layer fc6 of CaffeNet; it is the generator of most
closed-loop work in visual cortex. Three fully connected layers, then nine transposed
convolutions: six double the size, the three between them keep it. Leaky ReLU (0.3) follows every
layer but the last, whose output is BGR minus the mean colour of the training pictures.

The trained weights cannot be shipped: a lab brings its own file (see `generators.weights`).

**Speed.** Set ``OMP_WAIT_POLICY=PASSIVE`` in the environment of the process before torch is
imported. Without it torch's threads spin while they wait, and a stimulus process on the same
cores makes rendering several times slower. This module sets no variable and no thread count.
"""

from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from generators.base import checked_codes, checked_pictures, gaussian_codes
from generators.images import to_uint8
from generators.weights import Fc6Weights, draw_fc6_weights, read_fc6_weights

CODE_DIM = 4096
IMAGE_SIZE_PX = 256
NORM_HINT = 300.0
MINI_BATCH = 8
LEAK = 0.3
INVERSION_STEPS = 150
INVERSION_RATE = 0.3
"""Step size of Adam; the genes of a code of natural contrast have a standard deviation of 4.7."""
MEAN_RGB = (123.0, 117.0, 104.0)


class DeepSimFc6Network(nn.Module):
    """The bare network, with the layer names of the original Caffe model."""

    def __init__(self) -> None:
        super().__init__()
        self.defc7 = nn.Linear(CODE_DIM, 4096)
        self.defc6 = nn.Linear(4096, 4096)
        self.defc5 = nn.Linear(4096, 4096)
        self.deconv5 = _doubling(256, 256)
        self.conv5_1 = _keeping(256, 512)
        self.deconv4 = _doubling(512, 256)
        self.conv4_1 = _keeping(256, 256)
        self.deconv3 = _doubling(256, 128)
        self.conv3_1 = _keeping(128, 128)
        self.deconv2 = _doubling(128, 64)
        self.deconv1 = _doubling(64, 32)
        self.deconv0 = _doubling(32, 3)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes ``(n, 4096)`` to RGB pixels ``(n, 3, 256, 256)``; 0 is black, 255 is white.

        Pixels are not clamped. The mean colour is added here.
        """
        x = _leaky(self.defc7(codes))
        x = _leaky(self.defc6(x))
        x = _leaky(self.defc5(x))
        x = x.view(-1, 256, 4, 4).contiguous(memory_format=torch.channels_last)
        x = _leaky(self.deconv5(x))
        x = _leaky(self.conv5_1(x))
        x = _leaky(self.deconv4(x))
        x = _leaky(self.conv4_1(x))
        x = _leaky(self.deconv3(x))
        x = _leaky(self.conv3_1(x))
        x = _leaky(self.deconv2(x))
        x = _leaky(self.deconv1(x))
        bgr: Tensor = self.deconv0(x)
        return bgr.flip(1) + bgr.new_tensor(MEAN_RGB).view(1, 3, 1, 1)


class DeepSimFc6Generator:
    """The network as a `generators.base.Generator`.

    Matrix products may round differently for different batch sizes, and a replay must give the
    logged pixels. So codes always go through the network in mini-batches of `MINI_BATCH`, the
    last one filled up with zeros. That an image does not depend on its place in a mini-batch is
    checked on the machine at hand when the generator is made; where it does not hold, images are
    rendered one by one, which is slower and equally exact.

    Args:
        weights: parameters with their digest and provenance.
        device: where torch computes, for example ``cpu`` or ``cuda``. Images from different
            kinds of device differ by rounding.

    """

    def __init__(self, weights: Fc6Weights, device: str = "cpu") -> None:
        # Layers made on the device "meta" draw no initial values from torch's global randomness.
        with torch.device("meta"):
            network = DeepSimFc6Network()
        network.load_state_dict(dict(weights.tensors), assign=True)
        network.requires_grad_(False).eval()
        self._network = network.to(torch.device(device))
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self._device = torch.device(device)
        self._weights = weights
        self._mini_batch = MINI_BATCH if self._places_agree() else 1

    @classmethod
    def from_file(cls, path: Path, device: str = "cpu") -> "DeepSimFc6Generator":
        """Load the trained network from a user's file; errors as `weights.read_fc6_weights`."""
        return cls(read_fc6_weights(path), device)

    @classmethod
    def with_random_weights(cls, seed: int, device: str = "cpu") -> "DeepSimFc6Generator":
        """Make an untrained network for tests and timing; its images are structureless noise."""
        return cls(draw_fc6_weights(seed), device)

    @property
    def name(self) -> str:
        """``deepsim-fc6``, or ``deepsim-fc6-random`` for untrained weights."""
        return "deepsim-fc6" if self._weights.trained else "deepsim-fc6-random"

    @property
    def code_dim(self) -> int:
        """Always 4096."""
        return CODE_DIM

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
        """300: the norm to which the field scales codes of this network."""
        return NORM_HINT

    @property
    def provenance(self) -> str:
        """Where the weights come from, as a sentence."""
        return self._weights.provenance

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Random codes ``(n, 4096)`` float32 with norms near 300."""
        return gaussian_codes(n, CODE_DIM, NORM_HINT, rng)

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes ``(n, 4096)`` to images ``(n, 256, 256, 3)`` uint8; see `Generator.render`."""
        checked = checked_codes(codes, CODE_DIM)
        images = np.empty((len(checked), *self.image_shape), dtype=np.uint8)
        for start in range(0, len(checked), self._mini_batch):
            part = checked[start : start + self._mini_batch]
            filled = np.zeros((self._mini_batch, CODE_DIM), dtype=np.float32)
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
            return np.zeros((0, CODE_DIM), dtype=np.float32)
        return np.stack([self._inverted(target) for target in targets])

    def _inverted(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture ``(256, 256, 3)`` in 0..1 to its code ``(4096,)``."""
        wanted = torch.from_numpy(255.0 * target).to(self._device).permute(2, 0, 1).unsqueeze(0)
        code = torch.zeros((1, CODE_DIM), device=self._device, requires_grad=True)
        adam = torch.optim.Adam([code], lr=INVERSION_RATE)
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
        code = gaussian_codes(1, CODE_DIM, NORM_HINT, np.random.default_rng(0))
        pixels = self._pixels(np.repeat(code, MINI_BATCH, axis=0))
        return bool((pixels == pixels[:1]).all())


def _doubling(n_in: int, n_out: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(n_in, n_out, kernel_size=4, stride=2, padding=1)


def _keeping(n_in: int, n_out: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(n_in, n_out, kernel_size=3, stride=1, padding=1)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, LEAK)


def _exact_convolutions() -> AbstractContextManager[None]:
    # On a GPU, reduced precision and a choice of algorithm by timing would both change pixels
    # from one run to the next. On a CPU these flags do nothing.
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags
