"""How figures of a report look: colours, sizes, axes; readable on white and on a dark screen.

What is drawn into them is in `sessions.lab_report.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sessions.figure import THREAD_COLOURS
from sessions.records import Floats

WIDTH_IN = 8.4
"""Of a figure, which is as wide as the text."""

INK = "#22272e"
QUIET = "#6b7480"
SHADE = "#eceff2"
REFERENCE = "#7d8794"
NULL = "#a58a4d"
"""Of what a search without a signal would give."""

IN_THE_PAGE = {INK: "ink", QUIET: "quiet", SHADE: "shade", "#ffffff": "paper"}
"""Colours that a page replaces by its own, which differ on a dark screen."""

SETTINGS: Mapping[str, Any] = {
    "axes.edgecolor": QUIET,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": 10.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": "white",
    "font.size": 10,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "text.color": INK,
    "text.parse_math": False,  # a thread may be called $x
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}

GENERATIONS = LinearSegmentedColormap.from_list(
    "generations", ["#8fb3dd", "#4f7fc4", "#8a5aa8", "#c0507a", "#d4552f", "#e08a1e"]
)
"""From the first generation to the last."""

RATES = LinearSegmentedColormap.from_list(
    "rates", ["#9aa7b5", "#d9b44a", "#e0862b", "#cc4a2b", "#96203c"]
)
"""From no response to the strongest one."""


def colour_of(thread_index: int) -> str:
    """Return the colour of a thread, the same in all figures."""
    return THREAD_COLOURS[thread_index % len(THREAD_COLOURS)]


def new_figure(height_in: float) -> Figure:
    """Return an empty figure as wide as the page."""
    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def whole_numbers(axes: Axes, first: float, last: float) -> None:
    """Have an axis of generations show whole ones, with room at its ends."""
    axes.set_xlim(first - 0.5, max(last, first + 1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def band(axes: Axes, x: Floats, mean: Floats, sem: Floats, colour: str, label: str) -> None:
    """Draw means `(n,)` as a line with their standard errors about it."""
    error = np.nan_to_num(sem)
    axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.22, linewidth=0)
    if len(x) == 1:  # a band has no width there
        axes.errorbar(x, mean, error, color=colour, capsize=4)
    axes.plot(x, mean, color=colour, linewidth=2.0, marker="o", markersize=3.8, label=label)


def colour_bar(
    figure: Figure, axes: Any, colours: LinearSegmentedColormap, norm: Normalize, label: str
) -> None:
    """Draw the scale of colours beside axes."""
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, shrink=0.85, pad=0.015)
    bar.set_label(label)
    bar.locator = MaxNLocator(integer=True)
    bar.update_ticks()
    bar.outline.set_visible(False)
