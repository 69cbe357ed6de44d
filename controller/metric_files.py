"""Directions and eigenvalues from an HDF5 file, as `neuroloop generator describe` keeps metrics.

Such a file holds `vectors` (k, d) in rows and perhaps `values` (k,); whatever else is in it is left
alone. It may come from anybody: nothing outside it is opened, and an array's size is looked at
before it is read.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FIRST_BYTES = (0, 512, 1024, 2048)
"""Where HDF5 may begin: it leaves the bytes before to its users."""


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, by its signature; OSError where it cannot be read."""
    with path.open("rb") as file:
        begin = file.read(_FIRST_BYTES[-1] + len(SIGNATURE))
    return any(begin[place:].startswith(SIGNATURE) for place in _FIRST_BYTES)


def read_arrays(path: Path, names: Collection[str], max_bytes: int) -> dict[str, npt.NDArray[Any]]:
    """Return those arrays of `names` that an HDF5 file holds.

    Raises:
        ValueError: the file cannot be read, or an array is too large or lies elsewhere.

    """
    try:
        with h5py.File(path, "r") as file:
            return {name: _array(file, name, max_bytes) for name in names if name in file}
    except (OSError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"HDF5 says: {error}") from error


def _array(file: h5py.File, name: str, max_bytes: int) -> npt.NDArray[Any]:
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} lies in another file")
    data = file[name]
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{name} is no array")
    if data.external or data.is_virtual:
        raise ValueError(f"{name} lies in another file")
    if data.nbytes > max_bytes:
        raise ValueError(f"{name} claims to hold {data.nbytes / 2**30:.1f} GiB")
    found: npt.NDArray[Any] = np.asarray(data[()])
    return found
