"""A DeePSiM network in torch, built from the table of variants."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.deepsim.variants import FIRST_MAP_PX, LEAK, MEAN_RGB, Layer, Variant


class DeepSimNetwork(nn.Module):
    """The bare network, with the layer names of the original Caffe model.

    Args:
        variant: which of the family.

    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self._variant = variant
        for layer in (*variant.head, *variant.trunk):
            self.add_module(layer.name, _module(layer))

    def forward(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to RGB pixels ``(n, 3, 256, 256)``; 0 is black, 255 is white.

        Pixels are not clamped. The mean colour is added here.
        """
        *middle, last = self._variant.trunk
        x = codes.view(-1, *self._variant.code_shape)
        for layer in self._variant.head:
            x = self._leaky(layer, _in_channels_last(x))
        x = x.reshape(len(x), -1, FIRST_MAP_PX, FIRST_MAP_PX)
        for layer in middle:
            x = self._leaky(layer, _in_channels_last(x))
        bgr: Tensor = self.get_submodule(last.name)(x)
        return bgr.flip(1) + bgr.new_tensor(MEAN_RGB).view(1, 3, 1, 1)

    def _leaky(self, layer: Layer, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.get_submodule(layer.name)(x), LEAK)


def _in_channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _module(layer: Layer) -> nn.Module:
    if layer.kind == "linear":
        return nn.Linear(layer.n_in, layer.n_out)
    kind = nn.Conv2d if layer.kind == "convolution" else nn.ConvTranspose2d
    return kind(layer.n_in, layer.n_out, layer.kernel, stride=layer.stride, padding=layer.padding)
