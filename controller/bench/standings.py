"""What the results of a race say: scores with intervals, presentations needed, time.

A response counts as its part of the highest noise-free rate that anybody reached on that neuron
under any condition, so 1 is the best that is known to be possible, not what is possible. Intervals
are bootstrapped over pairs of neuron and seed: 95 % of resamplings lie within. What is left out:
printing (`controller.cli.bench_tables`), drawing (`controller.bench.figure`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.bench.entrants import REFERENCE
from controller.bench.heat import HeatResult
from controller.optimizers.base import Floats

_N_RESAMPLINGS = 2000
_GRID_STEP = 40
_ROUNDING = 1e-9
Pair: TypeAlias = tuple[str, int]
"""Name of a neuron, and seed."""


@dataclass(frozen=True)
class Estimate:
    """A mean, and the 95 % interval of what it would be for other pairs."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """How one optimizer did under one condition, over the pairs that all have raced there.

    pairs, finals: final score on each neuron and seed.
    final: mean of these, the normalised noise-free response to the last generation.
    best: normalised noise-free response to the best image that was ever shown.
    ahead: `final` minus that of the reference on the same pair; None without a reference.
    to_reference: presentations until the mean curve first reaches the reference's final score;
        infinite where it never does; None without a reference.
    curve: mean normalised response at the presentations of `Standings.grid`.
    ask_tell_ms: median over heats, and the longest of all generations.
    code_norm: mean norm of the last codes.
    errors: heats that ended with an error.
    """

    optimizer: str
    condition: str
    pairs: tuple[Pair, ...]
    finals: tuple[float, ...]
    final: Estimate
    best: Estimate
    ahead: Estimate | None
    to_reference: Estimate | None
    curve: tuple[float, ...]
    ask_tell_ms: tuple[float, float]
    code_norm: float
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Standings:
    """The rows of a race, of neurons in the set `neurons`.

    grid: presentations at which curves are given.
    never_began: sentences on optimizers that could not show anything; they have no rows.
    """

    neurons: str
    rows: tuple[Row, ...]
    grid: tuple[int, ...]
    n_neurons: int
    n_seeds: int
    never_began: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was raced, for the head of a table or picture."""
        return (
            f"{self.n_neurons} neurons of the {self.neurons} set, {self.n_seeds} "
            f"seed{'s' * (self.n_seeds != 1)}, {self.grid[-1]} presentations in each run"
        )

    def row(self, optimizer: str, condition: str) -> Row | None:
        """Return the row of an optimizer under a condition, if they have raced."""
        rows = (r for r in self.rows if (r.optimizer, r.condition) == (optimizer, condition))
        return next(rows, None)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions in the order in which they were raced."""
        return tuple(dict.fromkeys(row.condition for row in self.rows))

    @property
    def optimizers(self) -> tuple[str, ...]:
        """Optimizers, the one with the highest mean final score first."""
        names = dict.fromkeys(row.optimizer for row in self.rows)
        means = {
            name: np.mean([row.final.mean for row in self.rows if row.optimizer == name])
            for name in names
        }
        return tuple(sorted(names, key=lambda name: -means[name]))


def standings(results: Sequence[HeatResult], neurons: str) -> Standings:
    """Return what the results say; pairs that not every optimizer has raced are left out."""
    ceilings = _ceilings(results)
    usable = [result for result in results if result.presentations]
    last = max((result.presentations[-1] for result in usable), default=_GRID_STEP)
    grid = np.arange(_GRID_STEP, max(last, _GRID_STEP) + 1, _GRID_STEP)
    rows: list[Row] = []
    for condition in dict.fromkeys(result.condition for result in usable):
        heats: dict[str, dict[Pair, HeatResult]] = {}
        for result in usable:
            if result.condition == condition:
                pair = (result.neuron, result.seed)
                heats.setdefault(result.optimizer, {})[pair] = result
        rows += _rows(condition, heats, ceilings, grid)
    raced = {pair for row in rows for pair in row.pairs}
    return Standings(
        neurons=neurons,
        rows=tuple(rows),
        grid=tuple(int(n) for n in grid),
        n_neurons=len({neuron for neuron, _ in raced}),
        n_seeds=len({seed for _, seed in raced}),
        never_began=tuple(
            dict.fromkeys(
                f"{result.optimizer} could not begin: {result.error}"
                for result in results
                if not result.presentations
            )
        ),
    )


def change(before: Row, after: Row) -> Estimate:
    """Return by which part of `before` the final score has changed, on the pairs of both."""
    scores = [dict(zip(row.pairs, row.finals, strict=True)) for row in (before, after)]
    common = sorted(set(scores[0]) & set(scores[1]))
    first, second = (np.array([score[pair] for pair in common]) for score in scores)
    draws = _draws(len(common))
    ratios = second[draws].mean(axis=1) / first[draws].mean(axis=1) - 1
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Estimate(float(second.mean() / first.mean() - 1), float(low), float(high))


def _draws(n_pairs: int) -> NDArray[np.int64]:
    """Draw which pairs stand in each resampling, (_N_RESAMPLINGS, n_pairs); always the same."""
    return np.random.default_rng(0).integers(0, n_pairs, (_N_RESAMPLINGS, n_pairs))


def _ceilings(results: Sequence[HeatResult]) -> dict[str, float]:
    """Return the highest noise-free rate that was reached on each neuron."""
    ceilings: dict[str, float] = {}
    for result in results:
        reached = max(result.best_hz, default=0.0)
        ceilings[result.neuron] = max(ceilings.get(result.neuron, 0.0), reached)
    return ceilings


def _rows(
    condition: str,
    heats: Mapping[str, Mapping[Pair, HeatResult]],
    ceilings: Mapping[str, float],
    grid: NDArray[np.int64],
) -> list[Row]:
    common = set.intersection(*(set(raced) for raced in heats.values()))
    pairs = sorted(common)
    if not pairs:
        return []
    draws = _draws(len(pairs))
    curves = {
        name: np.stack([_curve(raced[pair], ceilings, grid) for pair in pairs])
        for name, raced in heats.items()
    }
    finals = {
        name: np.array([raced[p].mean_hz[-1] / ceilings[p[0]] for p in pairs])
        for name, raced in heats.items()
    }
    rows = []
    for name, raced in heats.items():
        ran = [raced[pair] for pair in pairs]
        bests = np.array([one.best_hz[-1] / ceilings[one.neuron] for one in ran])
        ahead = to_reference = None
        if REFERENCE in heats:
            ahead = _estimate(finals[name] - finals[REFERENCE], draws)
            to_reference = _crossing(curves[name], finals[REFERENCE], grid, draws)
        rows.append(
            Row(
                optimizer=name,
                condition=condition,
                pairs=tuple(pairs),
                finals=tuple(round(float(final), 4) for final in finals[name]),
                final=_estimate(finals[name], draws),
                best=_estimate(bests, draws),
                ahead=ahead,
                to_reference=to_reference,
                curve=tuple(round(float(v), 4) for v in curves[name].mean(axis=0)),
                ask_tell_ms=(
                    float(np.median([one.ask_tell_ms[0] for one in ran])),
                    max(one.ask_tell_ms[1] for one in ran),
                ),
                code_norm=float(np.mean([one.code_norm for one in ran])),
                errors=tuple(one.error for one in ran if one.error),
            )
        )
    return rows


def _curve(result: HeatResult, ceilings: Mapping[str, float], grid: NDArray[np.int64]) -> Floats:
    """Normalised mean response (g,) at the presentations of the grid."""
    values = np.array(result.mean_hz) / ceilings[result.neuron]
    curve: Floats = np.interp(grid, result.presentations, values)
    return curve


def _estimate(values: Floats, draws: NDArray[np.int64]) -> Estimate:
    means = values[draws].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high))


def _crossing(
    curves: Floats, targets: Floats, grid: NDArray[np.int64], draws: NDArray[np.int64]
) -> Estimate:
    """Where the mean of curves (p, g) first reaches the mean of targets (p,), with interval."""

    def first(mean_curves: Floats, levels: Floats) -> Floats:
        reached = mean_curves >= levels[:, np.newaxis] - _ROUNDING
        where: Floats = grid[reached.argmax(axis=1)].astype(np.float64)
        where[~reached.any(axis=1)] = np.inf
        return where

    mean = first(curves.mean(axis=0, keepdims=True), targets.mean(keepdims=True))
    resampled = first(curves[draws].mean(axis=1), targets[draws].mean(axis=1))
    low, high = np.percentile(resampled, [2.5, 97.5], method="nearest")
    return Estimate(float(mean[0]), float(low), float(high))
