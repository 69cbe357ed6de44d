"""The decoder in torch: codes to pictures, through maps that double in size.

A code is spread over a map of 4 x 4; each level doubles the map, convolves it, sets every pixel's
features to unit power, and weighs and shifts them by the code once more, so that what a picture is
as a whole stays known at its finest level. The last two doublings share their arithmetic: a pixel
of the last map becomes 2 x 2. Beside this a code gives, linearly, a sketch: the picture at 16 x 16.
It joins the map of its size, and the picture is what the maps add to the sketch; so a code says
what is where from the first step of training on, and the maps learn what belongs there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAK = 0.2
FIRST_MAP_PX = 4
SKETCH_LEVEL = 2
SKETCH_PX = FIRST_MAP_PX * 2**SKETCH_LEVEL
SKETCH_NUMBERS = 3 * SKETCH_PX**2
_POWER_FLOOR = 1e-6


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of a decoder.

    Attributes:
        code_dim: elements of a code.
        widths: features of each level, from the map of 4 x 4 on.
        last_width: features of the picture's own size, before they become colours.

    """

    code_dim: int = 256
    widths: tuple[int, ...] = (256, 192, 128, 64, 32)
    last_width: int = 8

    @property
    def image_size_px(self) -> int:
        """Height and width of the picture."""
        return FIRST_MAP_PX << len(self.widths)


class Decoder(nn.Module):
    """The network that is shipped; see the module.

    Args:
        shape: its sizes.

    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.spread = nn.Linear(shape.code_dim, shape.widths[0] * FIRST_MAP_PX**2)
        self.sketch = nn.Linear(shape.code_dim, SKETCH_NUMBERS)
        befores = [shape.widths[0], *shape.widths[:-1]]
        befores[SKETCH_LEVEL] += 3
        pairs = list(zip(befores, shape.widths, strict=True))
        self.levels = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.styles = nn.ModuleList(nn.Linear(shape.code_dim, 2 * b) for _, b in pairs)
        self.quadruple = nn.Conv2d(shape.widths[-1], 4 * shape.last_width, 3, padding=1)
        self.colour = nn.Conv2d(shape.last_width, 3, 3, padding=1)

    def stem(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to all that the maps need of them, ``(n, numbers)``."""
        layers = (self.sketch, self.spread, *self.styles)
        return torch.cat([layer(codes) for layer in layers], dim=1)

    def trunk(self, features: Tensor) -> Tensor:
        """Turn what `stem` gave to RGB ``(n, 3, h, w)``; -1 is black, 1 white, not clipped."""
        widths = self.shape.widths
        sizes = [SKETCH_NUMBERS, widths[0] * FIRST_MAP_PX**2, *(2 * width for width in widths)]
        flat_sketch, spread, *styles = torch.split(features, sizes, dim=1)
        sketch = flat_sketch.view(len(features), 3, SKETCH_PX, SKETCH_PX)
        x = spread.view(len(features), -1, FIRST_MAP_PX, FIRST_MAP_PX)
        x = x.contiguous(memory_format=torch.channels_last)
        for number, (level, style) in enumerate(zip(self.levels, styles, strict=True)):
            if number:
                x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            if number == SKETCH_LEVEL:
                x = torch.cat([x, sketch.to(x.dtype)], dim=1)
            gain, shift = style[:, :, None, None].chunk(2, dim=1)
            x = functional.leaky_relu(_unit_power(level(x)) * (1.0 + gain) + shift, LEAK)
        x = functional.leaky_relu(functional.pixel_shuffle(self.quadruple(x), 2), LEAK)
        rgb: Tensor = self.colour(x) + functional.interpolate(
            sketch, size=x.shape[2:], mode="bilinear", align_corners=False
        )
        return rgb

    def forward(self, codes: Tensor) -> Tensor:
        """Codes ``(n, code_dim)`` to RGB ``(n, 3, h, w)``."""
        return self.trunk(self.stem(codes))


def _unit_power(x: Tensor) -> Tensor:
    """Divide the features of every pixel by their root mean square."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + _POWER_FLOOR)
