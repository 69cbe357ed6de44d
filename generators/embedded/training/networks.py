"""What training needs beside the decoder: an encoder, and an adversary that tells its pictures.

Neither is shipped. Pictures are ``(n, 3, h, w)`` in -1..1.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from generators.embedded.network import FIRST_MAP_PX, LEAK, SKETCH_NUMBERS, SKETCH_PX, DecoderShape

_FIRST_LOG_VARIANCE = -3.0


class Encoder(nn.Module):
    """Mean and log variance of a picture's code, ``(n, code_dim)`` each.

    The mean is linear in the picture at the size of the sketch, and convolutions add to it.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        widths = shape.widths[::-1]
        self.sketched = nn.Linear(SKETCH_NUMBERS, shape.code_dim)
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        pairs = pairwise(widths)
        self.levels = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.last = nn.Linear(widths[-1] * FIRST_MAP_PX**2, 2 * shape.code_dim)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures to mean and log variance."""
        x = functional.leaky_relu(self.first(_folded(pictures)), LEAK)
        for level in self.levels:
            x = functional.leaky_relu(level(x), LEAK)
        added, log_variance = self.last(x.flatten(1)).float().chunk(2, dim=1)
        mean = self.sketched(functional.adaptive_avg_pool2d(pictures, SKETCH_PX).flatten(1))
        # Codes start almost without noise, which the price of nats then brings in.
        return mean.float() + added, (_FIRST_LOG_VARIANCE + log_variance).clamp(-8.0, 4.0)


class Adversary(nn.Module):
    """Tells painted from decoded pictures, by patches of two sizes, and shows its features.

    Each layer is limited to slope 1 (spectral normalisation, Miyato et al. 2018). The last map
    also sees how much the pictures of a batch differ, so that equal pictures give themselves away.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(12, widths[0], 3, padding=1))
        pairs = pairwise(widths)
        self.levels = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairs
        )
        self.patches = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.whole = spectral_norm(nn.Conv2d(widths[-1] + 1, widths[-1], 3, stride=2, padding=1))
        self.verdict = spectral_norm(nn.Conv2d(widths[-1], 1, 4))

    def forward(self, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Verdicts (above 0 for painted) on patches and wholes, and the features of each level."""
        x = functional.leaky_relu(self.first(_folded(pictures)), LEAK)
        features = [x]
        for level in self.levels:
            x = functional.leaky_relu(level(x), LEAK)
            features.append(x)
        spread = (x - x.mean(dim=0)).abs().mean().to(x.dtype)
        beside = spread.expand(len(x), 1, *x.shape[2:])
        whole = functional.leaky_relu(self.whole(torch.cat([x, beside], dim=1)), LEAK)
        return [self.patches(x).float(), self.verdict(whole).float()], features


def _folded(pictures: Tensor) -> Tensor:
    """Turn 2 x 2 pixels into one of 12 numbers: half the size is where the arithmetic starts."""
    folded = functional.pixel_unshuffle(pictures, 2)
    return folded.contiguous(memory_format=torch.channels_last)
