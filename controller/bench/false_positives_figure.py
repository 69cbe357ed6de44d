"""Rates of false and of true positives as a picture: the test of success beside the naive one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.bench.false_positives import Rate, Row
from sessions.analysis.success import LEVEL

_OURS, _NAIVE = "tab:blue", "tab:red"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG: on the left where nothing evolved, on the right where something did."""
    nothing = [row for row in rows if row.conditions.gain is None]
    evolved = [row for row in rows if row.conditions.gain is not None]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(len(nothing), len(evolved)))
    n = rows[0].changed.n
    _bars(left, nothing, [row.changed for row in nothing], [row.naive_changed for row in nothing])
    left.axhline(100 * LEVEL, color="0.2", linewidth=1, linestyle="--")
    beside = ("axes fraction", "data")
    left.annotate("nominal\n5 %", (1.005, 100 * LEVEL), xycoords=beside, fontsize=8, va="center")
    left.set_title(f"Nothing evolved: “changed”, % of {n} sessions", fontsize=10, loc="left")
    _bars(right, evolved, [row.rose for row in evolved], [row.naive_rose for row in evolved])
    right.set_title("Evolved: “rose”, %", fontsize=10, loc="left")
    left.legend(frameon=False, fontsize=8.5, loc="upper right")
    figure.savefig(path, dpi=110)


def _bars(axes: Axes, rows: Sequence[Row], ours: list[Rate], naive: list[Rate]) -> None:
    """Draw two bars for each row, with their 95 % intervals."""
    x = np.arange(len(rows))
    for shift, rates, colour, label in (
        (-0.2, ours, _OURS, "relative to references"),
        (0.2, naive, _NAIVE, "t test, last against first"),
    ):
        share = np.array([100 * rate.share for rate in rates])
        ends = np.array([[100 * end for end in rate.interval()] for rate in rates]).T
        error = np.abs(ends - share)
        axes.bar(x + shift, share, 0.38, color=colour, label=label, alpha=0.85)
        axes.errorbar(x + shift, share, yerr=error, fmt="none", ecolor="0.2", capsize=2)
    axes.set_xticks(x, [_wrapped(row.name) for row in rows], fontsize=8)
    axes.set_ylim(0, 104)
    axes.spines[["top", "right"]].set_visible(False)


def _wrapped(name: str) -> str:
    return name.replace("scores of other images, ", "").replace(", ", ",\n").replace(" (", "\n(")
