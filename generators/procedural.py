"""Pictures that the project makes itself, for sessions and fits that have no picture files.

Two uses: `procedural_images` is the ensemble from which the embedded Gaussian generator is
estimated, and `natural_references` is the default set of reference images of a session. The same
seed gives the same pictures with the same versions of numpy, scipy and Pillow; a session logs the
images themselves, so a replay does not depend on that.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from generators import scenes
from generators.errors import SettingsError
from generators.images import to_uint8
from generators.painting import Picture, halved

Scene = Callable[[int, np.random.Generator], Picture]

_ENSEMBLE: tuple[tuple[Scene, float], ...] = (
    (scenes.dead_leaves, 0.22),
    (scenes.clouds, 0.14),
    (scenes.still_life, 0.18),
    (scenes.grating, 0.08),
    (scenes.cells, 0.10),
    (scenes.fibres, 0.08),
    (scenes.contours, 0.08),
    (scenes.flower, 0.05),
    (scenes.landscape, 0.07),
)
_REFERENCES: tuple[Scene, ...] = (
    scenes.still_life,
    scenes.face_like,
    scenes.landscape,
    scenes.flower,
    scenes.dead_leaves,
    scenes.cells,
    scenes.contours,
    scenes.fibres,
    scenes.clouds,
    scenes.grating,
)


def procedural_images(n: int, size_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint a random mixture of all kinds of picture, in random order.

    Args:
        n: number of pictures, 0 or more.
        size_px: height and width, at least 8.
        rng: source of all randomness; each picture gets its own child stream, so that the first
            pictures are the same however many are made.

    Returns:
        ``(n, size_px, size_px, 3)`` uint8.

    Raises:
        SettingsError: `n` or `size_px` is too small.

    """
    kinds = [scene for scene, _ in _ENSEMBLE]
    shares = np.array([share for _, share in _ENSEMBLE])
    children = _children(n, size_px, rng)
    chosen = [kinds[child.choice(len(kinds), p=shares / shares.sum())] for child in children]
    return _painted(chosen, children, size_px)


def natural_references(n: int, size_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint reference images: every kind in turn, objects and faces first, textures last.

    Args:
        n: number of pictures, 0 or more.
        size_px: height and width, at least 8.
        rng: source of all randomness.

    Returns:
        ``(n, size_px, size_px, 3)`` uint8.

    Raises:
        SettingsError: `n` or `size_px` is too small.

    """
    children = _children(n, size_px, rng)
    chosen = [_REFERENCES[k % len(_REFERENCES)] for k in range(n)]
    return _painted(chosen, children, size_px)


def _children(n: int, size_px: int, rng: np.random.Generator) -> list[np.random.Generator]:
    if n < 0 or size_px < 8:
        raise SettingsError(
            f"{n} pictures of {size_px} pixels were asked for: ask for 0 or more, of 8 or more"
        )
    return rng.spawn(n)


def _painted(
    chosen: Sequence[Scene], children: Sequence[np.random.Generator], size_px: int
) -> NDArray[np.uint8]:
    images = np.empty((len(chosen), size_px, size_px, 3), dtype=np.uint8)
    for k, (scene, child) in enumerate(zip(chosen, children, strict=True)):
        images[k] = to_uint8(halved(scene(2 * size_px, child)))
    return images
