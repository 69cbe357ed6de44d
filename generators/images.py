"""Pictures as bytes: the one place where float becomes uint8, and where users' files are read.

Left out: everything about how pixels come to be, colour management (files are taken as sRGB, and
an embedded profile is ignored), and writing files.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from generators.errors import GeneratorError, PictureError, SettingsError

MID_GREY = 128
# Others are left out because Pillow gives some, EPS for one, to other programs to run.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
)
"""What Pillow raises for damaged files."""
_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Pictures:
    """Pictures read from a folder; a picture is identified by its file name, never by position.

    Attributes:
        names: file names, sorted.
        images: ``(n, h, w, 3)`` uint8 in the order of `names`.

    """

    names: tuple[str, ...]
    images: NDArray[np.uint8]


def to_uint8(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pixels in 0..1 to bytes: ``255 * pixel``, rounded half to even, clipped to 0..255.

    Args:
        pixels: any shape, float; 0 is black and 1 is white. Values outside are clipped.

    Returns:
        The same shape, uint8.

    Raises:
        GeneratorError: a pixel is not a number.

    """
    if np.isnan(pixels).any():
        raise GeneratorError(
            "some pixels are not a number: the weights or the codes are too large for float32"
        )
    scaled = np.clip(pixels, 0.0, 1.0) * np.float32(255.0)
    levels: NDArray[np.uint8] = np.rint(scaled, out=scaled).astype(np.uint8)
    return levels


def load_image(path: Path, size_px: int) -> NDArray[np.uint8]:
    """Read one picture file as a square RGB image.

    The largest centred square is cut out and resized with a Lanczos filter. The orientation tag
    of cameras is obeyed, and transparency is laid over mid-grey.

    Args:
        path: a picture file (BMP, GIF, JPEG, PNG, TIFF, WebP); of an animation, the first frame.
        size_px: height and width of the result.

    Returns:
        ``(size_px, size_px, 3)`` uint8.

    Raises:
        PictureError: the file is missing, or is no picture, or is damaged.
        SettingsError: `size_px` is below 1.

    """
    if size_px < 1:
        raise SettingsError(f"a picture of {size_px} pixels was asked for: ask for 1 or more")
    if not path.is_file():
        raise PictureError(f"there is no picture file {path}: check the path")
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except _UNREADABLE as error:
        raise PictureError(
            f"{path} cannot be read as a picture ({error}): replace or remove it"
        ) from error
    ground = Image.new("RGBA", upright.size, (MID_GREY, MID_GREY, MID_GREY, 255))
    opaque = Image.alpha_composite(ground, upright).convert("RGB")
    square = ImageOps.fit(opaque, (size_px, size_px), method=Image.Resampling.LANCZOS)
    return np.asarray(square, dtype=np.uint8)


def picture_files(folder: Path, *, sub_folders: bool = False) -> list[Path]:
    """Return the files of a folder whose names end as those of pictures do, sorted; not opened.

    Args:
        folder: where the pictures lie.
        sub_folders: also those in folders inside it, however deep.

    Raises:
        PictureError: there is no such folder, or it holds no such file.

    """
    if not folder.is_dir():
        raise PictureError(f"there is no folder {folder}: check the path")
    inside = folder.rglob("*") if sub_folders else folder.iterdir()
    paths = sorted(p for p in inside if p.suffix.lower() in _SUFFIXES and p.is_file())
    if not paths:
        kinds = ", ".join(sorted(_SUFFIXES))
        raise PictureError(f"the folder {folder} holds no picture: put files there ({kinds})")
    return paths


def load_folder(folder: Path, size_px: int, limit: int | None = None) -> Pictures:
    """Read the picture files of a folder, sorted by name; other files and sub-folders are left.

    Args:
        folder: where the pictures lie.
        size_px: height and width of each result; see `load_image`.
        limit: take the first so many by name; all if None.

    Returns:
        Names and images.

    Raises:
        PictureError: there is no such folder, it holds no picture, or a picture is damaged.
        SettingsError: `limit` or `size_px` is below 1.

    """
    if limit is not None and limit < 1:
        raise SettingsError(f"a limit of {limit} pictures was given: take 1 or more")
    taken = picture_files(folder)[:limit]
    images = np.stack([load_image(path, size_px) for path in taken])
    return Pictures(tuple(path.name for path in taken), images)
