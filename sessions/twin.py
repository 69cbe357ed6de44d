"""A file that is replaced, never written in place: complete at every moment, for every reader.

Each change is made to a twin of the file, which is then put in its place by a rename. The file that
was replaced becomes the twin, and lags one change behind, which it gets before the next one. So a
killed process, or a reader that is slow, can never meet a half-written file, and a change costs its
own size twice, not the size of the file. The twin is removed when the last change is made.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py

from sessions.storage import sync_directory, sync_file

Change = Callable[[h5py.File], None]


_ERRNO = re.compile(r"errno = (\d+)")


def as_os_error(error: RuntimeError) -> Exception:
    """Return what HDF5 met on the disk: it tells of a failed write in the text of another error."""
    found = _ERRNO.search(str(error))
    number = int(found[1]) if found else 0
    return OSError(number, os.strerror(number)) if found else error


class TwinFile:
    """An HDF5 file at `path` that changes only by being replaced; one process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._twin = path.with_name(f".{path.name}.twin")
        self._aside = path.with_name(f".{path.name}.aside")
        self._missed: Change | None = None
        # A twin from a former process may lag by any number of changes.
        self.remove_twin()

    def apply(self, change: Change, needed_bytes: int = 0) -> None:
        """Make one change durable; where it raises, the file is as it was.

        HDF5 cannot be relied on once a write has failed, so a disk with less than `needed_bytes`
        left is refused before it is touched, with the OSError of a full one.
        """
        self._refuse_full_disk(needed_bytes)
        try:
            with self._open_twin() as file:
                if self._missed is not None:
                    self._missed(file)
                change(file)
            sync_file(self._twin)
            self._exchange()
        except RuntimeError as error:
            self.remove_twin()
            raise as_os_error(error) from error
        except BaseException:
            self.remove_twin()
            raise
        self._missed = change

    def remove_twin(self) -> None:
        """Remove the twin; the next change begins with a copy of the file."""
        self._missed = None
        for path in (self._twin, self._aside):
            path.unlink(missing_ok=True)

    def _refuse_full_disk(self, needed_bytes: int) -> None:
        copy_bytes = 0 if self._twin.exists() else self.path.stat().st_size
        if shutil.disk_usage(self.path.parent).free < needed_bytes + copy_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _open_twin(self) -> h5py.File:
        if self._twin.exists():
            with contextlib.suppress(BlockingIOError):
                return h5py.File(self._twin, "r+", libver="earliest")
            # Somebody still reads what was the file a change ago: leave it to them.
            self.remove_twin()
        shutil.copyfile(self.path, self._twin)
        self._missed = None
        return h5py.File(self._twin, "r+", libver="earliest")

    def _exchange(self) -> None:
        """Put the twin in the file's place, and keep the file as the twin."""
        self._aside.unlink(missing_ok=True)
        os.link(self.path, self._aside)
        self._twin.replace(self.path)
        self._aside.replace(self._twin)
        sync_directory(self.path.parent)
