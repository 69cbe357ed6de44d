"""What a search does without a signal: every published figure, measured again, with a verdict each.

    python benchmarks/null_models.py [FIGURE.png]

takes half a minute. With a file name it draws the figure of docs/explanation/null_models.md. Small
versions of all of it are in the tests. The control on pure noise has a command of its own,
`neuroloop bench noise-driven`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np

from controller.bench.null_checks import (
    Evolved,
    TunedNeuron,
    bridge_hz,
    cosine,
    evolve,
    null_walk_norm2,
    one_step,
    tuned_neuron,
    usual_selection,
)
from sessions.analysis.null_theory import random_walk_shares
from sessions.analysis.trajectory import principal_components, step_cosines

CODE_DIM, N_RUNS, N_DEAD = 4096, 3, 12
TABLE = {
    20: (1.215, 0.168, 5.9, 0.046, 0.131),
    30: (1.255, 0.116, 8.6, 0.058, 0.163),
    40: (1.279, 0.0884, 11.3, 0.067, 0.189),
    80: (1.320, 0.0459, 21.8, 0.096, 0.266),
}
"""m, S, mu_eff, cosine in 4096 and in 500 dimensions, by population size."""


@dataclass(frozen=True)
class Line:
    """A figure beside what it should be, and the tolerance."""

    what: str
    measured: float
    expected: float
    within: float

    def __str__(self) -> str:
        verdict = "agrees" if abs(self.measured - self.expected) <= self.within else "DIFFERS"
        return f"{self.what:<58}{self.measured:>11.4g}{self.expected:>11.4g}   {verdict}"


def table() -> Iterator[Line]:
    """Compare theory with the published table."""
    for size, (m, s, mu_eff, cos, cos_500) in TABLE.items():
        found = usual_selection(size)
        yield Line(f"lambda {size}: m", found.m, m, 0.01 * m)
        yield Line(f"lambda {size}: S", found.s, s, 0.01 * s)
        yield Line(f"lambda {size}: mu_eff", found.mu_eff, mu_eff, 0.01 * mu_eff)
        yield Line(f"lambda {size}: cosine, 4096 dimensions", found.alignment(1, 4096), cos, 0.001)
        yield Line(f"lambda {size}: cosine, 500", found.alignment(1, 500), cos_500, 0.001)


def steps() -> Iterator[Line]:
    """Compare steps by the optimizers' own weights with theory."""
    found = usual_selection(40)
    for rho in (1.0, 0.7, 0.4, 0.0):
        along, _ = one_step(rho, 1, 40_000, seed=1)
        _, rest2 = one_step(rho, CODE_DIM, 300, seed=2)
        told = found.on_task_step(1, rho), found.off_task_norm2(1, CODE_DIM)
        yield Line(f"rho {rho}: step along the gradient", along, told[0], 0.013)
        yield Line(f"rho {rho}: squared norm of the rest", rest2, told[1], 0.01 * told[1])


def walks() -> Iterator[Line]:
    """Compare the walk of a mean at constant step size with theory."""
    norm2 = np.mean([null_walk_norm2(3.0, 100, CODE_DIM, seed) for seed in range(5)], axis=0)
    expected = usual_selection(40).null_norm2(np.full(100, 3.0), CODE_DIM)
    for n in (10, 50, 100):
        told = float(expected[n - 1])
        yield Line(f"null walk, {n} steps: norm²", float(norm2[n - 1]), told, 0.012 * told)


def evolutions(neuron: TunedNeuron, tuned: list[Evolved], dead: list[Evolved]) -> Iterator[Line]:
    """Compare evolutions of a tuned neuron, and searches on a dead channel, with nothing."""
    selected = usual_selection(40)
    yield Line("tuned: rate at first", _mean(e.rates_hz[0] for e in tuned), 31, 0.5)
    yield Line("tuned: rate at last", _mean(e.rates_hz[-1] for e in tuned), 71, 5)
    ends = np.array([e.rates_hz[-1] for e in dead])
    yield Line("dead: rate at last (24 in one run)", float(ends.mean()), 24, 2 * ends.std(ddof=1))
    on = [float(np.linalg.norm(neuron.on_task(e.last_mean))) for e in tuned]
    norms = [float(np.linalg.norm(e.last_mean)) for e in tuned]
    yield Line("tuned: norm on task", _mean(on), 38, 5)
    energy = [100 * a**2 / b**2 for a, b in zip(on, norms, strict=True)]
    yield Line("tuned: energy on task, percent (below 1)", _mean(energy), 0.5, 0.5)
    yield Line("tuned: norm", _mean(norms), 398, 10)
    dead_norms = [float(np.linalg.norm(e.last_mean)) for e in dead]
    yield Line("dead: norm", _mean(dead_norms), 398, 10)
    for e, norm, along in zip(tuned, norms, on, strict=True):
        drift = float(np.sqrt(selected.null_norm2(e.sigmas[1:], CODE_DIM)[-1]))
        off = float(np.sqrt(norm**2 - along**2))
        yield Line("tuned: norm off task, beside its null drift", off, drift, 0.025 * drift)
    for name, runs in (("tuned", tuned), ("dead", dead)):
        shares = np.mean([principal_components(e.means[1:])[1][:3] for e in runs], axis=0)
        for k, share in enumerate(random_walk_shares(74, 3)):
            yield Line(f"{name}: share of component {k + 1}", float(shares[k]), float(share), 0.01)
        bends = _mean(float(step_cosines(e.means[1:]).mean()) for e in runs)
        yield Line(f"{name}: cosine of consecutive steps", bends, 0, 0.005)
    yield Line(
        "tuned: rho, early to late", _mean(float(np.nanmean(e.rho)) for e in tuned), 0.16, 0.03
    )


def bridge(neuron: TunedNeuron, a: Evolved, b: Evolved) -> Iterator[Line]:
    """Compare two evolutions of one neuron, and look for a valley between where they end."""
    tasks = neuron.on_task(a.last_mean), neuron.on_task(b.last_mean)
    yield Line("replicates: cosine of the final means", cosine(a.last_mean, b.last_mean), 0, 0.03)
    yield Line("replicates: the same, on task", cosine(*tasks), 0.76, 0.1)
    rates = bridge_hz(neuron, a.last_mean, b.last_mean)
    lowest = float(rates.min() / min(rates[0], rates[-1]))
    yield Line("replicates: lowest rate between over the lower end", lowest, 1.0, 0.0)
    print("rates from one to the other:", ", ".join(f"{rate:.1f}" for rate in rates))


def draw(path: str, tuned: list[Evolved], dead: list[Evolved]) -> None:
    """Draw what differs, and what does not."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(13, 3.1), layout="constrained")
    rate, norm, share, path_of = axes
    selected, x = usual_selection(40), np.arange(1, 75)
    for runs, colour, name in ((tuned, "C3", "tuned neuron"), (dead, "0.45", "dead channel")):
        for k, e in enumerate(runs):
            told = name if k == 0 else None
            rate.plot(x, e.rates_hz[1:], colour, lw=1.2, label=told)
            norm.plot(x, np.linalg.norm(e.means[1:], axis=1), colour, lw=1.2, label=told)
            projected = principal_components(e.means[1:])[0][:, :2]
            projected = projected * np.sign(projected[0])
            path_of.plot(*projected.T, colour, lw=1.2)
        shares = np.mean([principal_components(e.means[1:])[1][:6] for e in runs], axis=0)
        size = 4 if runs is tuned else 9
        share.plot(np.arange(1, 7), shares, "o-", color=colour, ms=size, mfc="none", label=name)
    drift = np.sqrt(selected.null_norm2(dead[0].sigmas[1:], CODE_DIM))
    norm.plot(x[1:], drift[:-1], "k:", lw=2, label="random walk of these steps")
    walk = random_walk_shares(74, 6)
    share.plot(np.arange(1, 7), walk, "k+", ms=11, mew=1.3, label="random walk")
    rate.set(title="rate: differs", xlabel="generation", ylabel="spikes/s", ylim=(0, None))
    norm.set(title="norm of the mean code: does not", xlabel="generation")
    share.set(title="variance along components: does not", xlabel="component", ylim=(0, 0.65))
    path_of.set(
        title="path in components 1 and 2: does not", xlabel="component 1", ylabel="component 2"
    )
    for one in (rate, norm, share):
        one.legend(frameon=False, fontsize=8)
    for one in axes:
        one.title.set_fontsize(10)
        one.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print every line, and draw where a file is named."""
    neuron = tuned_neuron(CODE_DIM, 0)
    tuned = [evolve(neuron, seed) for seed in range(N_RUNS)]
    dead = [evolve(neuron, seed, dead=True) for seed in range(10, 10 + N_DEAD)]
    print(f"{'':<58}{'measured':>11}{'expected':>11}")
    for lines in (
        table(),
        steps(),
        walks(),
        evolutions(neuron, tuned, dead),
        bridge(neuron, tuned[0], tuned[2]),
    ):
        for line in lines:
            print(line)
    if len(sys.argv) > 1:
        draw(sys.argv[1], tuned, dead[:N_RUNS])


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


if __name__ == "__main__":
    main()
