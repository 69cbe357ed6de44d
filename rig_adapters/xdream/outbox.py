"""Writes the images of a block into a folder where a rig looks for them, and takes them away.

No image is ever seen half written: all are written under names that no rig looks for, and renamed
when the last is on disk; the marker `.done` comes after them. Nothing is touched that this session
has not put there.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from rig_adapters.xdream.names import (
    FolderError,
    ImageName,
    block_of_image,
    block_of_reply,
    done_name,
    read_image_name,
)

_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Written:
    """A file of a block as it lies in the folder; its time is by the clock of the file server."""

    name: str
    sha256: str
    n_bytes: int
    mtime_ns: int


def encoded(image: npt.NDArray[np.uint8], name: ImageName) -> bytes:
    """Return the bytes of the file of an image (h, w, 3); lossless, and checked to be."""
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, format=name.format.upper())
    data = stream.getvalue()
    if not np.array_equal(decoded(data, str(name)), image):
        raise FolderError(f"{name} does not read back as it was: Pillow is at fault; reinstall it")
    return data


def decoded(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Return the pixels (h, w, 3) of a file. Raises FolderError where it is no whole image."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("PNG", "BMP")) as picture:
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise FolderError(f"{name} cannot be read as an image ({error})") from error


class Outbox:
    """The folder of images."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, replies: Path, first_block: int = 0) -> None:
        """See that both folders are there and hold nothing of another session.

        A session that goes on with `first_block` has its former blocks there; of the last of them,
        which may have been cut off, images are taken away. Raises FolderError, before anything is
        written.
        """
        for folder in (self._folder, replies):
            if not folder.is_dir():
                raise FolderError(f"there is no folder {folder}: make it, or correct the config")
        there = [each.name for each in self._folder.iterdir()]
        if first_block:
            names = [each.removesuffix(_UNFINISHED) for each in there]
            of_block = [(read_image_name(name), name) for name in names]
            cut_off = [name for read, name in of_block if read and read.block == first_block - 1]
            self.take_away(first_block - 1, cut_off)
        left = [name for name in there if _is_from(block_of_image(name), first_block)]
        left += [
            each.name
            for each in replies.iterdir()
            if _is_from(block_of_reply(each.name), first_block)
        ]
        if left:
            raise FolderError(
                f"{len(left)} files of another session are in the folders ({min(left)} …): move "
                "them away, so that no old reply is taken for a new one"
            )

    def write(self, block: int, files: Mapping[ImageName, bytes]) -> tuple[Written, ...]:
        """Write a block; on any error nothing of it stays, and FolderError says why."""
        if not files or any(name.block != block for name in files):
            raise FolderError(f"block {block} can only be written with its own images")
        names = [str(name) for name in files]
        if there := [name for name in names if (self._folder / name).exists()]:
            raise FolderError(
                f"{there[0]} is in {self._folder} already: another program writes there; end it"
            )
        try:
            for name, data in zip(names, files.values(), strict=True):
                self._put(name + _UNFINISHED, data)
            for name in names:
                os.rename(self._folder / (name + _UNFINISHED), self._folder / name)
            self._put(done_name(block) + _UNFINISHED, "".join(f"{n}\n" for n in names).encode())
            marker = self._folder / done_name(block)
            os.rename(self._folder / (done_name(block) + _UNFINISHED), marker)
            self._sync()
            return tuple(
                self._written(name, data) for name, data in zip(names, files.values(), strict=True)
            )
        except OSError as error:
            with suppress(FolderError):
                self.take_away(block, names)
            raise FolderError(
                f"the images of block {block} cannot be written to {self._folder}: "
                f"{error.strerror}; see that the folder is there and has room"
            ) from error

    def take_away(self, block: int, names: Iterable[str]) -> None:
        """Remove the marker and the images of a block; what is gone already is no matter.

        Raises FolderError where something stays.
        """
        stays: list[OSError] = []
        for name in (done_name(block), *names):
            for each in (name, name + _UNFINISHED):
                try:
                    (self._folder / each).unlink(missing_ok=True)
                except OSError as error:
                    stays.append(error)
        if stays:
            raise FolderError(
                f"{len(stays)} files of block {block} cannot be removed from {self._folder}: "
                f"{stays[0].strerror}; remove them, so that the rig does not show them again"
            )

    def _put(self, name: str, data: bytes) -> None:
        # "x": what is there already is somebody else's, also where it is a link.
        with (self._folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            # A folder of another system may not know how to.
            with suppress(OSError):
                os.fsync(folder)
        finally:
            os.close(folder)

    def _written(self, name: str, data: bytes) -> Written:
        status = (self._folder / name).stat()
        return Written(name, hashlib.sha256(data).hexdigest(), status.st_size, status.st_mtime_ns)


def _is_from(block: int | None, first: int) -> bool:
    return block is not None and block >= first
