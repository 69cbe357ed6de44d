"""A BigGAN-deep generator in torch, built from the table of variants.

The names are those of the published files, without the two vectors of a spectral norm and with
statistics of one truncation (see `generators.biggan.folding`).
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.biggan.folding import N_COLOURS
from generators.biggan.variants import FIRST_MAP_PX, Block, Variant
from generators.network import StagedNetwork


class BigGanNetwork(StagedNetwork):
    """The bare network.

    Its first stage computes all that is linear in the code: the first map, and gains and offsets of
    every normalisation. The second one takes them in this order.

    Args:
        variant: which of the family.
        frozen: the half that codes do not have and the parameter `frozen` holds, if any.

    """

    frozen: Tensor

    def __init__(self, variant: Variant, frozen: Literal["noise", "class"] | None = None) -> None:
        super().__init__()
        self._frozen_half = frozen
        if frozen is not None:
            size = variant.noise_dim if frozen == "noise" else variant.class_dim
            self.register_buffer("frozen", torch.zeros(size))
        self._first, last = variant.blocks[0].n_in, variant.blocks[-1].n_out
        self.gen_z = nn.Linear(variant.code_dim, FIRST_MAP_PX**2 * self._first)
        self.layers = nn.ModuleList(
            _Attention(variant.attention_channels)
            if block is None
            else _Residual(block, variant.code_dim)
            for block in variant.layers
        )
        self.bn = _Norm(last)
        self.conv_to_rgb = nn.Conv2d(last, N_COLOURS, 3, padding=1)

    def stem(self, codes: Tensor) -> Tensor:
        """Codes, with or without the frozen half, to what is linear in them, ``(n, numbers)``."""
        if self._frozen_half is not None:
            frozen = self.frozen.expand(len(codes), -1)
            halves = (frozen, codes) if self._frozen_half == "noise" else (codes, frozen)
            codes = torch.cat(halves, dim=1)
        numbers = [self.gen_z(codes)]
        for norm in self._norms():
            numbers += norm.gain_and_offset(codes)
        return torch.cat(numbers, dim=1)

    def trunk(self, features: Tensor) -> Tensor:
        """Turn what `stem` gave into pixels ``(n, 3, h, w)``."""
        sizes = [norm.channels for norm in self._norms() for _ in ("gain", "offset")]
        numbers = iter(torch.split(features, [self.gen_z.out_features, *sizes], dim=1))
        # The first layer gives rows, columns and then channels.
        x = next(numbers).reshape(-1, FIRST_MAP_PX, FIRST_MAP_PX, self._first)
        x = x.permute(0, 3, 1, 2)
        for layer in self.layers:
            x = layer(x, numbers)
        return 0.5 * torch.tanh(self.conv_to_rgb(self.bn(x))) + 0.5

    def _norms(self) -> Iterator["_CodeNorm"]:
        return (module for module in self.modules() if isinstance(module, _CodeNorm))


class _Residual(nn.Module):
    def __init__(self, block: Block, code_dim: int) -> None:
        super().__init__()
        self._block = block
        for index, (n_in, n_out, kernel) in enumerate(block.ends):
            self.add_module(f"bn_{index}", _CodeNorm(n_in, code_dim))
            convolution = nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2)
            self.add_module(f"conv_{index}", convolution)

    def forward(self, x: Tensor, numbers: Iterator[Tensor]) -> Tensor:
        shortcut = x[:, : self._block.n_out]
        for index in range(len(self._block.ends)):
            x = self.get_submodule(f"bn_{index}")(x, next(numbers), next(numbers))
            if index == 1 and self._block.doubles:
                x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.get_submodule(f"conv_{index}")(x)
        if not self._block.doubles:
            return x.add_(shortcut)
        # Each pixel of the shortcut is added to four, without making four of it first.
        height, width = shortcut.shape[2:]
        fours = x.view(*x.shape[:2], height, 2, width, 2)
        fours += shortcut[:, :, :, None, :, None]
        return x


class _CodeNorm(nn.Module):
    """Normalisation whose gain and offset are linear in the code, and a ReLU."""

    mean: Tensor
    inverse_deviation: Tensor

    def __init__(self, channels: int, code_dim: int) -> None:
        super().__init__()
        self.channels = channels
        self.scale = nn.Linear(code_dim, channels, bias=False)
        self.offset = nn.Linear(code_dim, channels, bias=False)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("inverse_deviation", torch.ones(channels))

    def gain_and_offset(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Codes of both halves to what maps are multiplied by and what is added to them."""
        gain = (1.0 + self.scale(codes)) * self.inverse_deviation
        return gain, self.offset(codes) - self.mean * gain

    def forward(self, x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
        return torch.addcmul(offset[..., None, None], x, gain[..., None, None]).relu_()


class _Norm(nn.Module):
    """Normalisation with a gain and an offset of its own, and a ReLU."""

    mean: Tensor
    inverse_deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("inverse_deviation", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        gain = self.weight * self.inverse_deviation
        offset = self.bias - self.mean * gain
        return torch.addcmul(offset[:, None, None], x, gain[:, None, None]).relu_()


class _Attention(nn.Module):
    """Self-attention: each place takes from all places what resembles it (Zhang et al. 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.snconv1x1_theta = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.snconv1x1_phi = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.snconv1x1_g = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.snconv1x1_o_conv = nn.Conv2d(channels // 2, channels, 1, bias=False)

    def forward(self, x: Tensor, _numbers: Iterator[Tensor]) -> Tensor:
        n, _, height, width = x.shape
        asked = self.snconv1x1_theta(x).flatten(2).transpose(1, 2)
        offered = functional.max_pool2d(self.snconv1x1_phi(x), 2).flatten(2)
        given = functional.max_pool2d(self.snconv1x1_g(x), 2).flatten(2)
        shares = torch.softmax(torch.bmm(asked, offered), dim=-1)
        taken = torch.bmm(given, shares.transpose(1, 2)).view(n, -1, height, width)
        change: Tensor = self.snconv1x1_o_conv(taken)
        return x + self.gamma * change
