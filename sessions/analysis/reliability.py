"""How repeatable responses are: split-half reliability, and the noise ceiling of a model.

Both need images that were shown repeatedly, such as references or follow-ups. What is left out:
how surely single scores of one generation are ranked (`sessions.analysis.beside_nulls`).

Sources: Spearman 1910 and Brown 1910 (the correction of halves), Allen et al. 2022 (noise ceiling
from the signal-to-noise ratio of a voxel or unit).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sessions.analysis.evolution import Interval
from sessions.records import Floats, Ints

N_SPLITS = 200
N_BOOTSTRAPS = 500
_FEWEST_IMAGES = 3
"""Of which a correlation says anything."""


@dataclass(frozen=True)
class SplitHalf:
    """Correlation of halves of the presentations, and what it makes of all of them.

    half: mean correlation over images between two random halves of each image's presentations.
    whole: 2 half / (1 + half), for the mean of all presentations (Spearman 1910; Brown 1910), with
        its 95 % interval over images; NaN where fewer than three images were shown twice.
    """

    half: float
    whole: Interval
    n_images: int


@dataclass(frozen=True)
class NoiseCeiling:
    """How much of the variance of mean responses over images a model can explain at most.

    signal_sd, noise_sd: of images, and of presentations of one image, in the unit of the scores.
    explainable: part of the variance of image means that is not noise, signal² / (signal² +
        noise² / n) with n the harmonic mean of the presentations (Allen et al. 2022). Its root is
        the highest correlation that a model without error reaches, in the mean.
    """

    signal_sd: float
    noise_sd: float
    explainable: float
    n_images: int
    n_presentations: int


def split_half(score: Floats, image_id: Ints, rng: np.random.Generator) -> SplitHalf:
    """Return the split-half reliability of mean responses to images.

    Where an image was shown an odd number of times, one of its presentations is left out of each
    split. Which is which is drawn anew `N_SPLITS` times, and their correlations are averaged.

    Args:
        score: (p,) score of each presentation, NaN where it has none.
        image_id: (p,) of which image.
        rng: for the splits, and for the interval.

    """
    groups = [each for each in _by_image(score, image_id) if len(each) > 1]
    if len(groups) < _FEWEST_IMAGES:
        nothing = Interval(math.nan, math.nan, math.nan)
        return SplitHalf(math.nan, nothing, len(groups))
    halves = np.array([_halves(group, rng) for group in groups])
    half = _mean_correlation(halves)
    rows = rng.integers(len(groups), size=(N_BOOTSTRAPS, len(groups)))
    # A few splits are enough for each resampling, since these differ far more than splits do.
    some = halves[:, :, :8]
    drawn = np.array([corrected(_mean_correlation(some[row])) for row in rows])
    low, high = np.nanpercentile(drawn, (2.5, 97.5)).tolist()
    return SplitHalf(half, Interval(corrected(half), low, high), len(groups))


def corrected(half: float) -> float:
    """Reliability of a whole from the correlation of its halves (Spearman 1910; Brown 1910)."""
    return 2.0 * half / (1.0 + half) if half > -1.0 else math.nan


def noise_ceiling(score: Floats, image_id: Ints) -> NoiseCeiling | None:
    """Return the noise ceiling; None where fewer than two images were shown twice.

    The variance of noise is that within images, pooled; that of the signal is what is left of the
    variance of image means, and 0 where nothing is. Arguments as in `split_half`.
    """
    groups = [each for each in _by_image(score, image_id) if len(each) > 1]
    if len(groups) < 2:
        return None
    sizes = np.array([len(each) for each in groups])
    within = sum(float(np.square(each - each.mean()).sum()) for each in groups)
    noise = within / float((sizes - 1).sum())
    means = np.array([each.mean() for each in groups])
    of_means = noise * float((1.0 / sizes).mean())
    signal = max(0.0, float(means.var(ddof=1)) - of_means)
    explainable = signal / (signal + of_means) if signal > 0 else 0.0
    return NoiseCeiling(
        math.sqrt(signal), math.sqrt(noise), explainable, len(groups), int(sizes.sum())
    )


def _by_image(score: Floats, image_id: Ints) -> list[Floats]:
    known = np.isfinite(score)
    return [score[known & (image_id == each)] for each in np.unique(image_id[known])]


def _halves(values: Floats, rng: np.random.Generator) -> Floats:
    """Mean (2, N_SPLITS) of either half of values (k,), in as many random orders."""
    n = len(values) // 2
    orders = rng.permuted(np.broadcast_to(values, (N_SPLITS, len(values))), axis=1)
    halves: Floats = np.stack([orders[:, :n].mean(axis=1), orders[:, n : 2 * n].mean(axis=1)])
    return halves


def _mean_correlation(halves: Floats) -> float:
    """Mean over splits of the correlation over images, of halves (images, 2, splits)."""
    centred = halves - halves.mean(axis=0)
    lengths = np.sqrt(np.square(centred).sum(axis=0))
    product = lengths[0] * lengths[1]
    together = (centred[:, 0] * centred[:, 1]).sum(axis=0)
    known = product > 0
    return float((together[known] / product[known]).mean()) if known.any() else math.nan
