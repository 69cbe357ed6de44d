"""Geometries on disk: HDF5 files that are found again by what they were computed from.

    values         (k,)        eigenvalues of the mean metric, falling
    vectors        (k, d)      its axes, one in each row
    codes          (m, d)      reference codes
    local_values   (m, k)      eigenvalues at each reference code
    local_totals   (m,)        sums of all eigenvalues there
    attributes     total, homogeneity, route; key: generator, its digest, distance, codes' digest

A search reads `vectors` and `values` as its metric or basis. A file is written beside its place and
then put there as a whole, so one that is there is complete. HDF5 leaves the first 512 bytes to its
users: they hold the digest of all others, so a damaged file is noticed before HDF5 reads any of it.
Left out: computing anything.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from generators.base import Generator
from generators.errors import GeneratorError
from generators.geometry.distances import Distance
from generators.geometry.metric import Axes, Tell
from generators.geometry.products import Codes
from generators.geometry.service import Geometry, measure
from generators.geometry.spectrum import Homogeneity

_HEAD = "neuroloop geometry 1\nsha256 {}\n"
_HEAD_BYTES = 512


class DamagedGeometry(GeneratorError):
    """A file of a geometry is not what was once written."""


@dataclass(frozen=True)
class GeometryKey:
    """What a geometry follows from; two computations with one key give the same.

    Attributes:
        generator: its name.
        weights_sha256: digest of the numbers behind its pictures.
        image_shape: of its pictures.
        distance: name of the distance.
        codes_sha256: digest of the reference codes.
        n_axes: how many axes were asked for; 0 for as many as are usual.

    """

    generator: str
    weights_sha256: str
    image_shape: tuple[int, int, int]
    distance: str
    codes_sha256: str
    n_axes: int

    @property
    def text(self) -> str:
        """All of it, in one form."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def file_name(self) -> str:
        """For example ``gaussian-512-pyramid-0123456789abcdef.h5``."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        return f"{self.generator}-{self.distance}-{digest}.h5"


def key_of(
    generator: Generator, distance: Distance, codes: Codes, n_axes: int | None
) -> GeometryKey:
    """Return the key of a geometry that is to be computed; see `service.measure`."""
    digest = hashlib.sha256(np.ascontiguousarray(codes, dtype=np.float32).tobytes())
    return GeometryKey(
        generator.name,
        generator.weights_sha256,
        generator.image_shape,
        distance.name,
        digest.hexdigest(),
        n_axes or 0,
    )


def save(geometry: Geometry, key: GeometryKey, path: Path) -> None:
    """Write a geometry; what was at `path` is replaced at once, or not at all."""
    content = BytesIO()
    with h5py.File(content, "w", userblock_size=_HEAD_BYTES) as file:
        for name, array in _arrays(geometry).items():
            file.create_dataset(name, data=array)
        file.attrs["key"] = key.text
        file.attrs["total"] = geometry.axes.total
        file.attrs["homogeneity"] = json.dumps(asdict(geometry.homogeneity))
        file.attrs["route"] = geometry.route
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as beside:
        body = content.getvalue()[_HEAD_BYTES:]
        beside.write_bytes(_head(body) + body)


def load(key: GeometryKey, path: Path) -> Geometry:
    """Read a geometry that `save` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedGeometry: it is damaged, is of something else, or is no such file.

    """
    content = path.read_bytes()
    if content[:_HEAD_BYTES] != _head(content[_HEAD_BYTES:]):
        raise DamagedGeometry(f"{path} is damaged: its bytes are not those that were written")
    with h5py.File(BytesIO(content), "r") as file:
        if file.attrs["key"] != key.text:
            raise DamagedGeometry(f"{path} is the geometry of something else")
        return Geometry(
            Axes(file["values"][()], file["vectors"][()], float(file.attrs["total"])),
            file["local_values"][()],
            file["local_totals"][()],
            Homogeneity(**json.loads(file.attrs["homogeneity"])),
            file["codes"][()],
            str(file.attrs["route"]),
        )


def geometry_of(
    generator: Generator,
    distance: Distance,
    codes: Codes,
    folder: Path,
    n_axes: int | None = None,
    tell: Tell = lambda _: None,
) -> tuple[Geometry, Path]:
    """Return the geometry that `folder` keeps, or compute it and keep it there.

    A damaged file is computed again, which `tell` is told. A stop on the way leaves nothing behind.

    Returns:
        The geometry, and the file in which it is.

    Raises:
        SettingsError: as `service.measure`.
        OSError: the folder cannot be written to, which is found before anything is computed.

    """
    key = key_of(generator, distance, codes, n_axes)
    path = folder / key.file_name
    try:
        return load(key, path), path
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        # A folder that cannot be written to is found now, not after the work.
        tempfile.TemporaryFile(dir=folder).close()
    except DamagedGeometry as error:
        tell(f"{error}; it is computed again")
    geometry = measure(generator, distance, codes, n_axes, tell)
    save(geometry, key, path)
    return geometry, path


def _arrays(geometry: Geometry) -> dict[str, NDArray[np.generic]]:
    return {
        "values": geometry.axes.values,
        "vectors": geometry.axes.vectors,
        "codes": geometry.codes,
        "local_values": geometry.local_values,
        "local_totals": geometry.local_totals,
    }


def _head(body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return _HEAD.format(digest).encode().ljust(_HEAD_BYTES, b"\0")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a file to write that takes the place of `path` once it is on disk."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    beside = Path(name)
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
