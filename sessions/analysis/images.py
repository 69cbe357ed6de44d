"""Which images were best, which codes were typical, and the score of every image.

Ids and codes only: pictures are read or rendered elsewhere. A best image of many is the best by
chance, too: its score is higher than what the neuron would answer again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sessions.records import Codes, Direction, Floats, Ints


@dataclass(frozen=True, eq=False)
class ImageScores:
    """One row `(n,)` for each image: its id, its generation, its score."""

    image_id: Ints
    generation: Ints
    score: Floats


def score_points(image_id: Ints, generation: Ints, score: Floats) -> ImageScores:
    """Return every image with a score, by generation and then by id: the points of a scatter.

    Args:
        image_id: (n,) generated images of one thread.
        generation: (n,) their generations.
        score: (n,) NaN where missing, and then the image is left out.

    """
    rows = np.lexsort((image_id, generation))
    return _rows(image_id, generation, score, rows[np.isfinite(score[rows])])


def best_of_generations(
    image_id: Ints, generation: Ints, score: Floats, direction: Direction
) -> ImageScores:
    """Return the best image of each generation, the image trajectory; of ties the lowest id.

    A generation without any score has no row. Arguments as in `score_points`.
    """
    rows = _best_first(image_id, score, direction)
    rows = rows[np.argsort(generation[rows], kind="stable")]
    _, first = np.unique(generation[rows], return_index=True)
    return _rows(image_id, generation, score, rows[first])


def best_images(
    image_id: Ints, generation: Ints, score: Floats, direction: Direction, n: int
) -> ImageScores:
    """Return the best `n` images of a run, best first; of ties the lower id.

    Arguments as in `score_points`.
    """
    rows = _best_first(image_id, score, direction)[:n]
    return _rows(image_id, generation, score, rows)


def mean_codes(code: Codes, generation: Ints) -> tuple[Ints, Floats]:
    """Return generations `(g,)`, sorted, and the mean code of each `(g, d)`, in float64.

    Args:
        code: (n, d) codes of one thread.
        generation: (n,) their generations.

    """
    generations = np.unique(generation)
    means = [code[generation == g].mean(axis=0, dtype=np.float64) for g in generations]
    return generations, np.array(means, dtype=np.float64).reshape(len(generations), code.shape[1])


def _best_first(image_id: Ints, score: Floats, direction: Direction) -> Ints:
    """Rows with a score, best first."""
    sign = -1.0 if direction == "maximise" else 1.0
    order = np.lexsort((image_id, sign * score))
    rows: Ints = order[np.isfinite(score[order])].astype(np.int64)
    return rows


def _rows(image_id: Ints, generation: Ints, score: Floats, rows: Ints) -> ImageScores:
    return ImageScores(image_id[rows], generation[rows], score[rows])
