"""The DeePSiM networks as a table: what they have in common, and where they differ.

Dosovitskiy & Brox 2016 (*Generating images with perceptual similarity metrics based on deep
networks*, NIPS) trained a network for each of several layers of CaffeNet, to turn what that layer
says of a picture into the picture again. All of them end alike: nine transposed convolutions, of
which six double the size and the three between them keep it, from 4 x 4 to 256 x 256 pixels. They
begin differently: three fully connected layers for fc6, fc7 and fc8, three convolutions for pool5.

Names and shapes are those of the published Caffe definitions, which the XDREAM repository keeps
(github.com/willwx/XDream, folder ``prototxt``). Left out: the networks for conv3, conv4, norm1 and
norm2, whose last layers are others; and everything that needs torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Literal

IMAGE_SIZE_PX = 256
LEAK = 0.3
"""Slope of the leaky ReLU that follows every layer but the last."""
MEAN_RGB = (123.0, 117.0, 104.0)
"""Mean colour of the training pictures; a network gives blue, green and red without it."""
FIRST_MAP_PX = 4
"""Height and width of what the first transposed convolution gets."""


@dataclass(frozen=True)
class Layer:
    """One layer with weights and biases.

    Attributes:
        name: that of the Caffe model.
        kind: fully connected, convolution, or transposed convolution.
        n_in: inputs, or channels of the input.
        n_out: outputs, or channels of the output.
        kernel: height and width of the kernel in pixels; not for fully connected layers.
        stride: in pixels.
        padding: in pixels.

    """

    name: str
    kind: Literal["linear", "convolution", "transposed"]
    n_in: int
    n_out: int
    kernel: int = 0
    stride: int = 1
    padding: int = 0

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The layer's parameters and their shapes, as torch has them."""
        kernel = () if self.kind == "linear" else (self.kernel, self.kernel)
        ends = (self.n_in, self.n_out) if self.kind == "transposed" else (self.n_out, self.n_in)
        return {f"{self.name}.weight": (*ends, *kernel), f"{self.name}.bias": (self.n_out,)}


@dataclass(frozen=True)
class Variant:
    """One network of the family.

    Attributes:
        name: the layer of CaffeNet whose responses are the codes.
        code_shape: a code as the first layer takes it; a longer one is channels, rows, columns.
        head: the layers before the transposed convolutions.
        trunk: the transposed convolutions.
        norm_hint: norm of a code of natural contrast.

    """

    name: str
    code_shape: tuple[int, ...]
    head: tuple[Layer, ...]
    trunk: tuple[Layer, ...]
    norm_hint: float

    @property
    def code_dim(self) -> int:
        """Elements of a code."""
        return prod(self.code_shape)

    @property
    def gene_deviation(self) -> float:
        """Standard deviation of the elements of a code of natural contrast."""
        return float(self.norm_hint / self.code_dim**0.5)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter of the network and its shape, in the order of computation."""
        layers = (*self.head, *self.trunk)
        return {name: shape for layer in layers for name, shape in layer.shapes.items()}


def _doubling(name: str, n_in: int, n_out: int) -> Layer:
    return Layer(name, "transposed", n_in, n_out, kernel=4, stride=2, padding=1)


def _keeping(name: str, n_in: int, n_out: int) -> Layer:
    return Layer(name, "transposed", n_in, n_out, kernel=3, stride=1, padding=1)


def _trunk(n_in: int) -> tuple[Layer, ...]:
    return (
        _doubling("deconv5", n_in, 256),
        _keeping("conv5_1", 256, 512),
        _doubling("deconv4", 512, 256),
        _keeping("conv4_1", 256, 256),
        _doubling("deconv3", 256, 128),
        _keeping("conv3_1", 128, 128),
        _doubling("deconv2", 128, 64),
        _doubling("deconv1", 64, 32),
        _doubling("deconv0", 32, 3),
    )


def _fully_connected(name: str, code_dim: int, norm_hint: float) -> Variant:
    head = (
        Layer("defc7", "linear", code_dim, 4096),
        Layer("defc6", "linear", 4096, 4096),
        Layer("defc5", "linear", 4096, 4096),
    )
    return Variant(name, (code_dim,), head, _trunk(256), norm_hint)


def _pool5() -> Variant:
    head = (
        Layer("Rconv6", "convolution", 256, 512, kernel=3, padding=1),
        Layer("Rconv7", "convolution", 512, 512, kernel=3, padding=1),
        Layer("Rconv8", "convolution", 512, 512, kernel=3, padding=0),
    )
    return Variant("pool5", (256, 6, 6), head, _trunk(512), 1260.0)


# Norms: 300 is the one to which the field scales codes of fc6. The others are the root mean square
# norm of CaffeNet's responses to natural pictures, from the mean and deviation of each unit that
# XDREAM publishes (tests/test_data/stats_caffenet.h5): fc7 79, taking each unit as normal before
# its ReLU; fc8 97; pool5 1264. For fc6 the same gives 267.
VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        variant.name: variant
        for variant in (
            _fully_connected("fc6", 4096, 300.0),
            _fully_connected("fc7", 4096, 80.0),
            _fully_connected("fc8", 1000, 97.0),
            _pool5(),
        )
    }
)
