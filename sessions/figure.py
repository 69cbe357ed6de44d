"""The figure of a session: for each thread its score curve, responses and best images.

Drawn with matplotlib's Figure objects alone, so it needs no screen and leaves no global state.
What the numbers mean is decided in `sessions.report` and `sessions.analysis`.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from sessions.analysis.evolution import ends
from sessions.analysis.responses import Psth
from sessions.psths import PSTH_BIN_S, PSTH_WINDOW_S, response_to
from sessions.reader import LogReader
from sessions.records import Floats, Ints, ThreadInfo
from sessions.report import Summary, ThreadSummary, thread_curve

INK = "#22272e"
QUIET = "#8a929c"
REFERENCE = "#7d8793"
EARLY = "#a9b0b9"
THREAD_COLOURS = ("#c8442f", "#1f6fa8", "#2c8a5b", "#8a5aa8")
"""Dark enough for text on white, and apart for colour-blind readers by lightness and hue."""

STRIP_IMAGES = 16
WIDTH_IN, THREAD_HEIGHT_IN, HEAD_IN = 11.0, 4.75, 0.95
DPI = 120


def draw(reader: LogReader, found: Summary, path: Path) -> None:
    """Draw the summary `found` of a log into an image file."""
    height = HEAD_IN + THREAD_HEIGHT_IN * len(found.threads)
    figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _draw_head(figure, found, height)
    for index, thread in enumerate(found.threads):
        top = 1 - (HEAD_IN + index * THREAD_HEIGHT_IN) / height
        grid = figure.add_gridspec(
            2,
            2,
            left=0.07,
            right=0.975,
            top=top - 0.62 / height,
            bottom=top - (THREAD_HEIGHT_IN - 0.3) / height,
            height_ratios=(2.5, 1.0),
            width_ratios=(1.55, 1.0),
            hspace=0.42,
            wspace=0.2,
        )
        colour = THREAD_COLOURS[index % len(THREAD_COLOURS)]
        figure.text(
            0.07,
            top - 0.16 / height,
            _thread_title(thread),
            fontsize=11.5,
            fontweight="bold",
            color=colour,
            va="center",
        )
        _draw_curve(figure.add_subplot(grid[0, 0]), reader, thread.thread, colour)
        _draw_psth(figure.add_subplot(grid[0, 1]), reader, thread.thread, colour)
        _draw_strip(figure, grid, reader, thread.thread, colour)
    figure.savefig(path)


def _draw_head(figure: Figure, found: Summary, height: float) -> None:
    figure.text(
        0.07,
        1 - 0.3 / height,
        f"{found.session_id}",
        fontsize=16,
        fontweight="bold",
        color=INK,
        va="center",
    )
    status = found.exit_status or "no end logged"
    parts = [
        found.subject_id,
        f"{found.generations_committed} generation" + "s" * (found.generations_committed != 1),
        f"{found.completed} of {found.presentations} presentations completed",
        status,
        found.display_label,
    ]
    if found.rig_simulated:
        parts.insert(1, "SIMULATED NEURONS")
    if found.control == "shuffled":
        parts.insert(1, "SHUFFLED CONTROL")
    told = "   ·   ".join(part for part in parts if part)
    figure.text(0.07, 1 - 0.62 / height, told, fontsize=9.5, color=QUIET, va="center")


def _thread_title(found: ThreadSummary) -> str:
    thread, evolution = found.thread, found.evolution
    ids = ", ".join(str(unit) for unit in thread.driver_unit_ids)
    units = f"unit {ids}" if len(thread.driver_unit_ids) == 1 else f"units {ids}"
    name = f"Thread {thread.thread_id}: {thread.name}, driver {units}"
    if math.isnan(evolution.gain.value):
        return f"{name}, too few scores to judge"
    gain = evolution.gain
    return (
        f"{name}:  {evolution.first:.0f} → {evolution.last:.0f} spikes/s, "
        f"gain {gain.value:+.0f} [{gain.low:+.0f}, {gain.high:+.0f}]"
    )


def _draw_curve(axes: Axes, reader: LogReader, thread: ThreadInfo, colour: str) -> None:
    """Draw scores by generation: every image as a dot, means with SEM, references in grey."""
    rate = "firing rate" if reader.rule.baseline_mode == "none" else "evoked rate"
    if reader.rule.response_window_s is None:
        rate = "response as reported"
    _clean(axes, "Score by generation", "generation", f"{rate} (spikes/s)")
    curve = thread_curve(reader, thread.thread_id)
    if not len(curve.generation):
        _say(axes, "No generation was committed.")
        return
    scores = reader.scores
    mine = (scores.thread_id == thread.thread_id) & (scores.kind == "generated")
    axes.plot(
        scores.generation[mine],
        scores.score[mine],
        linestyle="none",
        marker="o",
        markersize=2.6,
        markeredgewidth=0,
        color=colour,
        alpha=0.22,
    )
    x = curve.generation.astype(np.float64)
    _line(axes, x, curve.reference_mean, curve.reference_sem, REFERENCE, "references")
    _line(axes, x, curve.evolved_mean, curve.evolved_sem, colour, "evolved (mean ± SEM)")
    axes.set_xlim(x[0] - 0.4, max(x[-1], x[0] + 1) + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left")


def _line(axes: Axes, x: Floats, mean: Floats, sem: Floats, colour: str, label: str) -> None:
    if not np.isfinite(mean).any():
        return
    error = np.nan_to_num(sem)
    axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, mean, color=colour, linewidth=2.0, marker="o", markersize=3.5, label=label)


def _draw_psth(axes: Axes, reader: LogReader, thread: ThreadInfo, colour: str) -> None:
    """Draw the response of the driver units in the first and in the last generations."""
    _clean(
        axes,
        "Response of driver units (scored where shaded)",
        "time from onset (ms)",
        "firing rate (spikes/s)",
    )
    window_s = reader.start.response_window_s
    if window_s is None:
        _say(axes, "The rig reported rates, and no spikes.")
        axes.set(xticks=(), yticks=(), xlabel="", ylabel="")
        return
    a, b = window_s
    axes.axvspan(a * 1e3, b * 1e3, color="#f1f3f5", linewidth=0, zorder=0)
    generations = reader.generations
    mine = generations.thread_id == thread.thread_id
    first, last = ends(generations.generation[mine])
    drawn = False
    for chosen, shade, when in ((first, EARLY, "first"), (last, colour, "last")):
        response = _response(reader, thread, chosen)
        if not response.n_presentations:
            continue
        centres = (response.edges_s[:-1] + PSTH_BIN_S / 2) * 1e3
        label = f"{when} generations ({_span(chosen)})"
        _line_only(axes, centres, response, shade, label)
        drawn = True
    if not drawn:
        _say(axes, "No presentation completed.")
        return
    axes.axvline(0.0, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set_xlim(PSTH_WINDOW_S[0] * 1e3, PSTH_WINDOW_S[1] * 1e3)
    axes.set_ylim(bottom=0.0, top=axes.get_ylim()[1] * 1.25)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper right")


def _line_only(axes: Axes, centres: Floats, response: Psth, colour: str, label: str) -> None:
    error = np.nan_to_num(response.sem_hz)
    low, high = response.rate_hz - error, response.rate_hz + error
    axes.fill_between(centres, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(centres, response.rate_hz, color=colour, linewidth=1.8, label=label)


def _response(reader: LogReader, thread: ThreadInfo, generations: Ints) -> Psth:
    images = reader.images
    made = (images.thread_id == thread.thread_id) & np.isin(images.generation, generations)
    shown = np.isin(reader.presentations.image_id, images.image_id[made])
    return response_to(reader, thread, shown)


def _draw_strip(
    figure: Figure | SubFigure, grid: GridSpec, reader: LogReader, thread: ThreadInfo, colour: str
) -> None:
    """Draw the best image of evenly chosen generations, each with its generation and score."""
    best = best_images(reader, thread)
    row = grid[1, :].subgridspec(1, STRIP_IMAGES, wspace=0.08)
    for place, (generation, image_id, score) in enumerate(best):
        axes = figure.add_subplot(row[0, place])
        axes.set_xticks([])
        axes.set_yticks([])
        if image_id in _with_pixels(reader):
            axes.imshow(reader.pixels(image_id), interpolation="nearest")
        else:
            _say(axes, "hash only")
        for spine in axes.spines.values():
            spine.set_color(colour)
            spine.set_linewidth(1.2)
        axes.set_title(f"gen {generation}", fontsize=8, color=INK, pad=3)
        axes.set_xlabel(f"{score:.0f}/s", fontsize=8, color=QUIET, labelpad=3)
    if best:
        axes = figure.add_subplot(row[0, 0], frameon=False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel("best image", fontsize=8.5, color=INK, labelpad=8)


def best_images(reader: LogReader, thread: ThreadInfo) -> list[tuple[int, int, float]]:
    """Return (generation, image_id, score) of the best image of at most 16 generations."""
    scores = reader.scores
    mine = (scores.thread_id == thread.thread_id) & (scores.kind == "generated")
    mine &= np.isfinite(scores.score)
    generations = np.unique(scores.generation[mine])
    n = min(len(generations), STRIP_IMAGES)
    sign = 1.0 if thread.direction == "maximise" else -1.0
    best = []
    for index in np.unique(np.linspace(0, len(generations) - 1, n).round().astype(int)):
        rows = np.flatnonzero(mine & (scores.generation == generations[index]))
        row = rows[np.argmax(sign * scores.score[rows])]
        generation, image_id = int(generations[index]), int(scores.image_id[row])
        best.append((generation, image_id, float(scores.score[row])))
    return best


def _with_pixels(reader: LogReader) -> set[int]:
    images = reader.images
    return set(images.image_id[images.pixels_row >= 0].tolist())


def _span(generations: Ints) -> str:
    first, last = int(generations[0]), int(generations[-1])
    return f"{first}" if first == last else f"{first}–{last}"


def _clean(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, color=INK, loc="left", pad=6)
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, colors=INK, length=3, width=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)


def _say(axes: Axes, text: str) -> None:
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=QUIET
    )
