"""Sheets of pictures that show how far a training has come."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generators.embedded.training.loop import Training

_COLUMNS = 10
_GAP_PX = 2


def sheet(images: NDArray[np.uint8], columns: int = _COLUMNS) -> Image.Image:
    """Lay pictures ``(n, h, w, 3)`` out in rows, with thin white lines between."""
    n, height, width, _ = images.shape
    rows = -(-n // columns)
    canvas = np.full(
        (rows * (height + _GAP_PX) - _GAP_PX, columns * (width + _GAP_PX) - _GAP_PX, 3),
        255, np.uint8,
    )  # fmt: skip
    for k, image in enumerate(images):
        top, left = k // columns * (height + _GAP_PX), k % columns * (width + _GAP_PX)
        canvas[top : top + height, left : left + width] = image
    return Image.fromarray(canvas)


def save_sheet(training: Training, pictures: NDArray[np.uint8], path: Path) -> None:
    """Write painted pictures, the same as they are kept, and three rows from random codes."""
    shown = np.array(pictures[:_COLUMNS])
    seen = torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    drawn = torch.Generator().manual_seed(0)
    codes = torch.randn((3 * _COLUMNS, training.recipe.shape.code_dim), generator=drawn)
    with torch.no_grad():
        kept = training.mean_decoder(training.encoder(seen)[0])
        imagined = training.mean_decoder(codes)
    decoded = torch.cat([kept, imagined]).clamp(-1.0, 1.0).permute(0, 2, 3, 1)
    images = np.rint(127.5 * (decoded.numpy() + 1.0)).astype(np.uint8)
    sheet(np.concatenate([shown, images])).save(path)
