"""A StyleGAN2 generator in torch, built from the table of variants.

What training multiplies in every pass is worked into the numbers once: the factors that equalise
learning rates, the root of two of each rectification, strengths of noise. The style is applied to
what comes into a convolution, and the length of the modulated weights to what comes out of it,
which is the same as modulating the weights and lets all codes share them.

Left out: training, styles that differ between layers, and noise that differs between pictures.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.network import StagedNetwork
from generators.stylegan2.variants import Variant

LEAK = 0.2
_MAPPING_RATE = 0.01
_EPSILON = 1e-8
_ROOT_OF_TWO = math.sqrt(2.0)


class StyleGanNetwork(StagedNetwork):
    """The bare network. Its first stage makes styles of codes, the second one pictures of styles.

    Args:
        variant: sizes.
        tensors: as `checkpoints.StyleGanWeights` has them; copied.

    """

    mean_style: Tensor
    blur: Tensor

    def __init__(self, variant: Variant, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._maps_codes, self._truncation = True, 1.0
        self.mapping = nn.ModuleList(
            _mapping_layer(tensors, index + 1) for index in range(variant.n_mapping)
        )
        self.constant = _fixed(tensors["input.input"].clone())
        self.convolutions = nn.ModuleList(
            _Convolution(tensors, name, index, doubles=index % 2 == 1)
            for index, (name, *_) in enumerate(variant.convolutions)
        )
        self.colours = nn.ModuleList(_Colours(tensors, name) for name, _ in variant.colours)
        self.register_buffer("mean_style", torch.zeros(variant.style_dim))
        blur = torch.tensor((1.0, 3.0, 3.0, 1.0)) / 4.0
        self.register_buffer("blur", torch.outer(blur, blur)[None, None])

    def set_space(self, space: str, truncation: float, mean_style: Tensor) -> None:
        """Take codes as ``z`` or as styles ``w``, and draw styles towards the mean one."""
        self._maps_codes, self._truncation = space == "z", truncation
        self.mean_style = mean_style.clone()

    def styles(self, codes: Tensor) -> Tensor:
        """Codes z ``(n, style_dim)`` to styles w ``(n, style_dim)``, not truncated."""
        w = codes * torch.rsqrt(codes.square().mean(dim=1, keepdim=True) + _EPSILON)
        for layer in self.mapping:
            w = functional.leaky_relu(layer(w), LEAK)
        return w

    def stem(self, codes: Tensor) -> Tensor:
        """Codes ``(n, style_dim)`` to truncated styles ``(n, style_dim)``."""
        w = self.styles(codes) if self._maps_codes else codes
        return self.mean_style + self._truncation * (w - self.mean_style)

    def trunk(self, features: Tensor) -> Tensor:
        """Turn truncated styles ``(n, style_dim)`` into pixels ``(n, 3, h, w)``."""
        styles = features
        x = self.constant.expand(len(styles), -1, -1, -1)
        x = self.convolutions[0](x, styles, self.blur)
        rgb = self.colours[0](x, styles)
        for index, colours in enumerate(self.colours[1:]):
            x = self.convolutions[2 * index + 1](x, styles, self.blur)
            x = self.convolutions[2 * index + 2](x, styles, self.blur)
            rgb = colours(x, styles) + _doubled(rgb, self.blur)
        pixels: Tensor = 0.5 * rgb + 0.5
        return pixels


class _Convolution(nn.Module):
    """A modulated convolution of 3 x 3, noise, and a leaky rectification."""

    def __init__(
        self, tensors: Mapping[str, Tensor], name: str, index: int, *, doubles: bool
    ) -> None:
        super().__init__()
        weight = tensors[f"{name}.conv.weight"][0]
        scaled = weight / math.sqrt(weight[0].numel())
        self._doubles = doubles
        self.style = _style_layer(tensors, name)
        self.convolution = _convolution(scaled, doubles=doubles)
        self.squares = _fixed(scaled.square().sum(dim=(2, 3)).T.contiguous())
        noise = tensors[f"noises.noise_{index}"] * tensors[f"{name}.noise.weight"]
        self.noise = _fixed(_ROOT_OF_TWO * noise)
        self.bias = _fixed(_ROOT_OF_TWO * tensors[f"{name}.activate.bias"][:, None, None])

    def forward(self, x: Tensor, styles: Tensor, blur: Tensor) -> Tensor:
        style = self.style(styles)
        gain = _ROOT_OF_TWO * torch.rsqrt(style.square() @ self.squares + _EPSILON)
        x = self.convolution(x * style[..., None, None])
        if self._doubles:
            x = _blurred(x, blur)
        x = torch.addcmul(self.bias, x, gain[..., None, None])
        return functional.leaky_relu_(x.add_(self.noise), LEAK)


class _Colours(nn.Module):
    """A modulated convolution of 1 x 1 to three colours, whose length is not divided out."""

    def __init__(self, tensors: Mapping[str, Tensor], name: str) -> None:
        super().__init__()
        weight = tensors[f"{name}.conv.weight"][0, :, :, 0, 0]
        self.style = _style_layer(tensors, name)
        self.weight = _fixed(weight / math.sqrt(weight.shape[1]))
        self.bias = _fixed(tensors[f"{name}.bias"][0].clone())

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        weight = self.weight * self.style(styles)[:, None, :]
        rgb = torch.bmm(weight, x.flatten(2)).view(len(x), 3, *x.shape[2:])
        return rgb + self.bias


def _blurred(x: Tensor, blur: Tensor) -> Tensor:
    """Turn maps of ``2 n + 1`` pixels into ``2 n``, each the mean of sixteen, times four."""
    kernel = blur.expand(x.shape[1], -1, -1, -1)
    return functional.conv2d(x, kernel, padding=1, groups=x.shape[1])


def _doubled(rgb: Tensor, blur: Tensor) -> Tensor:
    """Put zeros between all pixels, and blur."""
    kernel = blur.expand(rgb.shape[1], -1, -1, -1)
    return functional.conv_transpose2d(rgb, kernel, stride=2, padding=1, groups=rgb.shape[1])


def _convolution(weight: Tensor, *, doubles: bool) -> nn.Conv2d | nn.ConvTranspose2d:
    """Make one of 3 x 3 of a weight ``(out, in, 3, 3)``; transposed, it takes inputs first."""
    n_out, n_in = weight.shape[:2]
    layer: nn.Conv2d | nn.ConvTranspose2d
    if doubles:
        layer = nn.ConvTranspose2d(n_in, n_out, 3, stride=2, bias=False, device="meta")
        layer.weight = _fixed(weight.transpose(0, 1).contiguous())
    else:
        layer = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False, device="meta")
        layer.weight = _fixed(weight)
    return layer


def _mapping_layer(tensors: Mapping[str, Tensor], index: int) -> nn.Linear:
    weight, bias = tensors[f"style.{index}.weight"], tensors[f"style.{index}.bias"]
    gain = _ROOT_OF_TWO * _MAPPING_RATE
    return _linear(weight * (gain / math.sqrt(weight.shape[1])), bias * gain)


def _style_layer(tensors: Mapping[str, Tensor], name: str) -> nn.Linear:
    weight = tensors[f"{name}.conv.modulation.weight"]
    bias = tensors[f"{name}.conv.modulation.bias"]
    return _linear(weight / math.sqrt(weight.shape[1]), bias.clone())


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    # Made on the device "meta", it draws no initial values from torch's global randomness.
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = _fixed(weight), _fixed(bias)
    return layer


def _fixed(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
