"""Finds the blocks of images that an XDream client writes, when neuroloop is its rig.

The client writes its images one after the other, says neither how many there will be nor when the
last is there, and takes them away when it has the reply. So a block is whole when its images are
numbered without a hole, every one can be read, and nothing has changed for a while; how many there
are in a block can be said, and then it is certain. Reads no clock; is told the time.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rig_adapters.xdream.names import FolderError, ImageName, read_image_name
from rig_adapters.xdream.outbox import decoded

MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Incoming:
    """An image of a client: pixels (h, w, 3), and its file as it lay there."""

    name: ImageName
    pixels: npt.NDArray[np.uint8]
    file_sha256: str
    mtime_ns: int


Look = Mapping[ImageName, tuple[int, int]]
"""Size and time of each image of a block."""


class IncomingBlock:
    """Looks for the images of one block."""

    def __init__(self, folder: Path, block: int, settled_s: float, n_images: int | None) -> None:
        self._folder = folder
        self._block = block
        self._settled_s = settled_s
        self._n_images = n_images
        self._seen: Look = {}
        self._since_s = 0.0

    def look(self, now_s: float) -> tuple[Incoming, ...] | None:
        """Return the images in the order in which they are to be shown; None until all are there.

        Raises FolderError where they can never be a block, or are of another one.
        """
        seen = self._list()
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        if not seen or now_s - self._since_s < self._settled_s:
            return None
        names = sorted(seen)
        self._check(names)
        if self._n_images is not None and len(names) < self._n_images:
            return None
        images = tuple(self._read(name, seen[name]) for name in names)
        # What changed while it was read is not whole.
        return images if self._list() == seen else None

    def is_taken_away(self) -> bool:
        """Whether the client has removed the block, which it does when it has read the reply."""
        return not self._list()

    def _list(self) -> Look:
        found: dict[ImageName, tuple[int, int]] = {}
        for path in self._folder.iterdir():
            name = read_image_name(path.name)
            if name is None or name.block < self._block:
                continue
            if name.block > self._block:
                raise FolderError(
                    f"{path.name} has come while block {self._block} is awaited: the client counts "
                    "blocks otherwise; begin both anew with empty folders"
                )
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found[name] = (status.st_size, status.st_mtime_ns)
        return found

    def _check(self, names: list[ImageName]) -> None:
        ids = [name.image_id for name in names]
        if [name.index for name in names] != list(range(len(names))):
            raise FolderError(
                f"the images of block {self._block} are not numbered from 0 without a hole, "
                f"{names[0]} to {names[-1]}: the client did not write all of them, or some were "
                "taken away"
            )
        if len(set(ids)) < len(ids):
            raise FolderError(f"block {self._block} has an image twice: the client is at fault")
        if self._n_images is not None and len(names) > self._n_images:
            raise FolderError(
                f"block {self._block} has {len(names)} images, and should have {self._n_images}: "
                "correct the config or the client's block_size"
            )

    def _read(self, name: ImageName, look: tuple[int, int]) -> Incoming:
        n_bytes, mtime_ns = look
        if n_bytes > MOST_BYTES:
            raise FolderError(f"{name} has {n_bytes} bytes, and no image has so many")
        try:
            data = (self._folder / str(name)).read_bytes()
        except OSError as error:
            raise FolderError(f"{name} cannot be read: {error.strerror}") from error
        return Incoming(name, decoded(data, str(name)), hashlib.sha256(data).hexdigest(), mtime_ns)
