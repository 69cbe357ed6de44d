"""The losses of the training, as pure functions of what the networks return."""

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS = 5
_SQUARES = 4.0


def pyramid(pictures: Tensor) -> list[Tensor]:
    """Laplacian pyramid of ``(n, 3, h, w)``: what each doubling of the size adds, coarsest last."""
    bands = []
    for _ in range(_LEVELS):
        smaller = functional.avg_pool2d(pictures, 2)
        bands.append(pictures - functional.interpolate(smaller, scale_factor=2.0))
        pictures = smaller
    return [*bands, pictures]


def difference(decoded: Tensor, painted: Tensor) -> Tensor:
    """Difference over all bands of the pyramid, which count alike.

    Absolute values let edges be sharp, but ask for nothing where it is unclear which way an edge
    goes; squares do.
    """
    bands = pyramid((decoded - painted).float())
    parts = [band.abs().mean() + _SQUARES * band.square().mean() for band in bands]
    return torch.stack(parts).sum()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Nats by which the codes of a picture tell it from all others (Kingma & Welling 2014)."""
    terms = mean.square() + log_variance.exp() - 1.0 - log_variance
    return 0.5 * terms.sum(dim=1).mean()


def feature_difference(decoded: list[Tensor], painted: list[Tensor]) -> Tensor:
    """How far decoded pictures lie from the painted ones in the adversary's eyes.

    After Larsen et al. 2016; each level counts by its own size.
    """
    parts = [
        (one - other.detach()).float().abs().mean() / (other.detach().float().abs().mean() + 1e-3)
        for one, other in zip(decoded, painted, strict=True)
    ]
    return torch.stack(parts).mean()


def hinge(verdicts: list[Tensor], sign: float) -> Tensor:
    """Price that the adversary pays for verdicts that are not beyond 1 on the side of `sign`."""
    return torch.stack([functional.relu(1.0 - sign * one).mean() for one in verdicts]).mean()


def persuasion(verdicts: list[Tensor]) -> Tensor:
    """Price that the decoder pays where the adversary is not persuaded."""
    return -torch.stack([one.mean() for one in verdicts]).mean()
