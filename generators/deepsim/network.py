"""A DeePSiM network in torch, built from the table of variants."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.deepsim.variants import FIRST_MAP_PX, LEAK, MEAN_RGB, Layer, Variant
from generators.network import StagedNetwork
from generators.packed import Run, packed


class DeepSimNetwork(StagedNetwork):
    """The bare network, with the layer names of the original Caffe model.

    The dense layers are its first stage. pool5 has none: its convolutions of 6 x 6 are cheap.

    Args:
        variant: which of the family.

    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self._variant = variant
        self._packed: dict[str, Run] = {}
        for layer in (*variant.head, *variant.trunk):
            self.add_module(layer.name, _module(layer))

    def stem(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to the first map of the trunk, ``(n, channels, 4, 4)``."""
        x = codes.view(-1, *self._variant.code_shape)
        for layer in self._variant.head:
            x = self._run(layer, x)
        return x.reshape(len(x), -1, FIRST_MAP_PX, FIRST_MAP_PX)

    def trunk(self, features: Tensor) -> Tensor:
        """Features ``(n, channels, 4, 4)`` to pixels ``(n, 3, 256, 256)``.

        The mean colour is added here, and colours, blue first as trained, are put into their order.
        """
        bgr = features
        for layer in self._variant.trunk:
            bgr = self._run(layer, bgr)
        if self._packed and torch.is_inference_mode_enabled():
            return bgr  # the last layer was laid out with its colours in order
        return (bgr.flip(1) + bgr.new_tensor(MEAN_RGB).view(1, 3, 1, 1)) / 255.0

    def prepare(self, codes: Tensor, n_features: int) -> None:
        """Lay out the weights of every layer for what it is going to be given."""
        self._packed = {}
        x = codes.view(-1, *self._variant.code_shape)
        for layer in self._variant.head:
            x = self._pack(layer, x)
        x = x.reshape(len(x), -1, FIRST_MAP_PX, FIRST_MAP_PX)[:n_features]
        *middle, last = self._variant.trunk
        for layer in middle:
            x = self._pack(layer, x)
        self._packed[last.name] = packed(self._with_colours(last), None, x)

    def unprepared(self) -> "DeepSimNetwork":
        """Return a copy that computes with the plain layers, to compare with."""
        twin = copy.deepcopy(self)
        twin._packed = {}  # noqa: SLF001  # it is one of its own kind
        return twin

    def _run(self, layer: Layer, x: Tensor) -> Tensor:
        if torch.is_inference_mode_enabled() and layer.name in self._packed:
            return self._packed[layer.name](x)
        module, slope = self.get_submodule(layer.name), self._slope(layer)
        return module(x) if slope is None else functional.leaky_relu(module(x), slope)

    def _pack(self, layer: Layer, x: Tensor) -> Tensor:
        module: Any = self.get_submodule(layer.name)
        run = self._packed[layer.name] = packed(module, self._slope(layer), x)
        return run(x)

    def _with_colours(self, last: Layer) -> nn.ConvTranspose2d:
        """Return the last layer with red first, the mean colour added, and white at 1."""
        plain: Any = self.get_submodule(last.name)
        folded: Any = copy.deepcopy(plain)
        mean = plain.bias.new_tensor(MEAN_RGB)
        folded.weight = nn.Parameter(plain.weight.flip(1) / 255.0, requires_grad=False)
        folded.bias = nn.Parameter((plain.bias.flip(0) + mean) / 255.0, requires_grad=False)
        return folded  # type: ignore[no-any-return]  # of the type of the layer

    def _slope(self, layer: Layer) -> float | None:
        return None if layer is self._variant.trunk[-1] else LEAK


def _module(layer: Layer) -> nn.Module:
    if layer.kind == "linear":
        return nn.Linear(layer.n_in, layer.n_out)
    kind = nn.Conv2d if layer.kind == "convolution" else nn.ConvTranspose2d
    return kind(layer.n_in, layer.n_out, layer.kernel, stride=layer.stride, padding=layer.padding)
