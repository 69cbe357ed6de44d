"""Scores by generation: means of evolved and reference images, and every single image."""

from __future__ import annotations

import numpy as np

from sessions.lab_report.of_thread import OfThread, quantity
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import REFERENCE, band, new_figure, whole_numbers
from sessions.records import Floats, Ints

NO_GENERATION = "no generation was committed"


def curves(thread: OfThread) -> Plate | NotDrawn:
    """Draw the mean score of each generation, evolved and reference, with standard errors."""
    title = f"{thread.name}: scores by generation"
    curve = thread.curve
    if not len(curve.generation):
        return NotDrawn(title, NO_GENERATION)
    figure = new_figure(4.0)
    axes = figure.subplots()
    x = curve.generation.astype(np.float64)
    band(axes, x, curve.reference_mean, curve.reference_sem, REFERENCE, "reference images")
    band(axes, x, curve.evolved_mean, curve.evolved_sem, thread.colour, "evolved images")
    whole_numbers(axes, x[0], x[-1])
    axes.set(xlabel="generation", ylabel=quantity(thread.reader))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(loc="upper left")
    n_shown = [
        int(np.isfinite(thread.references.score[thread.references.generation == g]).sum())
        for g in curve.generation
    ]
    return Plate(
        name=f"{thread.stem}_scores",
        title=title,
        caption=(
            f"Mean score ± SEM over images of {thread.units}. Evolved: {_span(curve.n_scored)} "
            f"images in a generation; references: {_span(np.array(n_shown))}, shown again in every "
            "block. References do not evolve: what they share with the evolved images is drift."
        ),
        figure=figure,
        columns={
            "generation": curve.generation,
            "evolved_mean_hz": curve.evolved_mean,
            "evolved_sem_hz": curve.evolved_sem,
            "evolved_n": curve.n_scored,
            "reference_mean_hz": curve.reference_mean,
            "reference_sem_hz": curve.reference_sem,
            "reference_n": n_shown,
        },
    )


def single_images(thread: OfThread) -> Plate | NotDrawn:
    """Draw the score of every image, in the order of generations and ids."""
    title = f"{thread.name}: single images"
    made, shown = thread.evolved, thread.references
    if not len(made.generation):
        return NotDrawn(title, NO_GENERATION)
    figure = new_figure(3.6)
    axes = figure.subplots()
    both = ((shown, REFERENCE, "reference images", "D"), (made, thread.colour, "evolved", "o"))
    for images, colour, label, marker in both:
        axes.plot(
            _spread(images.generation),
            images.score,
            linestyle="none",
            marker=marker,
            markersize=3.4,
            markeredgewidth=0,
            color=colour,
            alpha=0.5,
            label=label,
            rasterized=True,  # thousands of dots make an SVG slow
        )
    whole_numbers(axes, float(made.generation[0]), float(made.generation[-1]))
    axes.set(xlabel="generation", ylabel=quantity(thread.reader))
    axes.set_ylim(top=axes.get_ylim()[1] + 0.15 * float(np.ptp(axes.get_ylim())))
    axes.legend(loc="upper left", ncols=2)
    columns = (made, "generated"), (shown, "reference")
    n, missing = len(made.score), int(np.isnan(made.score).sum())
    return Plate(
        name=f"{thread.stem}_images",
        title=title,
        caption=(
            f"Every dot is one image: {n - missing} evolved"
            + (f" ({missing} more have no score)" if missing else "")
            + f", and {np.isfinite(shown.score).sum()} scores of "
            f"{len(np.unique(shown.image_id))} reference images, each scored once in a block. "
            f"{_behind(made.n_valid)} Within a generation dots stand in the order of their ids."
        ),
        figure=figure,
        columns={
            "kind": [kind for images, kind in columns for _ in images.image_id],
            "image_id": np.concatenate([images.image_id for images, _ in columns]),
            "generation": np.concatenate([images.generation for images, _ in columns]),
            "score_hz": np.concatenate([images.score for images, _ in columns]),
            "n_presentations": np.concatenate([images.n_valid for images, _ in columns]),
        },
    )


def _spread(generation: Ints) -> Floats:
    """Places `(n,)` of sorted images along the axis, evenly within each generation."""
    _, first, n = np.unique(generation, return_index=True, return_counts=True)
    within = np.arange(len(generation)) - np.repeat(first, n)
    places: Floats = generation + 0.8 * ((within + 0.5) / np.repeat(n, n) - 0.5)
    return places


def _behind(n_valid: Ints) -> str:
    return f"Behind the score of an evolved image {_are(_span(n_valid[n_valid > 0]))}."


def _are(span: str) -> str:
    return f"is {span} presentation" if span == "1" else f"are {span} presentations"


def _span(numbers: Ints) -> str:
    """Return how many there are: one number where all are equal, else from … to."""
    if not len(numbers):
        return "0"
    low, high = int(numbers.min()), int(numbers.max())
    return str(low) if low == high else f"{low} to {high}"
