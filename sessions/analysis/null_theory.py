"""What an evolution does without any signal: step, drift, principal components, in closed form.

A rank-weighted evolution strategy moves its mean code by the weighted mean of the better half of
its samples. In `code_dim` dimensions nearly all of that move is noise, so the norm of the mean
code grows, its path is smooth, and its first principal components explain most of it, whether or
not a neuron answers. The functions here say how much of each is to be expected of nothing.

Symbols: lambda codes in a generation, weights w_i by rank (best first, sum 1), step size sigma, D
dimensions, rho the correlation of measured and true scores within a generation. The neuron is
taken to be linear over one generation. What is left out: reading logs, running optimizers.

Sources: Arnold 2006 (weighted multirecombination), David & Nagaraja 2003 (order statistics),
Hansen & Ostermeier 2001 (mu_eff, step size), Antognini & Sohl-Dickstein 2018 (components of random
walks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.records import Floats

_LIMIT_Z = 12.0
_NODES = 6001
"""Of the trapezoidal rule, which converges faster than any power on such integrands; good for
generations of up to some 10,000 codes."""


def expected_order_statistics(n: int) -> Floats:
    """E[Z_(i)] of n standard normal values (n,), largest first.

    With U_(i) ~ Beta(n + 1 - i, i): E[Z_(i)] = ∫ Phi^-1(u) Beta(u; n + 1 - i, i) du, here over
    z = Phi^-1(u) (David & Nagaraja 2003).
    """
    z = np.linspace(-_LIMIT_Z, _LIMIT_Z, _NODES)
    below, above = scipy.special.log_ndtr(z), scipy.special.log_ndtr(-z)
    log_phi = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    expected = np.zeros(n)
    for i in range(1, n + 1):
        a, b = n + 1 - i, i
        density = np.exp((a - 1) * below + (b - 1) * above + log_phi - scipy.special.betaln(a, b))
        expected[i - 1] = (z * density).sum() * (z[1] - z[0])
    return expected


@dataclass(frozen=True)
class Selection:
    """What rank weights do to samples of a standard normal distribution.

    m: mean step along the gradient when scores are exact, sum of w_i E[Z_(i)], in units of sigma.
    s: variance of the step along any other axis, sum of w_i², in units of sigma².
    """

    m: float
    s: float

    @property
    def mu_eff(self) -> float:
        """Variance-effective number of parents, 1 / s."""
        return 1.0 / self.s

    def on_task_step(self, sigma: float, rho: float) -> float:
        """Mean step along the gradient, rho sigma m."""
        return rho * sigma * self.m

    def off_task_norm2(self, sigma: float, code_dim: int) -> float:
        """Mean squared norm of the rest of a step, sigma² s (D - 1)."""
        return sigma**2 * self.s * (code_dim - 1)

    def alignment(self, rho: float, code_dim: int) -> float:
        """Cosine of a step with the gradient, rho m / sqrt(rho² m² + s (D - 1))."""
        along = rho * self.m
        return float(along / np.sqrt(along**2 + self.s * (code_dim - 1)))

    def null_norm2(self, sigmas: Floats, code_dim: int) -> Floats:
        """Mean squared distance (g,) walked without a signal after steps of `sigmas` (g,).

        s D sum of sigma_t²: steps of a random walk add up by their squares.
        """
        walked: Floats = self.s * code_dim * np.cumsum(np.square(sigmas))
        return walked


def selection(weights: Floats, population_size: int) -> Selection:
    """Return what weights (k,) for ranks 1 … k of `population_size` codes do."""
    expected = expected_order_statistics(population_size)[: weights.size]
    return Selection(float(weights @ expected), float(np.square(weights).sum()))


def null_norm_sd(norm: float, code_dim: int) -> float:
    """Return by how much norms of random walks of this mean norm scatter, norm / sqrt(2 D)."""
    return norm / float(np.sqrt(2 * code_dim))


def random_walk_shares(n_points: int, n_components: int) -> Floats:
    """Parts of the variance (k,) of a random walk of n points along its principal components.

    rho_k = 1 / (2 (1 - cos(pi k / n))) / ((n² - 1) / 6); for many points 6 / (pi² k²), which is
    .608, .152, .068. Components beyond n - 1 have none.
    """
    k = np.arange(1, n_components + 1)
    inverse = 2.0 * (1.0 - np.cos(np.pi * np.minimum(k, n_points) / n_points))
    shares: Floats = np.where(k < n_points, 6.0 / inverse / (n_points**2 - 1.0), 0.0)
    return shares


def endless_walk_shares(n_components: int) -> Floats:
    """Parts of the variance (k,) of a random walk of very many points: 6 / (pi² k²)."""
    k = np.arange(1.0, n_components + 1.0)
    shares: Floats = 6.0 / np.square(np.pi * k)
    return shares


@dataclass(frozen=True)
class StepSizeControl:
    """Cumulative step-size adaptation: what its random numbers come down to.

    c_sigma, damping: its learning rate and damping; chi: the length that it expects of a path.
    """

    c_sigma: float
    damping: float
    chi: float

    def null_sigmas(
        self, sigma0: float, n_steps: int, code_dim: int, n_runs: int, rng: np.random.Generator
    ) -> Floats:
        """Draw step sizes (n_runs, n_steps + 1) of searches without a signal, `sigma0` first.

        Exact, without any codes: of the path p, only its squared length matters, and
        |p'|² = (1-c)² |p|² + 2 (1-c) g |p| a + g² (a² + b), with g² = c (2-c), a ~ N(0, 1) the
        part of the new step along the path and b ~ chi² of D - 1 the rest.
        """
        c = self.c_sigma
        gain = np.sqrt(c * (2.0 - c))
        length2: Floats = np.zeros(n_runs)
        log_sigma: Floats = np.full(n_runs, np.log(sigma0), dtype=np.float64)
        drawn = [np.exp(log_sigma)]
        for _ in range(n_steps):
            along, rest = rng.standard_normal(n_runs), rng.chisquare(code_dim - 1, n_runs)
            across = 2.0 * (1.0 - c) * gain * np.sqrt(length2) * along
            length2 = (1.0 - c) ** 2 * length2 + across + gain**2 * (along**2 + rest)
            log_sigma += c / self.damping * (np.sqrt(length2) / self.chi - 1.0)
            drawn.append(np.exp(log_sigma))
        return np.stack(drawn, axis=1)
