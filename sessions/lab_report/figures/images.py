"""Pictures: the best image of each generation, and the strongest and the weakest of a session.

Pixels come out of the log; where only hashes were kept, a frame says so.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from sessions.figure import best_images
from sessions.lab_report.of_thread import OfThread, names_of_images
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import QUIET, RATES, WIDTH_IN
from sessions.records import Floats, Ints

N_EXTREME = 8
COLUMNS = 8
NO_SCORE = "no image has a score"


def trajectory(thread: OfThread) -> Plate | NotDrawn:
    """Draw the best image of each generation, framed by its rate."""
    title = f"{thread.name}: the best image of each generation"
    best = best_images(thread.reader, thread.info)
    if not best:
        return NotDrawn(title, NO_SCORE)
    ids = np.array([image_id for _, image_id, _ in best])
    labels = [f"generation {generation}" for generation, _, _ in best]
    scores = np.array([score for _, _, score in best])
    generations = len(np.unique(thread.evolved.generation))
    told = f" {len(best)} of {generations} generations, evenly chosen." if generations > 16 else ""
    return _sheet(
        thread,
        name=f"{thread.stem}_trajectory",
        title=title,
        ids=ids,
        scores=scores,
        labels=labels,
        caption=(
            f"The {_best(thread)} image of a generation.{told} {_BY_CHANCE} Frame and number: its "
            f"score (spikes/s)."
        ),
    )


def extremes(thread: OfThread) -> Plate | NotDrawn:
    """Draw the images with the highest and the lowest scores."""
    title = f"{thread.name}: strongest and weakest images"
    made = thread.evolved
    known = np.flatnonzero(np.isfinite(made.score))
    if not len(known):
        return NotDrawn(title, NO_SCORE)
    order = known[np.lexsort((made.image_id[known], -made.score[known]))]
    n = min(N_EXTREME, len(order) // 2) or 1
    rows = np.concatenate([order[:n], order[len(order) - n :]]) if len(order) > 1 else order
    return _sheet(
        thread,
        name=f"{thread.stem}_extremes",
        title=title,
        ids=made.image_id[rows],
        scores=made.score[rows],
        labels=[f"generation {generation}" for generation in made.generation[rows].tolist()],
        caption=(
            f"Of {len(order)} images with a score, the {n} with the highest scores, then the {n} "
            f"with the lowest. {_BY_CHANCE}"
        ),
    )


_BY_CHANCE = (
    "Chosen for its score, an image is extreme partly by chance: shown again, it answers nearer to "
    "the mean."
)


def _best(thread: OfThread) -> str:
    return "strongest" if thread.info.direction == "maximise" else "weakest"


def _sheet(
    thread: OfThread,
    *,
    name: str,
    title: str,
    ids: Ints,
    scores: Floats,
    labels: list[str],
    caption: str,
) -> Plate:
    """Draw images in rows of eight, framed by where their score lies among all of the thread."""
    figure, panels = grid_of_images(len(ids))
    known = thread.evolved.score[np.isfinite(thread.evolved.score)]
    norm = Normalize(float(known.min()), float(max(known.max(), known.min() + 1e-9)))
    for axes, image_id, score, label in zip(
        panels, ids.tolist(), scores.tolist(), labels, strict=True
    ):
        _image(axes, thread, image_id, RATES(norm(score)))
        axes.set_title(label, fontsize=8.5, loc="center", pad=3)
        axes.set_xlabel(f"{score:.0f}", fontsize=9, labelpad=2)
    beside = figure.add_axes((0.893, 0.14, 0.016, 0.72))
    figure.colorbar(ScalarMappable(norm, RATES), beside, label="score (spikes/s)")
    names = names_of_images(thread.reader)
    generation_of = dict(
        zip(thread.evolved.image_id.tolist(), thread.evolved.generation.tolist(), strict=True)
    )
    return Plate(
        name=name,
        title=title,
        caption=caption,
        figure=figure,
        columns={
            "image_id": ids,
            "name": [names[image_id] for image_id in ids.tolist()],
            "generation": [generation_of[image_id] for image_id in ids.tolist()],
            "score_hz": scores,
        },
    )


def grid_of_images(n: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with places for `n` images, eight in a row, and room for a scale beside."""
    pitch_in, side_in = 0.925, 0.86
    row_in, rows = side_in + 0.42, -(-n // COLUMNS)
    height_in = row_in * rows + 0.06
    figure = Figure(figsize=(WIDTH_IN, height_in))
    size = (side_in / WIDTH_IN, side_in / height_in)
    corners = [
        (pitch_in * (k % COLUMNS) + 0.03, height_in - row_in * (k // COLUMNS) - side_in - 0.22)
        for k in range(n)
    ]
    axes = [figure.add_axes((x / WIDTH_IN, y / height_in, *size)) for x, y in corners]
    return figure, axes


def _image(
    axes: Axes, thread: OfThread, image_id: int, colour: tuple[float, float, float, float]
) -> None:
    axes.set(xticks=(), yticks=())
    images = thread.reader.images
    if (images.pixels_row[images.image_id == image_id] >= 0).any():
        axes.imshow(thread.reader.pixels(image_id), interpolation="none")
    else:
        axes.set_aspect("equal")
        text = axes.text(0.5, 0.5, "only its hash\nwas kept", transform=axes.transAxes)
        text.set(ha="center", va="center", color=QUIET, fontsize=8)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=3.0)
