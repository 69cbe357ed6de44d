"""Directions in HDF5 files, which may come from anybody."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from controller import code_files
from controller.code_files import UnusableFile, read_basis, read_codes, write_codes

ROWS, VALUES = np.eye(5)[[3, 1, 0]], np.array([5.0, 4.0, 3.0])


@pytest.mark.parametrize("first_byte", [0, 512, 2048])
def test_directions_are_read_from_hdf5_wherever_it_begins(tmp_path: Path, first_byte: int) -> None:
    path = tmp_path / "metric.h5"
    with h5py.File(path, "w", userblock_size=first_byte) as file:
        file["vectors"], file["values"] = ROWS[::-1], VALUES[::-1]
        file["something else"] = "left alone"
    basis = read_basis(path)

    np.testing.assert_array_equal(basis.vectors, ROWS)
    np.testing.assert_array_equal(basis.values, VALUES)


def test_values_need_not_be_there(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "basis.h5", "w") as file:
        file["vectors"] = ROWS

    assert read_basis(tmp_path / "basis.h5").values is None


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("nothing", "holds no array vectors"),
        ("group", "vectors is no array"),
        ("soft link", "lies in another file"),
        ("external link", "lies in another file"),
        ("external bytes", "lies in another file"),
        ("virtual", "lies in another file"),
        ("huge", "claims to hold 8.0 GiB"),
        ("words", "numbers of type"),
        ("cut", "not a readable"),
        ("oblique", "not orthonormal"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, fault: str, told: str) -> None:
    path, other = tmp_path / "metric.h5", tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["vectors"] = ROWS
    with h5py.File(path, "w") as file:
        if fault == "group":
            file.create_group("vectors")
        elif fault == "soft link":
            file["vectors"] = h5py.SoftLink("/elsewhere")
        elif fault == "external link":
            file["vectors"] = h5py.ExternalLink("other.h5", "vectors")
        elif fault == "external bytes":
            outside = [(str(tmp_path / "bytes"), 0, 40)]
            file.create_dataset("vectors", (1, 5), "f8", external=outside)
        elif fault == "virtual":
            layout = h5py.VirtualLayout((3, 5), "f8")
            layout[:] = h5py.VirtualSource("other.h5", "vectors", (3, 5))
            file.create_virtual_dataset("vectors", layout)
        elif fault == "huge":
            file.create_dataset("vectors", (2**15, 2**15), "f8")
        elif fault == "words":
            file["vectors"] = [b"some", b"words"]
        elif fault != "nothing":
            file["vectors"] = ROWS + (0.1 if fault == "oblique" else 0.0)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:600])

    with pytest.raises(UnusableFile, match=told):
        read_basis(path)


def test_written_codes_are_read_again_and_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    for codes in (np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32)):
        write_codes(path, codes, pictures=["a", "b"])
        np.testing.assert_array_equal(read_codes(path, 3), codes)
    assert [p.name for p in tmp_path.iterdir()] == ["codes.npz"]
    with pytest.raises(UnusableFile, match=r"end its name with \.npz"):
        write_codes(tmp_path / "codes.txt", codes)


def test_codes_that_cannot_be_written_leave_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "codes.npz"
    write_codes(path, np.ones((2, 3), np.float32))

    def full(*_: object, **__: object) -> None:
        Path(str(_[0])).write_bytes(b"a part")
        raise OSError("no space left")

    monkeypatch.setattr(code_files.np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        write_codes(path, np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(read_codes(path, 3), np.ones((2, 3)))
    assert [p.name for p in tmp_path.iterdir()] == ["codes.npz"]
