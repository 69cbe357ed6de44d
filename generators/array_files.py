"""Files of named arrays (.npz) that somebody else may have made: read without running anything.

No pickle is loaded, and a file cannot claim more than it holds: arrays must be stored as they are,
not compressed. Left out: what the arrays have to be, which each kind of file knows.
"""

import struct
import tokenize
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generators.errors import WeightsError

_PIECE_BYTES = 2**20

UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    OverflowError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
)
"""What zipfile and numpy raise for files that are none of theirs, or are damaged."""


def read_arrays(path: Path, names: Collection[str], kind: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by their names; others in it are left.

    Args:
        path: an .npz file.
        names: arrays that it must hold.
        kind: what the file should be, for the sentence that says it is not.

    Raises:
        WeightsError: it is missing, is no such file, is damaged, or lacks an array.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(info.filename).stem: info for info in archive.infolist()}
            missing = [name for name in names if name not in members]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            return {name: _read(archive, members[name]) for name in names}
    except FileNotFoundError as error:
        raise WeightsError(f"there is no file {path}: check the path") from error
    except UNREADABLE as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise WeightsError(f"{path} cannot be read as {kind} ({reason}): make it again") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    with archive.open(member) as file:
        # To the end, where its checksum is compared: what is damaged is not even parsed.
        while file.read(_PIECE_BYTES):
            pass
        file.seek(0)
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{member.filename} has the unknown format {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds objects, which nothing here runs")
        n_values = int(np.prod([int(length) for length in shape], dtype=object))
        if min(shape, default=0) < 0 or n_values * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} claims more than it holds")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
