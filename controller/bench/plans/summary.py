"""What the table of a benchmark says: means, ratios, orders, beside what was published.

Scores are normalised by what anybody reached on the neuron (`controller.bench.statistics`); those
of controls, which were told shuffled scores, count in no normaliser and in no order. Intervals are
resampled by neuron. What is left out: printing (`controller.cli.bench_plan_tables`), drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.bench import statistics
from controller.bench.errors import BenchError
from controller.bench.plans.published import CLAIMS, POOLED, Claim
from controller.bench.plans.results_file import Row
from controller.bench.plans.tables import PlanHead
from controller.bench.significance import Anova
from controller.optimizers.base import Floats


@dataclass(frozen=True)
class Verdict:
    """A published order here: the comparison, and whether it holds.

    holds: "yes" or "no" where the 95 % interval of the ratio leaves out 1, else "not told apart".
    """

    claim: Claim
    found: statistics.Comparison
    holds: str


@dataclass(frozen=True)
class Walk:
    """How the mean code of an optimizer moved, means over runs (NaN where it has no such figure).

    A random walk has norm2_r2 near 1 and shares of .608, .152 and .068, whatever the neuron does.
    """

    optimizer: str
    n_runs: int
    norm2_r2: float
    shares: tuple[float, float, float]
    step_cosine: float
    code_norm: float
    gain: float
    """Noise-free response to the last two generations over that to the first."""


@dataclass(frozen=True)
class Summary:
    """What a benchmark says so far.

    optimizers: by their pooled mean, best first; controls after them in `walks` alone.
    scores: mean and SEM by (optimizer, noise); noise "all" is pooled.
    by_group: the same by (optimizer, group, noise).
    against: each optimizer against the reference, by noise.
    orders: the order of means under each noise, and how surely it would be found again.
    silent: neurons that no image ever drove. errors: sentences on runs that ended early.
    curves: (g,) mean normalised largest clean response so far, by (optimizer, noise).
    """

    optimizers: tuple[str, ...]
    noise: tuple[str, ...]
    groups: tuple[str, ...]
    n_neurons: int
    n_repeats: int
    n_runs: int
    scores: dict[tuple[str, str], statistics.Summary]
    by_group: dict[tuple[str, str, str], statistics.Summary]
    against: dict[tuple[str, str], statistics.Comparison]
    orders: dict[str, statistics.Ordering]
    verdicts: tuple[Verdict, ...]
    walks: tuple[Walk, ...]
    anova: Anova | None
    silent: tuple[str, ...]
    errors: tuple[str, ...]
    curves: dict[tuple[str, str], Floats]


def summarise(rows: Sequence[Row], head: PlanHead) -> Summary:
    """Sum up the rows that are there.

    Raises:
        BenchError: there is none that ran to its end.

    """
    whole = [row for row in rows if not row.result.error and row.run.control == "none"]
    if not whole:
        raise BenchError("no run has ended yet")
    runs, silent = statistics.normalised([_scored(row, head.score) for row in whole])
    pooled = statistics.summaries(runs, statistics.optimizer_of)
    names = sorted((str(name) for (name,) in pooled), key=lambda name: -pooled[name,].mean)
    levels = tuple(noise for noise in head.noise if any(run.noise == noise for run in runs))
    by_noise = statistics.summaries(runs, statistics.optimizer_of, statistics.noise_of)
    by_group = statistics.summaries(
        runs, statistics.optimizer_of, statistics.kind_of, statistics.noise_of
    )
    scores = {(name, POOLED): pooled[name,] for name in names}
    scores |= {(str(name), str(noise)): found for (name, noise), found in by_noise.items()}
    return Summary(
        optimizers=tuple(names),
        noise=levels,
        groups=tuple(dict.fromkeys(run.kind for run in runs)),
        n_neurons=len({run.neuron for run in runs}),
        n_repeats=len({run.repeat for run in runs}),
        n_runs=len(runs),
        scores=scores,
        by_group={(str(o), str(g), str(n)): found for (o, g, n), found in by_group.items()},
        against=_against(runs, names, head.reference, levels),
        orders=_orders(runs, levels),
        verdicts=_verdicts(runs),
        walks=_walks(rows),
        anova=_anova(runs, names, levels),
        silent=silent,
        errors=tuple(dict.fromkeys(_failure(row) for row in rows if row.result.error)),
        curves=_curves(whole),
    )


def neuron_of(row: Row) -> str:
    """Return the name of a neuron, and through which generator it is shown images."""
    return f"{row.run.generator}/{row.run.neuron}"


def _scored(row: Row, score: str) -> statistics.Run:
    run = row.run
    value = float(getattr(row.result, score))
    return statistics.Run(neuron_of(row), run.group, run.noise, run.repeat, run.optimizer, value)


def _of(runs: Sequence[statistics.Run], noise: str) -> list[statistics.Run]:
    return [run for run in runs if noise in (POOLED, run.noise)]


def _rng() -> np.random.Generator:
    # The same resamplings for every comparison, today and tomorrow.
    return np.random.default_rng(0)


def _against(
    runs: Sequence[statistics.Run], names: Sequence[str], reference: str, levels: Sequence[str]
) -> dict[tuple[str, str], statistics.Comparison]:
    found = {}
    for noise in (POOLED, *levels):
        for name in names:
            if name != reference and _can_compare(_of(runs, noise), (name, reference)):
                compared = statistics.compare(_of(runs, noise), name, reference, _rng())
                found[name, noise] = compared
    return found


def _orders(
    runs: Sequence[statistics.Run], levels: Sequence[str]
) -> dict[str, statistics.Ordering]:
    found = {}
    for noise in (POOLED, *levels):
        raced = tuple(dict.fromkeys(run.optimizer for run in _of(runs, noise)))
        if len(raced) > 1 and _can_compare(_of(runs, noise), raced):
            found[noise] = statistics.ordering(_of(runs, noise), _rng())
    return found


def _verdicts(runs: Sequence[statistics.Run]) -> tuple[Verdict, ...]:
    verdicts = []
    for claim in CLAIMS:
        mine = _of(runs, claim.noise)
        if not _can_compare(mine, (claim.better, claim.worse)):
            continue
        found = statistics.compare(mine, claim.better, claim.worse, _rng())
        holds = "not told apart"
        if found.ratio.low > 1:
            holds = "yes"
        elif found.ratio.high < 1:
            holds = "no"
        verdicts.append(Verdict(claim, found, holds))
    return tuple(verdicts)


def _can_compare(runs: Sequence[statistics.Run], names: Sequence[str]) -> bool:
    """Whether there are two pairs at least that all of them have run."""
    places = [
        {(run.neuron, run.noise, run.repeat) for run in runs if run.optimizer == name}
        for name in names
    ]
    return len(set.intersection(*places)) > 1


def _anova(
    runs: Sequence[statistics.Run], names: Sequence[str], levels: Sequence[str]
) -> Anova | None:
    cells = {(run.optimizer, run.noise) for run in runs}
    complete = len(cells) == len(names) * len(levels) and len(runs) > len(cells)
    if not complete or min(len(names), len(levels)) < 2:
        return None
    return statistics.anova_by_noise(runs)


def _walks(rows: Sequence[Row]) -> tuple[Walk, ...]:
    walks = []
    for name in dict.fromkeys(row.run.optimizer for row in rows):
        mine = [r.result for r in rows if r.run.optimizer == name and not r.result.error]
        if not mine:
            continue
        table = np.array(
            [[r.norm2_r2, r.pc1, r.pc2, r.pc3, r.step_cosine, r.code_norm[-1]] for r in mine]
        )
        first = np.array([r.first_hz for r in mine])
        last = np.array([r.last_hz for r in mine])
        means = table.mean(axis=0)
        walks.append(
            Walk(
                optimizer=name,
                n_runs=len(mine),
                norm2_r2=float(means[0]),
                shares=(float(means[1]), float(means[2]), float(means[3])),
                step_cosine=float(means[4]),
                code_norm=float(means[5]),
                gain=float(last.mean() / first.mean()) if first.mean() > 0 else np.nan,
            )
        )
    return tuple(walks)


def _curves(rows: Sequence[Row]) -> dict[tuple[str, str], Floats]:
    """Mean of the largest clean response so far, as a part of what anybody reached."""
    highest: dict[str, float] = {}
    for row in rows:
        name = neuron_of(row)
        highest[name] = max(highest.get(name, 0.0), row.result.clean_max)
    found: dict[tuple[str, str], list[Floats]] = {}
    for row in rows:
        top = highest[neuron_of(row)]
        if top > 0:
            curve = np.array(row.result.best_hz) / top
            found.setdefault((row.run.optimizer, row.run.noise), []).append(curve)
    return {key: np.mean(curves, axis=0) for key, curves in found.items()}


def _failure(row: Row) -> str:
    return f"{row.run.optimizer} ended early with {row.run.generator}: {row.result.error}"
