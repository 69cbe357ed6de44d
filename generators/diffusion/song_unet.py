"""The U-Net of EDM's unconditional models, with the parameter names of their files.

It is the DDPM++ network (Song et al. 2021, *Score-based generative modeling through stochastic
differential equations*) as Karras et al. 2022 (*Elucidating the design space of diffusion-based
generative models*) train it on CIFAR-10 at 32 pixels and on FFHQ and AFHQ at 64. A small one of
the same build comes with neuroloop (`generators.diffusion.embedded`).

Left out: NCSN++ (Fourier features, residual skips), the network of Dhariwal & Nichol, classes,
and the input for augmentation, which is off whenever pictures are made.
"""

from dataclasses import dataclass
from math import log, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
HALVES = sqrt(0.5)
"""A sum of two equally large signals is scaled back by this."""
SLOWEST = 10_000.0
"""Ratio of the fastest to the slowest wave of the embedding of noise levels."""


@dataclass(frozen=True)
class SongShape:
    """Everything that sets the parameters' names and shapes.

    Attributes:
        map_px: height and width of the maps that the network takes.
        channels: of input and output.
        width: channels of the first convolution.
        multiples: channels at each halving of the size, in units of `width`.
        n_blocks: blocks at each size on the way down; one more on the way up.
        attention_px: sizes at which positions attend to one another.

    """

    map_px: int
    channels: int
    width: int
    multiples: tuple[int, ...]
    n_blocks: int
    attention_px: tuple[int, ...]


class Block(nn.Module):
    """Two convolutions that are told the noise level, beside a skip; then attention, if any.

    Args:
        n_in: channels of its input.
        n_out: channels of its output.
        n_told: elements of what it is told of the noise.
        factor: 2 doubles height and width, 0.5 halves them.
        attends: whether positions attend to one another at its end.

    """

    def __init__(
        self, n_in: int, n_out: int, n_told: int, factor: float = 1.0, attends: bool = False
    ) -> None:
        super().__init__()
        self.n_in = n_in
        self.n_out = n_out
        self.norm0 = _norm(n_in)
        self.conv0 = _conv(n_in, n_out, 3)
        self.affine = nn.Linear(n_told, n_out)
        self.norm1 = _norm(n_out)
        self.conv1 = _conv(n_out, n_out, 3)
        changes = n_in != n_out or factor != 1.0
        self.skip = _conv(n_in, n_out, 1) if changes else nn.Identity()
        self._factor = factor
        self._attends = attends
        if attends:
            self.norm2 = _norm(n_out)
            self.qkv = _conv(n_out, 3 * n_out, 1)
            self.proj = _conv(n_out, n_out, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Turn maps ``(n, n_in, h, w)`` into others, told ``(n, n_told)`` of the noise."""
        hidden = self.conv0(_resized(functional.silu(self.norm0(x)), self._factor))
        hidden = hidden + self.affine(told)[:, :, None, None]
        hidden = self.conv1(functional.silu(self.norm1(hidden)))
        joined: Tensor = (hidden + self.skip(_resized(x, self._factor))) * HALVES
        return self._attended(joined) if self._attends else joined

    def _attended(self, x: Tensor) -> Tensor:
        # Query, key and value of a channel stand side by side in the file's order.
        threes = self.qkv(self.norm2(x)).flatten(2).unflatten(1, (self.n_out, 3))
        query, key, value = (threes[:, :, k].transpose(1, 2) for k in range(3))
        weights = (query @ key.transpose(1, 2) / sqrt(self.n_out)).softmax(dim=2)
        seen = (weights @ value).transpose(1, 2).reshape(x.shape)
        attended: Tensor = (self.proj(seen) + x) * HALVES
        return attended


class SongUNet(nn.Module):
    """The network; what it computes is given its meaning by `generators.diffusion.denoisers`."""

    def __init__(self, shape: SongShape) -> None:
        super().__init__()
        self.shape = shape
        n_told = 4 * shape.width
        self.map_layer0 = nn.Linear(shape.width, n_told)
        self.map_layer1 = nn.Linear(n_told, n_told)
        self.enc = nn.ModuleDict()
        self.dec = nn.ModuleDict()
        n_skips = self._add_encoder(n_told)
        self._add_decoder(n_told, n_skips)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Turn maps ``(n, channels, px, px)`` and float32 noise labels ``(n,)`` into maps."""
        waves = _waves(noise, self.shape.width).to(x.dtype)
        told = functional.silu(self.map_layer0(waves))
        told = functional.silu(self.map_layer1(told))
        kept: list[Tensor] = []
        for part in self.enc.values():
            x = part(x, told) if isinstance(part, Block) else part(x)
            kept.append(x)
        for part in self.dec.values():
            if isinstance(part, Block):
                x = part(x if x.shape[1] == part.n_in else torch.cat([x, kept.pop()], 1), told)
            elif isinstance(part, nn.GroupNorm):
                x = functional.silu(part(x))
            else:
                x = part(x)
        return x

    def _add_encoder(self, n_told: int) -> list[int]:
        """Add the way down; return the channels that each of its parts hands to the way up."""
        shape, n = self.shape, self.shape.width
        n_skips = []
        for level, multiple in enumerate(shape.multiples):
            px = shape.map_px >> level
            if level == 0:
                self.enc[f"{px}x{px}_conv"] = _conv(shape.channels, n, 3)
            else:
                self.enc[f"{px}x{px}_down"] = Block(n, n, n_told, factor=0.5)
            n_skips.append(n)
            for k in range(shape.n_blocks):
                before, n = n, shape.width * multiple
                attends = px in shape.attention_px
                self.enc[f"{px}x{px}_block{k}"] = Block(before, n, n_told, attends=attends)
                n_skips.append(n)
        return n_skips

    def _add_decoder(self, n_told: int, n_skips: list[int]) -> None:
        shape, n = self.shape, n_skips[-1]
        deepest = len(shape.multiples) - 1
        for level in range(deepest, -1, -1):
            px = shape.map_px >> level
            if level == deepest:
                self.dec[f"{px}x{px}_in0"] = Block(n, n, n_told, attends=True)
                self.dec[f"{px}x{px}_in1"] = Block(n, n, n_told)
            else:
                self.dec[f"{px}x{px}_up"] = Block(n, n, n_told, factor=2.0)
            for k in range(shape.n_blocks + 1):
                before, n = n + n_skips.pop(), shape.width * shape.multiples[level]
                attends = k == shape.n_blocks and px in shape.attention_px
                self.dec[f"{px}x{px}_block{k}"] = Block(before, n, n_told, attends=attends)
        self.dec[f"{px}x{px}_aux_norm"] = _norm(n)
        self.dec[f"{px}x{px}_aux_conv"] = _conv(n, shape.channels, 3)


def _conv(n_in: int, n_out: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2)


def _resized(x: Tensor, factor: float) -> Tensor:
    if factor == 1.0:
        return x
    if factor < 1.0:
        return functional.avg_pool2d(x, 2)
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _norm(n_channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, min(32, n_channels // 4)), n_channels, eps=EPSILON)


def _waves(noise: Tensor, n: int) -> Tensor:
    """Noise labels ``(n_codes,)`` as sines, then cosines, of falling frequency ``(n_codes, n)``."""
    steps = torch.arange(n // 2, dtype=torch.float32, device=noise.device) / (n // 2 - 1)
    phase = noise[:, None] * torch.exp(-log(SLOWEST) * steps)
    return torch.cat([phase.sin(), phase.cos()], dim=1)
