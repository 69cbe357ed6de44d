"""Evolutions of a neuron that is tuned in a few dimensions, beside those of a dead channel.

In code space the two cannot be told apart: norms, steps and principal components are those of a
random walk, and less than a hundredth of the energy of the mean code is about the neuron. What is
left out: pictures; the neuron sees codes (`rig_adapters.sim.neurons` has neurons that see).
"""

from dataclasses import dataclass

import numpy as np

from controller.bench.addresses import RacePurpose, race_rng
from controller.optimizers.base import Floats
from controller.optimizers.cma.cholesky import CholeskyCmaEs
from controller.optimizers.ranking import rank_weights, share_by_rank
from sessions.analysis.null_theory import Selection, selection


@dataclass(frozen=True, eq=False)
class TunedNeuron:
    """Rate r_max exp(-|Q'x - c|² / 2 width²): a hill in the subspace of Q's columns.

    axes: Q (d, k), orthonormal; centre: c (k,).
    """

    axes: Floats
    centre: Floats
    width: float
    max_hz: float

    def rates_hz(self, codes: Floats) -> Floats:
        """Noise-free rates (n,) of codes (n, d)."""
        distance2 = np.square(codes @ self.axes - self.centre).sum(axis=1)
        rates: Floats = self.max_hz * np.exp(-distance2 / (2 * self.width**2))
        return rates

    def on_task(self, codes: Floats) -> Floats:
        """Part (n, k) of codes (n, d) that the neuron can tell."""
        part: Floats = codes @ self.axes
        return part


def tuned_neuron(code_dim: int, seed: int, n_dims: int = 20) -> TunedNeuron:
    """Draw a neuron that answers a code of zeros with 31 spikes/s, and its best with 90."""
    rng = race_rng(seed, RacePurpose.NULL_NEURON)
    axes = np.linalg.qr(rng.standard_normal((code_dim, n_dims)))[0]
    centre = rng.standard_normal(n_dims)
    centre *= 45.0 / np.linalg.norm(centre)
    return TunedNeuron(axes, centre, width=45.0 / np.sqrt(2 * np.log(90 / 31)), max_hz=90.0)


@dataclass(frozen=True, eq=False)
class Evolved:
    """One evolution.

    rates_hz: (g,) mean noise-free rate of each generation.
    means: (g, d) mean of the codes of each; last_mean: (d,) where the search stands in the end.
    sigmas: (g,) with which each was sampled, NaN for the first, which is one code of zeros.
    rho: (g,) correlation of measured and true rates within each generation, NaN for the first.
    """

    rates_hz: Floats
    means: Floats
    last_mean: Floats
    sigmas: Floats
    rho: Floats


def evolve(
    neuron: TunedNeuron,
    seed: int,
    *,
    dead: bool = False,
    n_generations: int = 75,
    window_s: float = 0.1,
) -> Evolved:
    """Evolve codes by single counts of a window; those of a dead channel have no cause.

    The channel's counts are of the rate that it has in the first generation, whatever is shown.
    """
    code_dim = len(neuron.axes)
    search = CholeskyCmaEs(np.zeros((1, code_dim), np.float32))
    rates_hz, means, sigmas, rho = [], [], [], []
    still_hz = float(neuron.rates_hz(np.zeros((1, code_dim)))[0])
    for generation in range(n_generations):
        shown = search.ask(race_rng(seed, RacePurpose.ASK, "", generation), 100 * generation)
        sigmas.append(search.summary().get("sigma", np.nan))
        true_hz = neuron.rates_hz(shown.codes.astype(np.float64))
        heard_hz = np.full_like(true_hz, still_hz) if dead else true_hz
        noise = race_rng(seed, RacePurpose.RESPONSES, "", generation)
        # Tied counts are put in a random order, as published; sharing weights shortens the steps.
        scores = (noise.poisson(heard_hz * window_s) + 1e-6 * noise.random(len(true_hz))) / window_s
        means.append(shown.codes.mean(axis=0, dtype=np.float64))
        rates_hz.append(float(true_hz.mean()))
        rho.append(_correlation(scores, true_hz))
        search.tell(shown.ids, shown.codes, scores, np.ones(len(scores), np.int64))
    return Evolved(
        rates_hz=np.array(rates_hz),
        means=np.stack(means),
        last_mean=search.state_dict()["mean"],
        sigmas=np.array(sigmas),
        rho=np.array(rho),
    )


def bridge_hz(neuron: TunedNeuron, a: Floats, b: Floats, n: int = 6) -> Floats:
    """Rates (n,) along the great circle from one mean code (d,) to another, norms going along."""
    norms = np.linalg.norm(a), np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / (norms[0] * norms[1]), -1, 1))
    share = np.linspace(0, 1, n)[:, np.newaxis]
    along = np.sin((1 - share) * angle) * a / norms[0] + np.sin(share * angle) * b / norms[1]
    norm = (1 - share) * norms[0] + share * norms[1]
    return neuron.rates_hz(along / np.sin(angle) * norm)


def cosine(a: Floats, b: Floats) -> float:
    """Cosine of two vectors (d,)."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def one_step(
    rho: float, code_dim: int, n_steps: int, seed: int, population_size: int = 40
) -> tuple[float, float]:
    """Take steps by rank, as the optimizers do, on scores that correlate by rho with one axis.

    Returns:
        Mean step along that axis, and mean squared norm of the rest, for a step size of 1.

    """
    rng = race_rng(seed, RacePurpose.NULL_NEURON)
    weights, every = rank_weights(population_size // 2), np.ones(population_size, bool)
    along, rest2 = 0.0, 0.0
    for _ in range(n_steps):
        true = rng.standard_normal(population_size)
        scores = rho * true + np.sqrt(1 - rho**2) * rng.standard_normal(population_size)
        shares = share_by_rank(scores, every, weights)
        along += float(shares @ true) / n_steps
        if code_dim > 1:
            rest = shares @ rng.standard_normal((population_size, code_dim - 1))
            rest2 += float(rest @ rest) / n_steps
    return along, rest2


def null_walk_norm2(sigma: float, n_steps: int, code_dim: int, seed: int) -> Floats:
    """Squared norms (n_steps,) of a mean that rank weights move on scores of pure noise."""
    rng = race_rng(seed, RacePurpose.NULL_NEURON)
    weights, every, mean = rank_weights(20), np.ones(40, bool), np.zeros(code_dim)
    norms2 = []
    for _ in range(n_steps):
        shares = share_by_rank(rng.standard_normal(40), every, weights)
        mean = mean + sigma * (shares @ rng.standard_normal((40, code_dim)))
        norms2.append(float(mean @ mean))
    return np.array(norms2)


def usual_selection(population_size: int) -> Selection:
    """Return what the usual weights do: logarithmic ones for the better half."""
    return selection(rank_weights(population_size // 2), population_size)


def _correlation(a: Floats, b: Floats) -> float:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])
