"""Pictures of a generator as files: one for each code, a sheet of all, and the codes themselves.

Left out: which codes, and what a fit found (`controller.generator_tools.fit_figure`).
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from controller.errors import ControllerError

CODES, SHEET = "codes.npy", "sheet.png"
_TILE_PX = 160
_GAP_PX = 6
_LABEL_PX = 14
_PAPER, _INK = 255, 90


class UnusableFolder(ControllerError):
    """Pictures cannot be written to a folder."""


def require_new_folder(folder: Path) -> None:
    """Check that pictures can be put into a folder that is not there yet, or is empty.

    Raises:
        UnusableFolder: it is a file, holds something, or has no place.

    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UnusableFolder(f"{folder} is there and not an empty folder; choose another name")
    if not folder.absolute().parent.is_dir():
        raise UnusableFolder(f"there is no folder {folder.absolute().parent}; make it first")


def write_pictures(
    folder: Path, codes: npt.NDArray[np.float32], images: npt.NDArray[np.uint8]
) -> None:
    """Write codes ``(n, code_dim)`` and images ``(n, h, w, 3)``: all of them, or nothing.

    Raises:
        UnusableFolder: as `require_new_folder`.

    """
    require_new_folder(folder)
    unfinished = folder.absolute().with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        for index, image in enumerate(images):
            Image.fromarray(image).save(unfinished / f"{index:04d}.png")
        sheet(images, [str(index) for index in range(len(images))]).save(unfinished / SHEET)
        np.save(unfinished / CODES, codes, allow_pickle=False)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Give another name to write a file to; it gets its own at the end, if all went well."""
    other = path.with_name(f".unfinished-{path.name}")
    try:
        yield other
        other.replace(path)
    finally:
        other.unlink(missing_ok=True)


def sheet(
    images: npt.NDArray[np.uint8], labels: Sequence[str], columns: int | None = None
) -> Image.Image:
    """Return images ``(n, h, w, 3)`` side by side, each with its label below, in a square.

    Small images keep their pixels: they are enlarged by a whole number; large ones are scaled down.
    """
    n, height, width, _ = images.shape
    per_row = columns or max(1, math.ceil(math.sqrt(n)))
    scale = _TILE_PX / max(height, width)
    scale = max(1, math.floor(scale)) if scale > 1 else scale
    tile = (max(1, round(width * scale)), max(1, round(height * scale)))
    step = (tile[0] + _GAP_PX, tile[1] + _GAP_PX + _LABEL_PX)
    size = (per_row * step[0] + _GAP_PX, math.ceil(n / per_row) * step[1] + _GAP_PX)
    paper = Image.new("RGB", size, (_PAPER,) * 3)
    pen = ImageDraw.Draw(paper)
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(index, per_row)
        place = (_GAP_PX + column * step[0], _GAP_PX + row * step[1])
        paper.paste(Image.fromarray(image).resize(tile, how), place)
        pen.text((place[0] + 1, place[1] + tile[1] + 1), label, fill=(_INK,) * 3)
    return paper
