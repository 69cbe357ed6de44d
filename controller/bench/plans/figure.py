"""The picture of a benchmark: responses over presentations, and scores by kind of neuron."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.bench.plans.summary import Summary

_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6a3d9a", "#b15928",
)  # fmt: skip
_REFERENCE_COLOUR = "#000000"
_SPREAD = 0.7
"""Of the optimizers within the place of one kind of neuron."""


def draw(summary: Summary, head: str, words: Mapping[str, str], reference: str, path: Path) -> None:
    """Draw into the file at `path`; `words` names the noise levels."""
    n = len(summary.noise)
    figure = Figure(figsize=(3.6 * n + 2.2, 7.2), layout="constrained")
    panels = figure.subplots(2, n, sharey="row", squeeze=False)
    colours = _colours(summary.optimizers, reference)
    for column, noise in enumerate(summary.noise):
        _draw_curves(panels[0, column], summary, noise, colours, reference)
        _draw_groups(panels[1, column], summary, noise, colours)
        panels[0, column].set_title(words.get(noise, noise), fontsize=11)
    panels[0, 0].set_ylabel("largest response so far\n(noise-free, 1 = highest known)")
    panels[1, 0].set_ylabel("score at the end, mean ± SEM")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=10)
    figure.suptitle(head, fontsize=12)
    figure.savefig(path, dpi=110)


def _colours(names: Sequence[str], reference: str) -> dict[str, str]:
    others = [name for name in names if name != reference]
    colours = {name: _COLOURS[k % len(_COLOURS)] for k, name in enumerate(sorted(others))}
    return colours | {reference: _REFERENCE_COLOUR}


def _draw_curves(
    panel: Axes, summary: Summary, noise: str, colours: Mapping[str, str], reference: str
) -> None:
    for name in summary.optimizers:
        curve = summary.curves.get((name, noise))
        if curve is not None:
            width = 2.2 if name == reference else 1.5
            generations = np.arange(1, len(curve) + 1)
            panel.plot(generations, curve, label=name, color=colours[name], linewidth=width)
    panel.set_xlabel("generations")
    panel.set_ylim(0, 1)
    panel.set_xlim(left=1)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_groups(panel: Axes, summary: Summary, noise: str, colours: Mapping[str, str]) -> None:
    count = len(summary.optimizers)
    for k, name in enumerate(summary.optimizers):
        offset = _SPREAD * ((k + 0.5) / count - 0.5)
        for place, group in enumerate(summary.groups):
            found = summary.by_group.get((name, group, noise))
            if found is not None:
                panel.errorbar(
                    place + offset, found.mean, yerr=found.sem, fmt="o", markersize=4.5,
                    color=colours[name], capsize=2,
                )  # fmt: skip
    panel.set_xticks(range(len(summary.groups)), summary.groups, rotation=20, ha="right")
    panel.set_xlim(-0.5, len(summary.groups) - 0.5)
    panel.set_ylim(0, 1.02)
    for border in range(1, len(summary.groups)):
        panel.axvline(border - 0.5, color="0.9", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
