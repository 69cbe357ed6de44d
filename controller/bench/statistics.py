"""The statistics of a benchmark's tables, from plain rows: one score of one run each.

Scores are normalised as published (Wang & Ponce 2022): a neuron's normaliser is the highest score
that any optimizer reached on it, in any repeat, at any noise. So 1 is what is known to be possible,
not what is. What a score is, is the caller's choice: the second published round takes the best
response without noise to any image that was shown, the first one the best response *with* noise,
which rises with noise; the two are never compared.

Runs on one neuron are alike, so intervals and shares are resampled by neuron, with all its runs;
pairs are runs on the same neuron with the same noise and repeat. What is left out: t tests and
analysis of variance themselves (`controller.bench.significance`), printing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.bench.errors import BenchError
from controller.bench.significance import Anova, TTest, paired_t, student_t, two_way_anova, welch_t
from controller.optimizers.base import Floats

NOT_TOLD_APART = 0.001
"""The published limit of p above which an optimizer counts as equivalent to the best."""
N_RESAMPLINGS = 2000


@dataclass(frozen=True)
class Run:
    """The score of one optimizer in one run.

    neuron: which unit, the name of one; kind: its layer or kind.
    noise: name of the noise level.
    repeat: number of the run with this optimizer, neuron and noise.
    score: larger is better.
    """

    neuron: str
    kind: str
    noise: str
    repeat: int
    optimizer: str
    score: float


@dataclass(frozen=True)
class Summary:
    """Mean of `n` scores, its standard error (NaN for one score), and their median."""

    n: int
    mean: float
    sem: float
    median: float


@dataclass(frozen=True)
class Interval:
    """A value, and the 95 % interval of what it would be for other neurons like these.

    The interval is NaN for one neuron, and a ratio where the reference has no positive score.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """How one optimizer did against another, on the pairs that both have run.

    ratio, difference: of their mean scores, optimizer over (minus) reference.
    ahead: share of resamplings in which the optimizer's mean is the higher one, with half of the
        ties; NaN for one neuron.
    student, welch: runs taken as independent; the first is what the published tables report.
    paired: over pairs.
    """

    optimizer: str
    reference: str
    n_pairs: int
    n_neurons: int
    ratio: Interval
    difference: Interval
    ahead: float
    student: TTest
    welch: TTest
    paired: TTest


@dataclass(frozen=True)
class Ordering:
    """An order of optimizers, best first, and how surely it would be found again.

    steps: for each neighbours, the share of resamplings in which the former is the better.
    whole: share of resamplings in which the whole order holds; all NaN for one neuron.
    """

    optimizers: tuple[str, ...]
    steps: tuple[float, ...]
    whole: float


Pair: TypeAlias = tuple[str, str, int]
"""Neuron, noise and repeat."""
Key: TypeAlias = Callable[[Run], object]


def normalisers(runs: Iterable[Run]) -> dict[str, float]:
    """Return the highest score that was ever reached on each neuron."""
    highest: dict[str, float] = {}
    for run in runs:
        highest[run.neuron] = max(run.score, highest.get(run.neuron, run.score))
    return highest


def normalised(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Return the runs with normalised scores, and the neurons that no image ever drove.

    A neuron without a positive score cannot be normalised, and its runs are left out.

    Raises:
        BenchError: a score is not finite, or a run stands there twice.

    """
    _require_single(runs)
    highest = normalisers(runs)
    usable = tuple(
        replace(run, score=run.score / highest[run.neuron])
        for run in runs
        if highest[run.neuron] > 0
    )
    return usable, tuple(sorted(neuron for neuron, score in highest.items() if score <= 0))


def summarised(scores: Floats) -> Summary:
    """Summarise scores (n,), one at least."""
    sem = float(scores.std(ddof=1) / np.sqrt(scores.size)) if scores.size > 1 else np.nan
    return Summary(scores.size, float(scores.mean()), sem, float(np.median(scores)))


def summaries(runs: Iterable[Run], *by: Key) -> dict[tuple[object, ...], Summary]:
    """Summarise the scores of all runs that agree in everything of `by`, in order of appearance.

    For example `summaries(runs, optimizer_of, noise_of)`.
    """
    groups: dict[tuple[object, ...], list[float]] = {}
    for run in runs:
        groups.setdefault(tuple(key(run) for key in by), []).append(run.score)
    return {key: summarised(np.array(scores)) for key, scores in groups.items()}


def optimizer_of(run: Run) -> str:
    """Group by optimizer."""
    return run.optimizer


def noise_of(run: Run) -> str:
    """Group by noise."""
    return run.noise


def kind_of(run: Run) -> str:
    """Group by layer or kind of neuron."""
    return run.kind


def compare(
    runs: Sequence[Run], optimizer: str, reference: str, rng: np.random.Generator
) -> Comparison:
    """Compare two optimizers on the pairs that both have run.

    Raises:
        BenchError: there are fewer than two pairs.

    """
    table = _paired(runs, (optimizer, reference))
    ours, theirs = table.scores
    drawn_ours, drawn_theirs = table.resampled(rng)
    return Comparison(
        optimizer=optimizer,
        reference=reference,
        n_pairs=ours.size,
        n_neurons=table.n_neurons,
        ratio=_interval(_ratio(ours.mean(), theirs.mean()), _ratio(drawn_ours, drawn_theirs)),
        difference=_interval(ours.mean() - theirs.mean(), drawn_ours - drawn_theirs),
        ahead=_share_above(drawn_ours, drawn_theirs),
        student=student_t(ours, theirs),
        welch=welch_t(ours, theirs),
        paired=paired_t(ours, theirs),
    )


def not_told_apart_from_best(runs: Sequence[Run], limit: float = NOT_TOLD_APART) -> tuple[str, ...]:
    """Return the best optimizer by mean score, and those that Student's t does not tell from it.

    The published rule for "equivalent to the best". It is a statement on the number of runs as
    much as on optimizers: with fewer runs, more are equivalent.
    """
    scores = _scores(runs)
    best, *others = sorted(scores, key=lambda name: -scores[name].mean())
    same = (name for name in others if not student_t(scores[best], scores[name]).p <= limit)
    return (best, *same)


def ordering(
    runs: Sequence[Run], rng: np.random.Generator, optimizers: Sequence[str] | None = None
) -> Ordering:
    """Return how surely an order of optimizers holds; without one, the order of their means.

    Only pairs that all of them have run count.

    Raises:
        BenchError: there are fewer than two optimizers, or than two such pairs.

    """
    raced = dict.fromkeys(run.optimizer for run in runs)
    names = tuple(raced if optimizers is None else optimizers)
    if len(names) < 2:
        raise BenchError("an order needs two optimizers at least")
    table = _paired(runs, names)
    drawn = dict(zip(names, table.resampled(rng), strict=True))
    if optimizers is None:
        means = dict(zip(names, (each.mean() for each in table.scores), strict=True))
        names = tuple(sorted(names, key=lambda name: -means[name]))
    neighbours = list(pairwise(names))
    steps = tuple(_share_above(drawn[a], drawn[b]) for a, b in neighbours)
    holds = np.all([drawn[a] > drawn[b] for a, b in neighbours], axis=0)
    return Ordering(names, steps, float(holds.mean()) if table.n_neurons > 1 else np.nan)


def anova_by_noise(runs: Sequence[Run]) -> Anova:
    """Analyse scores by optimizer and noise; see `significance.two_way_anova`."""
    return _anova(runs, [run.noise for run in runs])


def anova_by_kind(runs: Sequence[Run]) -> Anova:
    """Analyse scores by optimizer and layer or kind; see `significance.two_way_anova`."""
    return _anova(runs, [run.kind for run in runs])


def _anova(runs: Sequence[Run], second: Sequence[str]) -> Anova:
    scores = np.array([run.score for run in runs])
    return two_way_anova(scores, [run.optimizer for run in runs], second)


@dataclass(frozen=True, eq=False)
class _Paired:
    """Scores of several optimizers on the same pairs.

    scores: for each optimizer (p,); cluster: (p,) number of the neuron of each pair.
    """

    scores: tuple[Floats, ...]
    cluster: NDArray[np.int64]
    n_neurons: int

    def resampled(self, rng: np.random.Generator) -> tuple[Floats, ...]:
        """Mean score (N_RESAMPLINGS,) of each optimizer, neurons drawn with replacement.

        NaN where there is one neuron, which says nothing of others.
        """
        n = self.n_neurons
        if n < 2:
            return tuple(np.full(N_RESAMPLINGS, np.nan) for _ in self.scores)
        times = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLINGS).astype(np.float64)
        sizes = times @ np.bincount(self.cluster, minlength=n)
        sums = (np.bincount(self.cluster, weights=each, minlength=n) for each in self.scores)
        return tuple(times @ each / sizes for each in sums)


def _paired(runs: Sequence[Run], optimizers: Sequence[str]) -> _Paired:
    found: dict[str, dict[Pair, float]] = {name: {} for name in optimizers}
    for run in runs:
        if run.optimizer in found:
            found[run.optimizer][run.neuron, run.noise, run.repeat] = run.score
    common: set[Pair] = set.intersection(*(set(each) for each in found.values()))
    pairs = sorted(common)
    if len(pairs) < 2:
        raise BenchError(
            f"{' and '.join(found)} have {len(pairs)} runs on the same neuron, noise and repeat, "
            "which is too few to compare"
        )
    neurons, cluster = np.unique([neuron for neuron, _, _ in pairs], return_inverse=True)
    scores = tuple(np.array([each[pair] for pair in pairs]) for each in found.values())
    return _Paired(scores, cluster, len(neurons))


def _scores(runs: Sequence[Run]) -> Mapping[str, Floats]:
    scores: dict[str, list[float]] = {}
    for run in runs:
        scores.setdefault(run.optimizer, []).append(run.score)
    return {name: np.array(values) for name, values in scores.items()}


def _ratio(ours: Floats, theirs: Floats) -> Floats:
    """Quotients; NaN where what is divided by is not positive, and a ratio has no meaning."""
    quotients: Floats = np.full(np.shape(ours), np.nan)
    np.divide(ours, theirs, out=quotients, where=np.asarray(theirs) > 0)
    return quotients


def _interval(value: Floats, drawn: Floats) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))


def _share_above(a: Floats, b: Floats) -> float:
    share = (a > b) + 0.5 * (a == b)
    return float(np.where(np.isnan(a), np.nan, share).mean())


def _require_single(runs: Sequence[Run]) -> None:
    seen: set[tuple[str, Pair]] = set()
    for run in runs:
        which = (run.optimizer, (run.neuron, run.noise, run.repeat))
        told = f"the run of {run.optimizer} on {run.neuron}, noise {run.noise}, {run.repeat}"
        if which in seen:
            raise BenchError(f"{told}, stands there twice")
        if not np.isfinite(run.score):
            raise BenchError(f"{told}, has no score; leave out runs that ended with an error")
        seen.add(which)
