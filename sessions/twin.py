"""A file that is replaced, never written in place: complete at every moment, for every reader.

Each change is made in memory (`sessions.overlay`) and written to a twin of the file, which then
takes its place by a rename. The file that was replaced becomes the twin, and lags one change
behind, which is written to it with the next one. So a killed process, a failing disk or a slow
reader can never meet a half-written file, and a change costs its own size twice, not the size of
the file. The twin is removed when the last change is made.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from sessions.overlay import Overlay, Pages
from sessions.storage import sync_directory

Change = Callable[[h5py.File], None]


class TwinFile:
    """An HDF5 file at `path` that changes only by being replaced; one process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._twin = path.with_name(f".{path.name}.twin")
        self._aside = path.with_name(f".{path.name}.aside")
        self._missed: Pages | None = None
        self._unsynced = False
        # A twin from a former process may lag by any number of changes.
        self.remove_twin()

    def create(self, change: Change) -> None:
        """Make the file by its first change, durably; its name appears last, on a complete file.

        Raises:
            FileExistsError: there is a file of that name, which stays as it is.

        """
        pages = _changed(None, change)
        with _opened(self._twin, os.O_RDWR | os.O_CREAT | os.O_TRUNC) as twin:
            pages.write_to(twin)
            os.fsync(twin)
        os.link(self._twin, self.path)
        self._twin.unlink()
        sync_directory(self.path.parent)

    def apply(self, change: Change, needed_bytes: int = 0) -> None:
        """Make one change durable.

        A disk with less than `needed_bytes` left is refused before it is touched.

        Raises:
            OSError: the disk did not take it. The file is as it was; or, where nothing but the
                durability of its name failed, it is changed, and `sync` can be tried again.

        """
        self._refuse_full_disk(needed_bytes)
        with _opened(self.path, os.O_RDONLY) as base:
            pages = _changed(base, change)
        try:
            self._write_to_twin(pages)
            self._exchange()
        except BaseException:
            self.remove_twin()
            raise
        self._missed = pages
        self._settle()

    def sync(self) -> None:
        """Make a file durable whose change was in place when the disk failed.

        It is written and renamed anew: a sync that succeeds after one that failed proves nothing.
        """
        if self._unsynced:
            self.remove_twin()
            self._write_to_twin(Pages({}, self.path.stat().st_size))
            self._exchange()
            self._settle()

    def _settle(self) -> None:
        sync_directory(self.path.parent)
        self._unsynced = False

    def remove_twin(self) -> None:
        """Remove the twin; the next change begins with a copy of the file."""
        self._missed = None
        for path in (self._twin, self._aside):
            path.unlink(missing_ok=True)

    def _refuse_full_disk(self, needed_bytes: int) -> None:
        copy_bytes = 0 if self._twin.exists() else self.path.stat().st_size
        if shutil.disk_usage(self.path.parent).free < needed_bytes + copy_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _write_to_twin(self, pages: Pages) -> None:
        if self._missed is not None and self._twin.exists():
            with _opened(self._twin, os.O_RDWR) as twin:
                # Held until all is written: whoever opened it as the file may lock it only now.
                if _locked(twin):
                    self._missed.write_to(twin)
                    pages.write_to(twin)
                    os.fsync(twin)
                    return
        # What somebody still reads is left to them.
        self.remove_twin()
        shutil.copyfile(self.path, self._twin)
        with _opened(self._twin, os.O_RDWR) as twin:
            pages.write_to(twin)
            os.fsync(twin)

    def _exchange(self) -> None:
        """Put the twin in the file's place, and keep the file as the twin."""
        self._aside.unlink(missing_ok=True)
        os.link(self.path, self._aside)
        self._twin.replace(self.path)
        self._unsynced = True
        self._aside.replace(self._twin)


def _changed(base: int | None, change: Change) -> Pages:
    """Return what a change writes to the file that is open at `base`; None: to a new one."""
    overlay = Overlay(base)
    try:
        with h5py.File(overlay, "w" if base is None else "r+", libver="earliest") as file:
            change(file)
    except Exception as error:
        if overlay.fault is None:
            raise
        # What HDF5 makes of a file that cannot be read is not what is wrong.
        raise overlay.fault from error
    if overlay.fault is not None:
        raise overlay.fault
    return overlay.changes


def _locked(fd: int) -> bool:
    """Lock a file until it is closed; False where an HDF5 reader has it open and locked itself."""
    # Where there are no such locks (Windows), logs are only read.
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        yield fd
    finally:
        os.close(fd)
