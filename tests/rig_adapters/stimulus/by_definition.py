"""What the screen has to show, computed another way: dense matrices, in double precision."""

import numpy as np
import numpy.typing as npt

from rig_adapters.stimulus.base import ImagePixels
from rig_adapters.wire.messages import Appearance

TIE = 2e-3
"""How far from half a level the exact value may be where single precision rounds the other way."""


def painted_by_definition(
    appearance: Appearance, grey: int, image: ImagePixels, size_px: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return the levels `(height, width, 3)` before rounding."""
    width, height = size_px
    rows = weights(appearance.interpolation, image.shape[0], height)
    columns = weights(appearance.interpolation, image.shape[1], width)
    values = np.einsum("ya,abc,xb->yxc", rows, image.astype(np.float64), columns)
    if appearance.mask != "none":
        alpha = np.array(
            [
                [visible(appearance, i, j, width, height) for i in range(width)]
                for j in range(height)
            ]
        )[:, :, np.newaxis]
        values = grey + alpha * (values - grey)
    if appearance.gamma is not None:
        values = 255 * np.power(values / 255, 1 / appearance.gamma)
    return values


def weights(interpolation: str, n: int, m: int) -> npt.NDArray[np.float64]:
    """Return `(m, n)`: how much of each of n pixels of the image is in each of m of the screen."""
    found = np.zeros((m, n))
    for i in range(m):
        if interpolation == "nearest":
            found[i, (2 * i + 1) * n // (2 * m)] = 1
            continue
        middle, reach = (i + 0.5) * n / m, max(1, n / m)
        for j in range(n):
            found[i, j] = max(0.0, 1 - abs(j + 0.5 - middle) / reach)
        found[i] /= found[i].sum()
    return found


def visible(appearance: Appearance, i: int, j: int, width: int, height: int) -> float:
    """Return how much of the image is to be seen at column `i`, row `j`."""
    x, y = (i + 0.5 - width / 2) / (width / 2), (j + 0.5 - height / 2) / (height / 2)
    from_edge = 1 - np.sqrt(x * x + y * y)
    if appearance.mask == "circle":
        return float(from_edge >= 0)
    part = np.clip(from_edge / appearance.mask_edge, 0, 1)
    return float(np.sin(np.pi / 2 * part) ** 2)
