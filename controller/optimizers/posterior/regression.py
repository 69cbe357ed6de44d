"""The posterior of a neuron's response over codes, by Gaussian-process regression.

The noise of spike counts grows with the rate, so each response is weighted by the variance that
its rate makes likely: rate to a power that the evidence chooses (0 constant, 1 Poisson, 2
proportional). A block's gain, which drifts, is a random effect of its own. Codes are known before
their scores, so nearly all of the work is done before those come (`Prepared`); what is left is one
product. What is left out: where to go, and which settings (`evidence`).
"""

from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.posterior.kernel import Features, covariance, sizes
from controller.optimizers.posterior.surface import Surface

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


@dataclass(frozen=True, eq=False)
class Responses:
    """What was measured, with what its noise depends on.

    scores: (n,) in the caller's unit.
    rates: (n,) noise-free scores as far as they are known.
    trust: (n,) presentations behind each score, fewer where it is in doubt.
    generations: (n,) in which each was measured.
    gain_cv: coefficient of variation of the gain from block to block.
    """

    scores: Floats
    rates: Floats
    trust: Floats
    generations: NDArray[np.int64]
    gain_cv: float

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Responses":
        """Return some of them."""
        return Responses(
            self.scores[rows],
            self.rates[rows],
            self.trust[rows],
            self.generations[rows],
            self.gain_cv,
        )

    @property
    def level(self) -> float:
        """Mean score."""
        return float(self.scores.mean())

    @property
    def scale(self) -> float:
        """Standard deviation of the scores; 1 where they are all the same."""
        return float(self.scores.std()) or 1.0

    @property
    def standard_scores(self) -> Floats:
        """Scores (n,) with mean 0 and variance 1."""
        standard: Floats = (self.scores - self.level) / self.scale
        return standard

    @property
    def gain_variance(self) -> float:
        """Variance that gains of blocks add, in units of the variance of the scores."""
        return float((self.gain_cv * np.abs(self.rates).mean() / self.scale) ** 2)

    def noise_shape(self, power: float) -> Floats:
        """Relative variance of the noise (n,), with mean 1."""
        shape = self._by_rate(self.rates, power) / self.trust
        relative: Floats = shape / shape.mean()
        return relative

    def noise_of_one(self, rates: Floats, power: float) -> Floats:
        """Relative variance (m,) of single presentations at `rates` (m,), on the same scale."""
        mean = (self._by_rate(self.rates, power) / self.trust).mean()
        relative: Floats = self._by_rate(rates, power) / mean
        return relative

    def _by_rate(self, rates: Floats, power: float) -> Floats:
        size = np.abs(rates) / (float(np.abs(self.rates).mean()) or 1.0)
        grown: Floats = np.maximum(size, _FLOOR) ** power
        return grown

    def common(self) -> Floats:
        """Covariance (n, n) that the overall level and the gains of the blocks make."""
        together = self.generations[:, np.newaxis] == self.generations
        shared: Floats = _CONSTANT + self.gain_variance * together
        return shared


@dataclass(frozen=True, eq=False)
class Learned:
    """The posterior after a generation.

    surface: its mean over codes, up to a constant, in units of the SD of the scores.
    rates: (n + m,) posterior mean at the responses themselves, in the caller's unit, gains of
        blocks included: those known before, then those of this generation that had a score.
    """

    surface: Surface
    rates: Floats


@dataclass(frozen=True, eq=False)
class Prepared:
    """A regression on n known responses that only waits for the scores of m more codes.

    known: the n responses.
    settings: of the regression.
    products: (p, p) inner products of the weighted coordinates: of the n, of the m, and of points
        without a response.
    factor: (n, n) lower Cholesky factor of the covariance of the known scores.
    white: (n,) known scores, whitened by it.
    cross: (n, m) covariance of known and new responses, whitened by it.
    left: (m, m) covariance of the new responses that is left after the known ones, without noise.
    expected: (m,) standardised scores to expect.
    """

    known: Responses
    settings: Settings
    products: Features
    factor: Features
    white: Floats
    cross: Features
    left: Features
    expected: Floats

    def expected_scores(self) -> Floats:
        """Scores (m,) to expect, in the caller's unit."""
        scores: Floats = self.known.level + self.known.scale * self.expected
        return scores

    def learn(self, scores: Floats, trust: Floats) -> Learned:
        """Finish the regression.

        Args:
            scores: (m,) in the caller's unit; NaN where missing.
            trust: (m,) presentations behind each, fewer where it is in doubt.

        """
        heard = ~np.isnan(scores)
        n, power = len(self.known), self.settings.noise_power
        one = self.known.noise_of_one(self.expected_scores()[heard], power)
        noise = self.settings.noise * one / trust[heard] + _NUGGET
        standard = (scores[heard] - self.known.level) / self.known.scale
        surprise = standard - self.expected[heard]
        new = np.linalg.solve(self.left[np.ix_(heard, heard)] + np.diag(noise), surprise)
        old = _solve(self.factor, self.white - self.cross[:, heard] @ new, transposed=True)
        amounts = np.zeros(len(self.products))
        amounts[:n] = old
        amounts[n : n + len(heard)][heard] = new
        residuals = np.concatenate([_noise(self.known, self.settings) * old, noise * new])
        told = np.concatenate([self.known.scores, scores[heard]])
        return Learned(
            Surface(self.products, amounts, self.settings.length),
            told - self.known.scale * residuals,
        )


def prepare(known: Responses, n_new: int, products: Features, settings: Settings) -> Prepared:
    """Do everything that does not need the new scores.

    Args:
        known: n responses, one at least.
        n_new: m codes whose scores will come; all in the same block.
        products: (p, p) as in `Prepared`.
        settings: of the regression.

    """
    n = len(known)
    size = sizes(np.diagonal(products)[: n + n_new])
    kernel = covariance(products[: n + n_new, : n + n_new], size, size, settings.length)
    kernel += _CONSTANT
    kernel[:n, :n] += known.common() - _CONSTANT
    kernel[n:, n:] += known.gain_variance
    kernel[np.arange(n), np.arange(n)] += _noise(known, settings)
    factor = scipy.linalg.cholesky(kernel[:n, :n], lower=True, check_finite=False)
    white, cross = _solve(factor, known.standard_scores), _solve(factor, kernel[:n, n:])
    left = kernel[n:, n:] - cross.T @ cross
    return Prepared(known, settings, products, factor, white, cross, left, cross.T @ white)


def first_lesson(told: Responses, products: Features, settings: Settings) -> Learned:
    """Regress on the first generation, before which nothing was known."""
    prepared = prepare(told, 0, products, settings)
    nothing = np.empty(0)
    return prepared.learn(nothing, nothing)


def evidence(
    products: Features, responses: Responses, settings: Settings, noises: tuple[float, ...]
) -> tuple[float, float]:
    """Log marginal likelihood, up to a constant, at the best of `noises`; and that noise.

    Rasmussen & Williams 2006, eq. 2.30 and 5.8, with the amplitude of everything in closed form, so
    that only the noise relative to the signal counts.

    Args:
        products: (n, n) inner products of the weighted coordinates.
        responses: their n scores.
        settings: all but the noise.
        noises: to choose from.

    """
    shape = responses.noise_shape(settings.noise_power)
    scale, size = 1 / np.sqrt(shape), sizes(np.diagonal(products))
    kernel = covariance(products, size, size, settings.length) + responses.common()
    values, vectors = scipy.linalg.eigh(kernel * np.outer(scale, scale), check_finite=False)
    powers = np.square(vectors.T @ (responses.standard_scores * scale))
    found = []
    for noise in noises:
        variances = np.maximum(values, 0) + noise
        amplitude = max(float((powers / variances).mean()), np.finfo(float).tiny)
        n = len(powers)
        likelihood = -0.5 * (n * np.log(amplitude) + np.log(variances).sum() + np.log(shape).sum())
        found.append((float(likelihood), noise))
    return max(found)


def _noise(known: Responses, settings: Settings) -> Floats:
    """Variance of the noise (n,) of known responses."""
    noise: Floats = settings.noise * known.noise_shape(settings.noise_power) + _NUGGET
    return noise


def _solve(factor: Features, right: Features, *, transposed: bool = False) -> Features:
    solved: Features = scipy.linalg.solve_triangular(
        factor, right, lower=True, trans=1 if transposed else 0, check_finite=False
    )
    return solved
