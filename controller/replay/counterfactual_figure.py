"""The curves of a counterfactual beside that of the session; leaves every number to the caller."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from controller.replay.counterfactual import Entry, Run
from controller.replay.surrogate import Predictivity

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def draw(curve: Run, entries: Sequence[Entry], trust: Predictivity, path: Path) -> None:
    """Draw scores by images shown: the session in black, runs on the surrogate in colours."""
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve.n_images, curve.means, color="black", marker="o", ms=3, label="session")
    for place, entry in enumerate(entries):
        colour = COLOURS[place % len(COLOURS)]
        n = min(len(run.means) for run in entry.runs)
        means = np.array([run.means[:n] for run in entry.runs])
        images = entry.runs[0].n_images[:n]
        axes.fill_between(images, means.min(axis=0), means.max(axis=0), color=colour, alpha=0.15)
        axes.plot(images, means.mean(axis=0), color=colour, label=f"surrogate: {entry.name}")
    axes.set_xlabel("images shown")
    axes.set_ylabel("mean score of a generation (spikes/s)")
    axes.set_title(
        f"Surrogate of {trust.n_images} images: r = {trust.images:.2f} on held-out images, "
        f"{trust.generations:.2f} on generations",
        fontsize=10,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
