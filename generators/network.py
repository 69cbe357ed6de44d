"""What all generators with a torch network have in common: how they come to the same bytes, soon.

**The same bytes.** A product of matrices may round differently for different numbers of rows, and a
replay must give the logged pixels. So every part of a network is always given the same number of
codes, the last ones filled up with zeros; and that an image does not depend on its place among them
is checked on the machine at hand when the generator is made. Where it does, they go one by one.

**Soon.** Dense layers take as long for `STEM_ROWS` codes as for one, since reading their weights is
what takes time. Convolutions on a CPU take about as long for each image, one at a time or not. So a
network is in two stages, and the first image is ready after one forward pass of its own.

**Speed.** Set ``OMP_WAIT_POLICY=PASSIVE`` in the environment of the process before torch is
imported. Without it torch's threads spin while they wait, and a stimulus process on the same cores
makes rendering several times slower. Nothing here sets a variable or a number of threads.

Left out: any one network, and weights files (`generators.weights`).
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators.base import checked_codes, gaussian_codes
from generators.errors import GeneratorError, SettingsError
from generators.packed import pack_layers, unpack_layers
from generators.settings import Precision

STEM_ROWS = 10
"""Codes that the first stage is given at a time where the second is given one."""
ROWS_TOGETHER = (16, 8)
"""Codes that both stages are given where one at a time would be slow; the first a multiple."""

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class StagedNetwork(nn.Module, ABC):
    """A network in two stages: what is shared by many codes at a time, and the rest."""

    def stem(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to what the trunk takes, ``(n, ...)``; here codes themselves."""
        return codes

    @abstractmethod
    def trunk(self, features: Tensor) -> Tensor:
        """Turn what `stem` gave into pixels ``(n, 3, h, w)``, RGB.

        0 is black and 1 is white; they are not clipped.
        """

    def forward(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)``."""
        return self.trunk(self.stem(codes))

    def prepare(self, codes: Tensor, n_features: int) -> None:
        """Get ready for `codes` of just this shape, and a trunk that is given so many of them.

        Whatever it prepares is for rendering only: with gradients the plain layers are used. Here
        weights are laid out for what each layer is going to be given.
        """
        pack_layers(self, lambda: self.trunk(self.stem(codes)[:n_features]))

    def unprepared(self) -> "StagedNetwork":
        """Return a copy that computes with the plain layers, to compare with."""
        twin = copy.deepcopy(self)
        unpack_layers(twin)
        return twin


class NetworkGenerator(ABC):
    """A `generators.base.Generator` around a `StagedNetwork`; also differentiable and a stream.

    Args:
        network: its parameters are loaded; they are moved and never changed.
        code_dim: elements of a code.
        image_size_px: height and width.
        device: where torch computes. Images from different kinds of device differ by rounding.
        precision: numbers that it computes with.

    Raises:
        SettingsError: there is no such device here, or it cannot compute so.

    """

    def __init__(
        self,
        network: StagedNetwork,
        code_dim: int,
        image_size_px: int,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self._code_dim, self._size_px = code_dim, image_size_px
        self._device, self._type = torch.device(device), _TYPES[precision]
        network.requires_grad_(False).eval()
        try:
            self._network = network.to(self._device, self._type)
            _lay_channels_last(self._network)
            self._settle()
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise SettingsError(
                f"the network cannot compute on {device} in {precision} ({first_line}): choose "
                'device = "cpu" and precision = "float32", or a smaller network'
            ) from error

    @property
    @abstractmethod
    def name(self) -> str:
        """Short identifier for the log."""

    @property
    @abstractmethod
    def weights_sha256(self) -> str:
        """Digest of the weights."""

    @property
    @abstractmethod
    def norm_hint(self) -> float:
        """Euclidean norm of a code whose image has natural contrast."""

    @property
    @abstractmethod
    def provenance(self) -> str:
        """Where the weights come from, as a sentence."""

    @property
    def code_dim(self) -> int:
        """Number of elements of one code."""
        return self._code_dim

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and 3."""
        return (self._size_px, self._size_px, 3)

    @property
    def device(self) -> str:
        """Where torch computes; see `generators.differentiable.Differentiable`."""
        return str(self._device)

    @property
    def network(self) -> StagedNetwork:
        """The network itself, from codes to pixels; it is not to be changed."""
        return self._network

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Random codes ``(n, code_dim)`` float32 with norms near `norm_hint`."""
        return gaussian_codes(n, self.code_dim, self.norm_hint, rng)

    def torch_pixels(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to pixels ``(n, 3, h, w)`` in 0..1 before clipping."""
        with exact_convolutions():
            pixels: Tensor = self._network(codes.to(self._type))
        return pixels.float()

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes ``(n, code_dim)`` to images ``(n, h, w, 3)`` uint8; see `Generator.render`."""
        checked = checked_codes(codes, self.code_dim)
        images = np.empty((len(checked), *self.image_shape), dtype=np.uint8)
        for rows, part in self.stream(checked, [len(checked)] if len(checked) else []):
            images[rows] = part
        return images

    def stream(
        self, codes: NDArray[np.float32], sizes: Sequence[int]
    ) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
        """Render in parts of these sizes; see `generators.base.Streaming`."""
        ready: list[NDArray[np.uint8]] = []
        upcoming = self._mini_batches(codes)
        start = 0
        for size in sizes:
            while sum(map(len, ready)) < size:
                ready.append(next(upcoming))
            images = ready[0] if len(ready) == 1 else np.concatenate(ready)
            yield slice(start, start + size), images[:size]
            ready, start = [images[size:]], start + size

    def _mini_batches(self, codes: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
        """Yield images of the next few codes."""
        for first in range(0, len(codes), self._stem_rows):
            part = codes[first : first + self._stem_rows]
            features = self._features(part)
            for start in range(0, len(part), self._trunk_rows):
                n_wanted = min(self._trunk_rows, len(part) - start)
                yield self._images(features[start : start + self._trunk_rows])[:n_wanted]

    def _features(self, codes: NDArray[np.float32]) -> Tensor:
        """At most `_stem_rows` codes to the features of so many and of zeros."""
        filled = np.zeros((self._stem_rows, self.code_dim), dtype=np.float32)
        filled[: len(codes)] = codes
        with torch.inference_mode(), exact_convolutions():
            return self._network.stem(torch.from_numpy(filled).to(self._device, self._type))

    def _images(self, features: Tensor) -> NDArray[np.uint8]:
        """Exactly `_trunk_rows` features to images ``(trunk_rows, h, w, 3)``."""
        with torch.inference_mode(), exact_convolutions():
            pixels = self._network.trunk(features).float()
            if bool(torch.isnan(pixels.sum())):
                raise GeneratorError(
                    "some pixels are not a number: the weights or the codes are too large for "
                    f"{str(self._type).removeprefix('torch.')}"
                )
            levels = pixels.clamp_(0.0, 1.0).mul_(255.0).round_().to(torch.uint8)
        images: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return images

    def _sizes(self) -> tuple[tuple[int, int], ...]:
        """Rows of the stem and of the trunk, the fastest first."""
        one_by_one = ((STEM_ROWS, 1), (1, 1))
        return one_by_one if self._device.type == "cpu" else (ROWS_TOGETHER, *one_by_one)

    def _settle(self) -> None:
        """Prepare the stages, and give each so many codes that places do not matter."""
        code = gaussian_codes(1, self.code_dim, self.norm_hint, np.random.default_rng(0))
        for stem_rows, trunk_rows in self._sizes():
            self._stem_rows, self._trunk_rows = stem_rows, trunk_rows
            codes = np.repeat(code, self._stem_rows, axis=0)
            on_device = torch.from_numpy(codes).to(self._device, self._type)
            with torch.inference_mode(), exact_convolutions():
                self._network.prepare(on_device, self._trunk_rows)
            features = self._features(codes)
            if _all_alike(features.float().cpu().numpy()) and _all_alike(
                self._images(features[: self._trunk_rows])
            ):
                return


def exact_convolutions() -> AbstractContextManager[None]:
    """Forbid what would change pixels from run to run.

    On a GPU these are reduced precision, and a choice of algorithm by timing; on a CPU the flags do
    nothing.
    """
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _all_alike(rows: NDArray[np.generic]) -> bool:
    return all(np.array_equal(row, rows[0]) for row in rows)


def _lay_channels_last(network: nn.Module) -> None:
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
