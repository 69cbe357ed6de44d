"""The pictures that the embedded network learns: a mixture of its own, painted once and kept.

`generators.procedural` has another mixture, from which the embedded Gaussian statistics come.
Pictures lie as bytes in one file, each painted from its own stream of the seed, so that they are
the same however many processes paint. Mirroring is the training's.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generators import scenes
from generators.embedded.training import people, things
from generators.images import to_uint8
from generators.painting import Picture, halved

Scene = Callable[[int, np.random.Generator], Picture]

MIXTURE: tuple[tuple[Scene, float], ...] = (
    (people.portrait, 0.17),
    (scenes.face_like, 0.05),
    (scenes.still_life, 0.10),
    (things.solids, 0.10),
    (things.animal, 0.09),
    (things.fruit, 0.06),
    (people.hand, 0.03),
    (people.eye, 0.03),
    (scenes.flower, 0.06),
    (scenes.landscape, 0.06),
    (scenes.contours, 0.06),
    (scenes.grating, 0.06),
    (scenes.dead_leaves, 0.06),
    (scenes.cells, 0.04),
    (scenes.clouds, 0.02),
    (scenes.fibres, 0.01),
)
_PART = 64
"""Pictures that a process paints at a time."""


def paint(first: int, n: int, size_px: int, seed: int) -> NDArray[np.uint8]:
    """Pictures number `first` and following of the mixture, ``(n, size_px, size_px, 3)`` uint8."""
    shares = np.array([share for _, share in MIXTURE])
    pictures = np.empty((n, size_px, size_px, 3), np.uint8)
    for row in range(n):
        rng = np.random.default_rng([seed, first + row])
        scene = MIXTURE[rng.choice(len(MIXTURE), p=shares / shares.sum())][0]
        pictures[row] = to_uint8(halved(scene(2 * size_px, rng)))
    return pictures


def painted(
    path: Path, n: int, size_px: int, seed: int, processes: int, tell: Callable[[str], None]
) -> NDArray[np.uint8]:
    """Return `n` pictures from `path`, which are painted first where there is no such file.

    Raises:
        ValueError: the file holds something else.

    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        starts = range(0, n, _PART)
        pictures = np.empty((n, size_px, size_px, 3), np.uint8)
        with ProcessPoolExecutor(processes) as pool:
            parts = pool.map(partial(_part, n=n, size_px=size_px, seed=seed), starts)
            for start, part in zip(starts, parts, strict=True):
                pictures[start : start + len(part)] = part
                if start % (16 * _PART) == 0:
                    tell(f"painted {start + len(part)} of {n} pictures")
        partial_file = path.with_suffix(".part.npy")
        np.save(partial_file, pictures)
        partial_file.rename(path)
    kept: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    if kept.shape != (n, size_px, size_px, 3) or kept.dtype != np.uint8:
        raise ValueError(f"{path} holds pictures of another recipe: delete it")
    return kept


def _part(start: int, n: int, size_px: int, seed: int) -> NDArray[np.uint8]:
    return paint(start, min(_PART, n - start), size_px, seed)
