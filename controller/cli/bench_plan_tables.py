"""How the summary of a benchmark is printed: in the published layout, for terminal and page."""

import math

from controller.bench.plans.published import MEANS, POOLED
from controller.bench.plans.summary import Summary
from controller.bench.statistics import Comparison, Interval
from controller.cli.bench_tables import NOT_RUN, Table

NOISE_WORDS = {
    "none": "no noise",
    "gain_0.2": "noise 0.2",
    "gain_0.5": "noise 0.5",
    "poisson": "Poisson",
    POOLED: "all",
}


def noise_words(noise: str) -> str:
    """Return what a noise level is called in a table."""
    return NOISE_WORDS.get(noise, noise)


def title(summary: Summary) -> str:
    """Say what was run, for the head of a table or picture."""
    counts = {
        "neuron": summary.n_neurons,
        "kind": len(summary.groups),
        "optimizer": len(summary.optimizers),
        "repeat": summary.n_repeats,
        "run": summary.n_runs,
    }
    told = [f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items()]
    return f"{told[0]} of {', '.join(told[1:])}"


def pooled_table(summary: Summary, reference: str) -> Table:
    """Tabulate mean (SEM) by noise, and the ratio to the reference with its 95 % interval."""
    columns = (POOLED, *summary.noise)
    words = [noise_words(noise) for noise in columns]
    table = [["optimizer", *words, *(f"{word} ÷ {reference}" for word in words)]]
    for name in summary.optimizers:
        scores = [_score(summary, name, noise) for noise in columns]
        ratios = [_ratio(summary.against.get((name, noise))) for noise in columns]
        table.append([name, *scores, *ratios])
    return table


def group_table(summary: Summary) -> Table:
    """Tabulate mean (SEM) by kind of neuron and noise, one row each."""
    table = [["neurons", "noise", *summary.optimizers]]
    for group in summary.groups:
        for noise in summary.noise:
            found = [summary.by_group.get((name, group, noise)) for name in summary.optimizers]
            means = [round(each.mean, 3) if each else -1.0 for each in found]
            cells = []
            for each, mean in zip(found, means, strict=True):
                text = NOT_RUN if each is None else f"{each.mean:.3f} ({each.sem:.3f})"
                cells.append(f"**{text}**" if each and mean == max(means) else text)
            table.append([group, noise_words(noise), *cells])
    return table


def verdict_table(summary: Summary) -> Table:
    """Tabulate the published orders, and whether they hold here."""
    table = [["published", "noise", "ratio there", "ratio here [95 %]", "holds here"]]
    for verdict in summary.verdicts:
        claim = verdict.claim
        table.append(
            [
                f"{claim.better} > {claim.worse}",
                noise_words(claim.noise),
                f"{claim.ratio:.2f}",
                _interval(verdict.found.ratio),
                verdict.holds,
            ]
        )
    return table


def order_table(summary: Summary) -> Table:
    """Tabulate the order under each noise; between two, how often it holds in resampling."""
    table = [["noise", "order, and the share of resamplings in which each step holds"]]
    for noise, order in summary.orders.items():
        steps = [
            f" >{_share(step)} {name}"
            for name, step in zip(order.optimizers[1:], order.steps, strict=True)
        ]
        table.append([noise_words(noise), order.optimizers[0] + "".join(steps)])
    return table


def walk_table(summary: Summary) -> Table:
    """Tabulate how mean codes moved beside a random walk; none of it is a success."""
    table = [["optimizer", "last ÷ first response", "norm² by a line", "PC1", "PC2", "PC3",
              "cosine of steps", "norm of codes"]]  # fmt: skip
    table.append(["random walk", NOT_RUN, "1", ".608", ".152", ".068", "0", NOT_RUN])
    for walk in summary.walks:
        numbers = [walk.gain, walk.norm2_r2, *walk.shares, walk.step_cosine]
        cells = [_number(value, 2) for value in numbers[:1]]
        cells += [_number(value, 3) for value in numbers[1:]]
        table.append([walk.optimizer, *cells, _number(walk.code_norm, 0)])
    return table


def published_means() -> Table:
    """Tabulate the published means, for comparison."""
    columns = (POOLED, "none", "gain_0.2", "gain_0.5")
    table = [["optimizer", *(noise_words(noise) for noise in columns)]]
    for name, means in MEANS.items():
        table.append([name, *(f"{means[noise]:.3f}" for noise in columns)])
    return table


def anova_sentence(summary: Summary) -> str:
    """Say what part of the variance is the optimizer's, the noise's and of both together."""
    if summary.anova is None:
        return ""
    parts = (summary.anova.first, summary.anova.second, summary.anova.interaction)
    shares = [f"{100 * part.eta2:.1f} %" for part in parts]
    return (
        f"Of the variance of scores, {shares[0]} is the optimizer's, {shares[1]} the noise's and "
        f"{shares[2]} their interaction's (two-way analysis of variance; runs on one neuron are "
        "not independent, so no p is given)."
    )


def _score(summary: Summary, name: str, noise: str) -> str:
    found = summary.scores.get((name, noise))
    return NOT_RUN if found is None else f"{found.mean:.3f} ({found.sem:.3f})"


def _ratio(compared: Comparison | None) -> str:
    return NOT_RUN if compared is None else _interval(compared.ratio)


def _interval(interval: Interval) -> str:
    if math.isnan(interval.low):
        return _number(interval.value, 2)
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _share(step: float) -> str:
    return "" if math.isnan(step) else f"({100 * step:.0f} %)"


def _number(value: float, digits: int) -> str:
    return NOT_RUN if math.isnan(value) else f"{value:.{digits}f}"
