"""Simulated days as a picture, with the published numbers in it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.bench.rig_days.days import Day
from controller.bench.rig_days.published import (
    correct,
    first_hz,
    last_hz,
    reference_change,
    reference_cv,
)

_OURS, _THEIRS = "0.75", "tab:red"


def draw(days: Sequence[Day], path: Path) -> None:
    """Write a PNG: references, trials and rates of these days; published quantiles in red."""
    figure = Figure(figsize=(9, 6.2), layout="constrained")
    cv, change, trials, rates = figure.subplots(2, 2).ravel()
    _spread(cv, days, reference_cv, "references, CV from block to block", (0.11,))
    _spread(change, days, reference_change, "references, first to last third", (-0.19, -0.05))
    _spread(trials, days, correct, "correct trials", (0.43, 0.67, 0.86))
    rates.loglog([first_hz(d) for d in days], [last_hz(d) for d in days], ".", color="0.5")
    ends = np.array([8.0, 500.0])
    rates.loglog(ends, ends, "-", color="0.8", zorder=0)
    # Published: medians, and the middle half of each.
    rates.errorbar(85, 101, xerr=[[39], [43]], yerr=[[44], [83]], fmt="o", color=_THEIRS)
    rates.set_xlabel("first two generations (spikes/s)")
    rates.set_ylabel("last three generations (spikes/s)")
    rates.set_xlim(*ends)
    rates.set_ylim(*ends)
    figure.suptitle(
        f"{len(days)} simulated sessions (grey; black: their quantiles) and published ones (red)"
    )
    figure.savefig(path, dpi=110)


def _spread(
    axes: Axes,
    days: Sequence[Day],
    of_day: Callable[[Day], float],
    name: str,
    published: tuple[float, ...],
) -> None:
    """Draw how days differ, and where the quantiles lie that are published."""
    values = np.array([of_day(day) for day in days])
    # Sessions whose unit was lost or silent lie far out, and would squeeze all others.
    low, high = np.quantile(values, (0.01, 0.99))
    axes.hist(np.clip(values, low, high), 30, color=_OURS)
    shares = {1: (0.5,), 2: (0.1, 0.5), 3: (0.1, 0.5, 0.9)}[len(published)]
    for share, theirs in zip(shares, published, strict=True):
        axes.axvline(theirs, color=_THEIRS, label=f"{share:.0%}")
        axes.axvline(float(np.quantile(values, share)), color="0.2")
    axes.set_xlabel(name)
    axes.set_ylabel("sessions")
