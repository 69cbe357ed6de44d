"""The posterior of a neuron's response over codes, by Gaussian-process regression.

The noise of spike counts grows with the rate, so each response is weighted by the variance that
its rate makes likely: rate to a power that the evidence chooses (0 constant, 1 Poisson, 2
proportional). A block's gain, which drifts, is a random effect of its own. Settings are chosen by
the marginal likelihood (Rasmussen & Williams 2006, eq. 2.30 and 5.8, with the amplitude in closed
form), one setting a generation, so that no generation pays for all. What is left out: where to go.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.posterior.kernel import Features, View, covariance, mean_and_slope

_CONSTANT = 1.0
"""Prior variance of the overall level, in units of the variance of the scores."""
_NUGGET = 1e-6
"""Variance that keeps the matrix positive definite in spite of rounding."""
_FLOOR = 0.2
"""Smallest rate that noise is reckoned from, in units of the mean rate."""


@dataclass(frozen=True)
class Settings:
    """What the evidence chooses.

    exponent: of the metric; 0 sees every direction of the code alike.
    saturation: contrast of the first generation, in units of where it saturates.
    length: l of the kernel.
    noise_power: how the variance of the noise grows with the rate.
    noise: its mean variance, in units of the variance of the scores.
    """

    exponent: float = 0.0
    saturation: float = 0.3
    length: float = 1.0
    noise_power: float = 1.0
    noise: float = 1.0


CHOICES: dict[str, tuple[float, ...]] = {
    "exponent": (0.0, 0.7, 1.0),
    "saturation": (0.3, 3.0),
    "length": (0.1, 0.3, 1.0, 10.0),
    "noise_power": (0.0, 1.0, 2.0),
}
NOISES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, eq=False)
class Responses:
    """What was measured: standardised scores with what their noise depends on.

    scores: (n,) of mean 0 and variance 1.
    rates: (n,) noise-free rates as far as they are known, in the caller's unit.
    n_valid: (n,) presentations behind each score.
    generations: (n,) in which each was measured.
    gain_variance: variance that the gain of a block adds, in units of the variance of the scores.
    """

    scores: Floats
    rates: Floats
    n_valid: Floats
    generations: NDArray[np.int64]
    gain_variance: float

    def take(self, rows: NDArray[np.int64]) -> "Responses":
        """Return some of them."""
        kept = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name != "gain_variance"
        }
        return replace(self, **kept)

    def noise_shape(self, power: float) -> Floats:
        """Relative variance of the noise (n,), with mean 1."""
        size = np.abs(self.rates)
        size = size / (float(size.mean()) or 1.0)
        shape = np.maximum(size, _FLOOR) ** power
        shape = shape / self.n_valid
        relative: Floats = shape / shape.mean()
        return relative

    def common(self) -> Floats:
        """Covariance (n, n) that the overall level and the gains of the blocks make."""
        together = self.generations[:, np.newaxis] == self.generations
        shared: Floats = _CONSTANT + self.gain_variance * together
        return shared


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior mean over codes, up to a constant, in units of the SD of the scores.

    view: coordinates of codes.
    data: (n, k) weighted coordinates of the responses.
    length: l of the kernel.
    amounts: (n,) weight of each response.
    level: value where nothing is alike.
    fitted: (n,) posterior mean at the responses themselves, gains of blocks included.
    """

    view: View
    data: Features
    length: float
    amounts: Features
    level: float
    fitted: Floats

    def at(self, coordinates: Features) -> tuple[Features, Features]:
        """Posterior mean (m,) and its gradient (m, k) at coordinates (m, k) without weights."""
        points = coordinates * self.view.weights
        mean, slope = mean_and_slope(points, self.data, self.length, self.amounts)
        return mean + self.level, slope * self.view.weights


def regress(view: View, data: Features, responses: Responses, settings: Settings) -> Posterior:
    """Posterior from weighted coordinates (n, k) and their responses."""
    kernel = covariance(data @ data.T, settings.length)
    noise = settings.noise * responses.noise_shape(settings.noise_power) + _NUGGET
    kernel += responses.common()
    kernel[np.diag_indices_from(kernel)] += noise
    factor = scipy.linalg.cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
    amounts = scipy.linalg.cho_solve(factor, responses.scores, check_finite=False)
    return Posterior(
        view=view,
        data=data,
        length=settings.length,
        amounts=amounts,
        level=float(_CONSTANT * amounts.sum()),
        fitted=responses.scores - noise * amounts,
    )


def evidence(products: Features, responses: Responses, settings: Settings) -> tuple[float, float]:
    """Log marginal likelihood, up to a constant, at the best of `NOISES`; and that noise.

    The amplitude of everything is profiled out, so only the noise relative to the signal counts.

    Args:
        products: (n, n) inner products of the weighted coordinates.
        responses: their n scores.
        settings: all but the noise.

    """
    shape = responses.noise_shape(settings.noise_power)
    scale = 1 / np.sqrt(shape)
    kernel = covariance(products, settings.length) + responses.common()
    values, vectors = scipy.linalg.eigh(kernel * np.outer(scale, scale), check_finite=False)
    powers = np.square(vectors.T @ (responses.scores * scale))
    found = []
    for noise in NOISES:
        variances = np.maximum(values, 0) + noise
        amplitude = max(float((powers / variances).mean()), np.finfo(float).tiny)
        n = len(powers)
        likelihood = -0.5 * (n * np.log(amplitude) + np.log(variances).sum() + np.log(shape).sum())
        found.append((float(likelihood), noise))
    return max(found)
