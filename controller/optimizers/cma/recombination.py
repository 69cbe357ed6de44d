"""Weights and learning rates of CMA-ES, as in pycma 4 (Hansen 2016, arXiv 1604.00772).

From dimension and population size follow all constants; from the scores of one generation follows
how much each code counts. What is left out: the searches that use them.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from controller.optimizers.base import Floats
from controller.optimizers.guard import Told
from controller.optimizers.ranking import effective_parents, share_by_rank


@dataclass(frozen=True)
class CmaConstants:
    """Numbers that follow from the dimension d and the population size lambda.

    mu_eff: variance-effective number of parents when all scores are there.
    c_c, c_sigma: learning rates of the covariance path and the step-size path.
    c_1, c_mu: learning rates of the covariance, for its path and for the codes.
    damping: slows the change of sigma under cumulative step-size adaptation.
    tpa_damping: the same under two-point adaptation.
    chi: expected length of a standard normal vector.
    refresh_gap: tells between two refreshes of the covariance that codes are drawn from.
    """

    mu_eff: float
    c_c: float
    c_sigma: float
    c_1: float
    c_mu: float
    damping: float
    tpa_damping: float
    chi: float
    refresh_gap: float


def full_constants(d: int, population_size: int) -> CmaConstants:
    """Constants of CMA-ES with a full covariance, for codes of `d` genes."""
    mu_eff = effective_parents(_raw_weights(population_size)[0])
    c_1 = min(1.0, population_size / 6.0) * 2.0 / ((d + 1.3) ** 2 + mu_eff)
    c_mu = 2.0 * (mu_eff - 1.75 + 1.0 / mu_eff) / ((d + 2.0) ** 2 + mu_eff)
    c_mu = min(1.0 - c_1, c_mu)
    return CmaConstants(
        mu_eff=mu_eff,
        c_c=(4.0 + mu_eff / d) / (d + 4.0 + 2.0 * mu_eff / d),
        c_1=c_1,
        c_mu=c_mu,
        refresh_gap=1.0 / (c_1 + c_mu + 1e-23) / d / 10.0,
        **_step_size_constants(d, population_size, mu_eff),
    )


def diagonal_constants(d: int, population_size: int) -> CmaConstants:
    """Constants of CMA-ES with a diagonal covariance (pycma's `…_sep`), for codes of `d` genes."""
    mu_eff = effective_parents(_raw_weights(population_size)[0])
    c_1 = 1.0 / (d + 2.0 * d**0.5 + mu_eff / d)
    c_mu = (mu_eff - 1.75 + 1.0 / mu_eff) / (d + 4.0 * d**0.5 + mu_eff / 2.0)
    return CmaConstants(
        mu_eff=mu_eff,
        c_c=(1.0 + 1.0 / d + mu_eff / d) / (d**0.5 + 1.0 / d + 2.0 * mu_eff / d),
        c_1=c_1,
        c_mu=min(1.0 - c_1, c_mu),
        refresh_gap=0.0,
        **_step_size_constants(d, population_size, mu_eff),
    )


def expected_length(d: int) -> float:
    """Mean Euclidean norm of a standard normal vector, √2 Γ((d + 1) / 2) / Γ(d / 2)."""
    return float(
        np.sqrt(2.0) * np.exp(scipy.special.gammaln((d + 1) / 2.0) - scipy.special.gammaln(d / 2.0))
    )


@dataclass(frozen=True, eq=False)
class Recombination:
    """What one generation's order of scores makes of its valid codes.

    mean_weights: (n,) weights of the mean, none negative, sum 1.
    weights: (n,) weights of the covariance, negative for the worse half.
    mu_eff: variance-effective number of parents.
    mean_rate: share of the way that the mean goes, 1 unless scores are missing.
    """

    mean_weights: Floats
    weights: Floats
    mu_eff: float
    mean_rate: float


def recombination(told: Told, k: CmaConstants, bounded_dim: int | None) -> Recombination:
    """Weigh the valid codes of a generation; at least two are needed.

    Tied codes share the mean of the weights of their ranks, where pycma would let the order of the
    rows decide. With missing scores the weights are those of a population of the valid ones; a mean
    of fewer parents is noisier, so it goes a shorter way, in proportion to mu_eff, and gaps never
    make the search jump. Rows of the result are the valid rows.

    Args:
        told: the generation.
        k: constants for the whole population.
        bounded_dim: dimension, where negative weights must keep a full covariance positive.

    """
    n = int(told.valid.sum())
    positive, negative = _raw_weights(n)
    signed = positive + _scaled_negative(positive, negative, k, bounded_dim)
    scores, valid = told.scores[told.valid], np.ones(n, dtype=np.bool_)
    mean_weights = share_by_rank(scores, valid, positive)
    return Recombination(
        mean_weights=mean_weights,
        weights=share_by_rank(scores, valid, signed),
        mu_eff=effective_parents(mean_weights),
        mean_rate=min(1.0, effective_parents(positive) / k.mu_eff),
    )


def parent_weights(population_size: int) -> Floats:
    """Weights of the mean, (population_size,), when all scores are there."""
    return _raw_weights(population_size)[0]


def _raw_weights(n: int) -> tuple[Floats, Floats]:
    """Positive and negative part of ln((n + 1) / 2) - ln(i), i = 1 … n; sums 1 and -1."""
    raw = np.log((n + 1) / 2.0) - np.log(np.arange(1, n + 1))
    positive, negative = np.maximum(raw, 0.0), np.minimum(raw, 0.0)
    return positive / positive.sum(), negative / -negative.sum()


def _scaled_negative(
    positive: Floats, negative: Floats, k: CmaConstants, bounded_dim: int | None
) -> Floats:
    """Scale the negative weights (Hansen 2016, equations 49 to 53).

    First so that the covariance does not decay, then so that neither their number of effective
    codes nor, in a full covariance, positive definiteness sets a smaller sum.
    """
    if k.c_mu == 0.0:
        return 0.0 * negative
    total = 1.0 + k.c_1 / k.c_mu
    if bounded_dim is not None:
        total = min(total, (1.0 - k.c_1 - k.c_mu) / k.c_mu / bounded_dim)
    mu_eff = effective_parents(positive)
    return negative * min(total, 1.0 + 2.0 * effective_parents(negative) / (mu_eff + 2.0))


def _step_size_constants(d: int, population_size: int, mu_eff: float) -> dict[str, float]:
    c_sigma = min(0.5, (mu_eff + 2.0) / (d + mu_eff + 3.0))
    many = max(1.0, 3.0 * (1.0 - 0.5 ** (d / 9.0)))
    excess = max(0.0, many * ((mu_eff - 1.0) / (d + 1.0)) ** 0.5 - 1.0)
    return {
        "c_sigma": c_sigma,
        "damping": 1.0 + 2.0 * excess + c_sigma,
        "tpa_damping": float(0.7 + 2.0 * np.log(d) + 2.0 * np.log(max(1, population_size - d))),
        "chi": expected_length(d),
    }
