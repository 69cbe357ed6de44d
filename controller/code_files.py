"""Arrays of codes and of directions in files that a config names: .npy, and .npz of them.

Files may come from anybody: no pickle is ever loaded, and the size of an array is looked at before
it is read. What is left out: pictures (`controller.initial_codes`), HDF5
(`controller.metric_files`).
"""

import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from controller import metric_files
from controller.errors import ControllerError
from controller.optimizers.basis import Basis, checked_basis
from controller.optimizers.errors import OptimizerOptionError
from generators.array_files import UNREADABLE

MAX_ARRAY_BYTES = 2**31
_LONGEST_HEADER = 2**16
_CODES = "codes"
_ROWS, _VALUES = "vectors", "values"
_LAB_COLUMNS, _LAB_VALUES = "eigvect_avg", "eigv_avg"
"""As the averaged metrics of the field's fc6 and BigGAN generators are kept: columns, rising."""


class UnusableFile(ControllerError):
    """A file of codes or directions cannot be read, or holds something else."""


def read_codes(path: Path, code_dim: int) -> npt.NDArray[np.float32]:
    """Return the codes (m, code_dim) of a file.

    An .npy file holds one array, an .npz file one array, or one that is called `codes`.

    Raises:
        UnusableFile: it is not readable, or holds no such codes.

    """
    loaded = _array(path, (_CODES,))[_CODES]
    shape, kind = loaded.shape, loaded.dtype
    if len(shape) != 2 or not shape[0] or shape[1] != code_dim or kind.kind not in "fiu":
        raise UnusableFile(
            f"{path} holds an array of shape {shape} and type {kind}, but codes of shape "
            f"(m, {code_dim}) are needed"
        )
    with np.errstate(over="ignore"):
        codes = np.asarray(loaded, dtype=np.float32)
    if not np.isfinite(codes).all():
        raise UnusableFile(f"{path} holds codes that are not finite in float32")
    return codes


def write_codes(path: Path, codes: npt.NDArray[np.float32], **beside: npt.ArrayLike) -> None:
    """Write codes (m, code_dim) as `read_codes` reads them, with other arrays beside them.

    What was at `path` is replaced at once, or not at all.

    Raises:
        UnusableFile: the name does not end in .npz.

    """
    if path.suffix != ".npz":
        raise UnusableFile(f"{path} cannot hold codes; end its name with .npz")
    unfinished = path.absolute().with_name(f".{path.name}.unfinished.npz")
    try:
        np.savez(unfinished, allow_pickle=False, **{_CODES: codes}, **beside)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_basis(path: Path) -> Basis:
    """Return the directions of a file.

    An .npy file holds rows (k, d). An .npz or HDF5 file holds `vectors` (k, d) and perhaps `values`
    (k,); an .npz file may hold `eigvect_avg` (d, d), directions in columns, and `eigv_avg` (d,).

    A file that has not changed is read once: it may hold 4096 directions, and is asked for whenever
    options are looked at.

    Raises:
        UnusableFile: it is not readable, or holds no orthonormal directions.

    """
    with _refusing(path):
        as_it_is = path.stat()
    return _basis_of(path.resolve(), as_it_is.st_mtime_ns, as_it_is.st_size)


@lru_cache(maxsize=1)
def _basis_of(path: Path, _changed_ns: int, _n_bytes: int) -> Basis:
    found = _directions(path)
    in_rows = _ROWS in found
    vectors = found[_ROWS] if in_rows else found[_LAB_COLUMNS].T
    values = found.get(_VALUES if in_rows else _LAB_VALUES)
    for array in (vectors, values):
        if array is not None and array.dtype.kind not in "fiu":
            raise UnusableFile(f"{path} holds numbers of type {array.dtype}; needed are real ones")
    try:
        return checked_basis(vectors, values)
    except OptimizerOptionError as error:
        raise UnusableFile(f"{path}: {error}") from error


def _directions(path: Path) -> dict[str, npt.NDArray[Any]]:
    with _refusing(path):
        if not metric_files.is_hdf5(path):
            return _array(path, (_ROWS, _LAB_COLUMNS), others=(_VALUES, _LAB_VALUES))
        found = metric_files.read_arrays(path, (_ROWS, _VALUES), MAX_ARRAY_BYTES)
        if _ROWS not in found:
            raise ValueError(f"it holds no array {_ROWS}")
        return found


def _array(
    path: Path, names: Collection[str], others: Collection[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Return the first array of a file that has one of `names`, and those of `others` there are.

    The one array of an .npy file, or of an .npz file that has no other, goes by any name.
    """
    with _refusing(path), open(path, "rb") as file:
        first = next(iter(names))
        if not zipfile.is_zipfile(file):
            file.seek(0)
            return {first: _read(file)}
        with zipfile.ZipFile(file) as archive:
            inside = {Path(member).stem: member for member in archive.namelist()}
            wanted = next((name for name in names if name in inside), None)
            if wanted is None and len(inside) == 1:
                return {first: _read_member(archive, *inside.values())}
            if wanted is None:
                raise ValueError(f"it holds {sorted(inside)}, but none of {sorted(names)}")
            present = [wanted, *(name for name in others if name in inside)]
            return {name: _read_member(archive, inside[name]) for name in present}


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise UnusableFile(f"{path} is not a readable .npy or .npz file: {error}") from error


def _read_member(archive: zipfile.ZipFile, member: str) -> npt.NDArray[Any]:
    with archive.open(member) as file:
        return _read(file)


def _read(file: IO[bytes]) -> npt.NDArray[Any]:
    """Read one array, after a look at its header; the file is at its beginning."""
    begin = file.read(_LONGEST_HEADER)
    _refuse_large(begin)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _refuse_large(begin: bytes) -> None:
    head = BytesIO(begin)
    version = np.lib.format.read_magic(head)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"its format {version} is unknown")
    shape, _, dtype = readers[version](head)
    n_bytes = int(np.prod([int(length) for length in shape], dtype=object)) * dtype.itemsize
    if n_bytes > MAX_ARRAY_BYTES:
        raise ValueError(f"it claims to hold {n_bytes / 2**30:.1f} GiB")
