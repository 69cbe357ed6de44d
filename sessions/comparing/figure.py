"""The figure of a comparison: final scores joined by pair, and normalised scores by generation.

Only pairs that count are drawn.
"""

from __future__ import annotations

import io
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sessions.comparing.comparison import Comparison
from sessions.lab_report.plate import PNG_DPI, settings
from sessions.lab_report.style import QUIET, WIDTH_IN, band, colour_of, whole_numbers
from sessions.records import Floats

_LONGEST_NAME = 24


def draw(found: Comparison, kind: str) -> bytes:
    """Return a file of the format `kind`, "png", "svg" or "pdf"."""
    with settings({"svg.hashsalt": "comparison"}):
        figure = Figure(figsize=(WIDTH_IN, 4.1), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.45))
        _draw_pairs(left, found)
        _draw_curves(right, found)
        written = io.BytesIO()
        said = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        figure.savefig(written, format=kind, dpi=PNG_DPI, metadata=said)
    return written.getvalue()


def _draw_pairs(axes: Axes, found: Comparison) -> None:
    finals = np.array([[each.first.final, each.second.final] for each in found.counted])
    for each, ends in zip(found.counted, finals, strict=True):
        style = "-" if each.pair.interleaved else "--"
        axes.plot((0, 1), ends, style, color=QUIET, linewidth=1.1, alpha=0.75)
    for x, values in enumerate(finals.T):
        colour = colour_of(x)
        axes.plot(np.full(len(values), x), values, "o", color=colour, markersize=4.5)
        if len(values) > 1:
            outside = x + (-0.16, 0.16)[x]
            axes.errorbar(outside, values.mean(), _sem(values), fmt="D", color=colour, capsize=4)
    axes.set_xlim(-0.4, 1.4)
    axes.set_xticks((0, 1), [_short(found.first), _short(found.second)])
    low, high = min(0.0, float(finals.min())), max(0.0, float(finals.max()))
    axes.set_ylim(low, high + 0.06 * (high - low or 1.0))
    if not all(each.pair.interleaved for each in found.counted):
        axes.set_xlabel("dashed: of two sessions")
    axes.set_ylabel("final score (spikes/s)")
    ahead = int((finals[:, 0] > finals[:, 1]).sum())
    axes.set_title(f"{_short(found.first)} higher in {ahead} of {len(finals)}")


def _draw_curves(axes: Axes, found: Comparison) -> None:
    for index, (name, curve) in enumerate(
        (
            (found.first, found.mean_curve(lambda each: each.first)),
            (found.second, found.mean_curve(lambda each: each.second)),
        )
    ):
        label = _short(name)
        band(axes, curve.generation.astype(float), curve.mean, curve.sem, colour_of(index), label)
    whole_numbers(axes, float(curve.generation[0]), float(curve.generation[-1]))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    fewest, most = int(curve.n.min()), int(curve.n.max())
    sessions = f"{most}" if fewest == most else f"{most} (at the end {int(curve.n[-1])})"
    axes.set_xlabel("generation")
    axes.set_ylabel(f"score, 1 = largest mean\nof {_short(found.scale_to or 'either')}")
    axes.set_title(f"mean ± SEM, sessions: {sessions}" if most > 1 else "one session")
    axes.legend(loc="lower right")


def _sem(values: Floats) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
