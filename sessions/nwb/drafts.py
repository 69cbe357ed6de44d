"""A file that appears under its name when it is complete, and leaves nothing behind before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sessions.errors import SessionLogError


class ExportError(SessionLogError):
    """The file cannot be written where it was wanted."""


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; whatever is there at the end is removed."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".nwb", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        # Only the owner may read what mkstemp makes; a file of data is as others are.
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Return when the disk has all of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_place(path: Path, force: bool) -> None:
    """Refuse a place where there is a file already, or no folder."""
    if path.exists() and not force:
        raise ExportError(
            f"There is a file at {path}; give another name with --out, or --force to replace it."
        )
    if not path.parent.is_dir():
        raise ExportError(f"There is no folder {path.parent}; make it, or name another with --out.")
