"""What stands at the head of a log: its format, how many rows count, its end, and its windows.

The tables themselves are read by `sessions.reader`.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from sessions.errors import LogFormatError
from sessions.records import SessionEnd, Window
from sessions.schema import COMMITS, FILE_NAME, FORMAT_NAME, SCHEMA_VERSION


def require_log(file: h5py.File) -> None:
    """Refuse a file that is no session log, or newer than this program, with LogFormatError."""
    if plain(file.attrs.get("format")) != FORMAT_NAME:
        raise LogFormatError(
            f"{file.filename} is an HDF5 file and no session log; name a {FILE_NAME}."
        )
    version = int(file.attrs["schema_version"])
    if version > SCHEMA_VERSION:
        raise LogFormatError(
            f"{file.filename} has schema version {version}, this program knows up to "
            f"{SCHEMA_VERSION}; read it with a newer neuroloop."
        )


def row_counts(file: h5py.File, committed: int) -> dict[str, list[int]]:
    """Rows of each table after 0, 1, … `committed` generations.

    Raises:
        LogFormatError: fewer commits are listed.

    """
    rows = file[COMMITS.path]["rows"]
    if rows.shape[0] <= committed:
        raise LogFormatError(
            f"{file.filename} says that {committed} generations were committed and lists "
            f"{rows.shape[0] - 1}; it was damaged, so take a complete copy from the rig."
        )
    keys = [key.decode() for key in rows.attrs["tables"]]
    return dict(zip(keys, rows[: committed + 1].T.tolist(), strict=True))


def read_end(file: h5py.File) -> SessionEnd | None:
    """How the session ended; None while it is live, or where it was cut off."""
    status: Any = plain(file.attrs["exit_status"])
    if not status:
        return None
    return SessionEnd(plain(file.attrs["ended_at"]), status, plain(file.attrs["reason"]))


def plain(value: Any) -> Any:
    """Turn numpy scalars of attributes into those of Python."""
    return value.item() if isinstance(value, np.generic) else value


def window(values: Any) -> Window | None:
    """Return a window as it is kept in an attribute; None where it is kept as NaN, NaN."""
    start_s, stop_s = (float(value) for value in values)
    return None if np.isnan(start_s) else (start_s, stop_s)
