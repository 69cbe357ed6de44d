"""How the files of a block are called: `block007_012_ID.png`, `block007.mat`. Pure.

Blocks are numbered from 0, images within a block by the order in which they are to be shown.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rig_adapters.errors import RigError

ImageFormat = Literal["png", "bmp"]
ReplyFormat = Literal["mat", "h5"]
REPLY_FORMATS: tuple[ReplyFormat, ...] = ("mat", "h5")
MOST_BLOCKS = MOST_IMAGES = 1000
"""Numbers have three digits, and the original sorts names as texts."""

_ID = r"[A-Za-z0-9][A-Za-z0-9.-]*(?:_[A-Za-z0-9.-]+)*"
_IMAGE = re.compile(rf"block(\d{{3}})_(\d{{3}})_({_ID})\.(png|bmp)")
_REPLY = re.compile(r"block(\d{3})\.(mat|h5)")
_DONE = re.compile(r"block(\d{3})\.done")
_LONGEST_ID = 100


class FolderError(RigError):
    """The folders are not as they must be, or what is in them is not of this block."""


@dataclass(frozen=True, order=True)
class ImageName:
    """An image of a block; its text is the file's name."""

    block: int
    index: int
    image_id: str
    format: ImageFormat

    def __post_init__(self) -> None:
        if len(self.image_id) > _LONGEST_ID or not _IMAGE.fullmatch(str(self)):
            raise FolderError(
                f"an image of a folder cannot be called {str(self)[:200]!r}: ids have letters, "
                "digits, dots, hyphens and single underscores, and blocks and images are numbered "
                f"from 0 to {MOST_BLOCKS - 1}"
            )

    def __str__(self) -> str:
        return f"block{self.block:03d}_{self.index:03d}_{self.image_id}.{self.format}"


def image_names(block: int, image_ids: Iterable[str], format: ImageFormat) -> tuple[ImageName, ...]:
    """Return the names of a block's images, in the order in which they are to be shown."""
    return tuple(ImageName(block, n, each, format) for n, each in enumerate(image_ids))


def read_image_name(name: str) -> ImageName | None:
    """Return what a file's name says; None where it is no image of a block."""
    found = _IMAGE.fullmatch(name)
    if found is None or len(found[3]) > _LONGEST_ID:
        return None
    return ImageName(int(found[1]), int(found[2]), found[3], "png" if found[4] == "png" else "bmp")


def reply_name(block: int, format: ReplyFormat) -> str:
    """Return how the reply to a block is called."""
    if not 0 <= block < MOST_BLOCKS:
        raise FolderError(
            f"there is no block {block} in folders: they hold {MOST_BLOCKS}; begin a new session"
        )
    return f"block{block:03d}.{format}"


def done_name(block: int) -> str:
    """Return how the marker is called that says that all images of a block are there."""
    return f"block{block:03d}.done"


def block_of_image(name: str) -> int | None:
    """Return the block that the name of an image or of a marker says; None where it is neither."""
    image = read_image_name(name)
    if image is not None:
        return image.block
    found = _DONE.fullmatch(name)
    return None if found is None else int(found[1])


def block_of_reply(name: str) -> int | None:
    """Return the block that a reply's name says; None where it is no reply."""
    found = _REPLY.fullmatch(name)
    return None if found is None else int(found[1])
