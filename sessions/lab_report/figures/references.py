"""How steady the recording was: every reference image from block to block."""

from __future__ import annotations

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.lab_report.figures.scores import NO_GENERATION
from sessions.lab_report.of_thread import OfThread, names_of_images, quantity
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import REFERENCE, band, new_figure, whole_numbers
from sessions.records import Floats


def stability(thread: OfThread) -> Plate | NotDrawn:
    """Draw the score of each reference in each block, their mean, and a line through it."""
    title = f"{thread.name}: reference images, block by block"
    shown, curve = thread.references, thread.curve
    if not len(curve.generation):
        return NotDrawn(title, NO_GENERATION)
    if not np.isfinite(shown.score).any():
        return NotDrawn(title, "there are no reference images with a score")
    figure = new_figure(3.6)
    axes = figure.subplots()
    for image_id in np.unique(shown.image_id):
        rows = shown.image_id == image_id
        axes.plot(
            shown.generation[rows],
            shown.score[rows],
            color=REFERENCE,
            alpha=0.35,
            linewidth=1.0,
            marker=".",
            markersize=4,
        )
    x = curve.generation.astype(np.float64)
    band(axes, x, curve.reference_mean, curve.reference_sem, thread.colour, "mean of references")
    known = np.isfinite(curve.reference_mean)
    told = ""
    if known.sum() > 2:
        line, sentence = _line(x[known], curve.reference_mean[known])
        axes.plot(x[known], line, color=thread.colour, linewidth=1.2, linestyle=(0, (5, 3)))
        told = f" Dashed: a straight line, {sentence}."
    whole_numbers(axes, x[0], x[-1])
    axes.set(xlabel="generation", ylabel=quantity(thread.reader))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(loc="upper left")
    names = names_of_images(thread.reader)
    n = len(np.unique(shown.image_id))
    return Plate(
        name=f"{thread.stem}_references",
        title=title,
        caption=(
            f"Thin: each of {n} reference images, scored by {thread.units}. Thick: their mean "
            f"± SEM over images.{told} Without drift it is level."
        ),
        figure=figure,
        columns={
            "image_id": shown.image_id,
            "name": [names[image_id] for image_id in shown.image_id.tolist()],
            "generation": shown.generation,
            "score_hz": shown.score,
            "n_presentations": shown.n_valid,
        },
    )


def _line(x: Floats, y: Floats) -> tuple[Floats, str]:
    """Fit a straight line to three points `(n,)` or more; return it at `x`, and what it says."""
    (slope, level), covariance = np.polyfit(x, y, 1, cov=True)
    half_width = float(scipy.special.stdtrit(len(x) - 2, 0.975)) * float(np.sqrt(covariance[0, 0]))
    low, high = slope - half_width, slope + half_width
    return level + slope * x, (
        f"{slope:+.2f} spikes/s from one generation to the next (95 % interval {low:+.2f} to "
        f"{high:+.2f} by Student's t, n = {len(x)} generations)"
    )
