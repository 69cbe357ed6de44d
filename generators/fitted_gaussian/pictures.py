"""Pictures of a folder, read once and kept as bytes in a file that has no name.

A fit goes over its pictures several times, and decoding them takes longer than all the rest. The
file takes ``3 * size ** 2`` bytes for each picture, lies beside the file that is to be made, and is
gone when the process is, however it ends. Left out: what is computed from the pictures.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from generators.errors import PictureError
from generators.images import load_image, picture_files

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is."""

MOST_UNREADABLE = 0.1
"""Share of files that may be unreadable before the folder as a whole is doubted."""


def silent(doing: str, done: int, total: int) -> None:
    """Tell nobody how far a fit is."""


class PictureStore:
    """Different pictures of one size, as bytes in an open file; made by `picture_store`.

    Args:
        file: empty, to be written and read.
        size_px: height and width of every picture.

    """

    def __init__(self, file: IO[bytes], size_px: int) -> None:
        self.size_px = size_px
        self.n_copies = 0
        self._file = file
        self._seen: set[bytes] = set()
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def n_values(self) -> int:
        """Bytes of one picture."""
        return 3 * self.size_px**2

    @property
    def sha256(self) -> str:
        """Hex digest of all pictures, in their order."""
        return self._digest.hexdigest()

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Keep a picture ``(size_px, size_px, 3)``, unless the same is there: it tells nothing new.

        Raises:
            OSError: the disk does not take it.

        """
        content = picture.tobytes()
        digest = hashlib.sha256(content).digest()
        if digest in self._seen:
            self.n_copies += 1
            return
        self._file.write(content)
        self._seen.add(digest)
        self._digest.update(digest)

    def values(self) -> NDArray[np.uint8]:
        """Return all pictures as ``(n, n_values)``, which is read from disk where it is used."""
        self._file.flush()
        shape = (len(self), self.n_values)
        return np.memmap(self._file, dtype=np.uint8, mode="r", shape=shape)


@contextmanager
def picture_store(size_px: int, folder: Path) -> Iterator[PictureStore]:
    """Open a store of pictures whose file, without a name, lies in `folder`."""
    with tempfile.TemporaryFile(dir=folder, prefix=".neuroloop-fit-") as file:
        yield PictureStore(file, size_px)


def fill_from_folder(store: PictureStore, folder: Path, progress: Progress = silent) -> list[str]:
    """Read every picture of a folder and of the folders inside it, in the order of their names.

    Args:
        store: takes the pictures.
        folder: where they lie.
        progress: told after each picture.

    Returns:
        For each file that cannot be read, a sentence.

    Raises:
        PictureError: there is no picture, too many cannot be read, or the disk is full.

    """
    paths = picture_files(folder, sub_folders=True)
    unreadable: list[str] = []
    for done, path in enumerate(paths, start=1):
        try:
            picture = load_image(path, store.size_px)
        except PictureError as error:
            unreadable.append(str(error))
        else:
            _keep(store, picture)
        progress("reading pictures", done, len(paths))
    if len(unreadable) > MOST_UNREADABLE * len(paths):
        raise PictureError(
            f"{len(unreadable)} of {len(paths)} files in {folder} cannot be read as pictures, the "
            f"first because {unreadable[0].rstrip('.')}; remove what is no picture"
        )
    return unreadable


def _keep(store: PictureStore, picture: NDArray[np.uint8]) -> None:
    try:
        store.add(picture)
    except OSError as error:
        raise PictureError(
            f"the disk does not take the scaled pictures ({error.strerror}): each needs "
            f"{store.n_values / 1e3:.0f} kB beside the file to be made while it is fitted"
        ) from error
