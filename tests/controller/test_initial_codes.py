"""What a thread shows first, through its config: drawn, from files, or from pictures."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from controller import assembly
from controller.code_files import UnusableFile, read_basis, read_codes
from controller.errors import ConfigError, SessionRefused
from generators.gaussian import GaussianGenerator
from generators.procedural import natural_references

from .conftest import session_config

SMALL = ("generators.main.code_dim=8", "generators.main.image_size_px=72")


def first_codes(*overrides: str) -> np.ndarray:
    """Return what the only thread shows first."""
    config = session_config(*SMALL, *overrides)
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))
    return thread.ask(0).codes


def first_codes_from(*entries: Path | str) -> np.ndarray:
    listed = ", ".join(f'"{entry}"' for entry in entries)
    return first_codes(f"threads.0.optimizer.initial=[{listed}]")


def test_random_codes_follow_from_the_seed_at_natural_contrast() -> None:
    codes = first_codes()

    assert codes.shape == (40, 8)
    np.testing.assert_array_equal(codes, first_codes())
    np.testing.assert_array_equal(codes, first_codes("threads.0.optimizer.initial=random"))
    assert not np.array_equal(codes, first_codes("session.seed=7"))
    assert np.sqrt(np.square(codes).sum(axis=1).mean()) == pytest.approx(300.0, rel=0.15)


def test_normal_codes_have_unit_variance() -> None:
    codes = first_codes_from("normal")

    assert codes.shape == (40, 8)
    assert codes.std() == pytest.approx(1.0, abs=0.15)
    np.testing.assert_array_equal(codes, first_codes_from("normal"))


def test_there_are_as_many_as_the_population() -> None:
    assert first_codes("threads.0.optimizer.population_size=6").shape == (6, 8)


def test_inside_a_wrapper_there_are_as_many_as_its_population() -> None:
    table = '{kind="subspace", n_dims=4, inner={kind="genetic", population_size=11}}'

    assert first_codes(f"threads.0.optimizer={table}").shape == (11, 8)


def test_first_codes_can_be_zeros() -> None:
    codes = first_codes("threads.0.optimizer.initial=zeros")

    assert codes.shape == (1, 8)
    assert not codes.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_first_codes_can_come_from_a_file(tmp_path: Path, dtype: type) -> None:
    wanted = np.arange(24).reshape(3, 8).astype(dtype)
    np.save(tmp_path / "codes.npy", wanted)

    codes = first_codes(f'threads.0.optimizer.initial="{tmp_path}/codes.npy"')

    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, wanted)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("others", [False, True])
def test_first_codes_can_come_from_an_archive(tmp_path: Path, save: object, others: bool) -> None:
    wanted = np.arange(24.0).reshape(3, 8)
    arrays = {"codes": wanted, "scores": np.ones(3)} if others else {"anything": wanted}
    save(tmp_path / "codes.npz", **arrays)  # type: ignore[operator]  # one of two functions

    np.testing.assert_array_equal(first_codes_from(tmp_path / "codes.npz"), wanted)


def test_a_list_gives_the_codes_of_all_its_entries_in_order(tmp_path: Path) -> None:
    one, two = np.full((2, 8), 1.0), np.full((3, 8), 2.0)
    np.save(tmp_path / "one.npy", one)
    np.save(tmp_path / "two.npy", two)
    listed = [tmp_path / "two.npy", "zeros", tmp_path / "one.npy"]

    expected = np.concatenate([two, np.zeros((1, 8)), one])
    np.testing.assert_array_equal(first_codes_from(*listed), expected)


@pytest.mark.parametrize("drawn", ["random", "normal"])
def test_a_short_set_is_filled_up_to_the_population(tmp_path: Path, drawn: str) -> None:
    np.save(tmp_path / "codes.npy", np.ones((30, 8)))
    codes = first_codes_from(tmp_path / "codes.npy", drawn)

    assert codes.shape == (40, 8)
    np.testing.assert_array_equal(codes[:30], np.ones((30, 8)))
    np.testing.assert_array_equal(codes[30:], first_codes_from(drawn)[:10])


def test_a_set_that_is_long_enough_is_not_filled_up(tmp_path: Path) -> None:
    np.save(tmp_path / "codes.npy", np.ones((41, 8)))

    assert first_codes_from(tmp_path / "codes.npy", "random").shape == (41, 8)


def test_a_picture_gives_the_code_whose_image_is_nearest(tmp_path: Path) -> None:
    generator = GaussianGenerator(code_dim=8, image_size_px=72)
    (picture,) = natural_references(1, 72, np.random.default_rng(3))
    Image.fromarray(picture).save(tmp_path / "face.png")
    codes = first_codes_from(f"picture:{tmp_path}/face.png", "zeros")

    np.testing.assert_array_equal(codes[:1], generator.invert(picture[np.newaxis]))
    assert codes.shape == (2, 8)


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_text("not a picture")
    with pytest.raises(SessionRefused, match=r"^threads\.0\.optimizer\.initial: .*as a picture"):
        first_codes_from(f"picture:{tmp_path}/face.png")


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ('"codes.npy"', "there is no file codes.npy."),
        ('["zeros", "picture:face.png"]', "there is no file face.png."),
        (
            '["random", "normal"]',
            "it names random and normal, but only one entry can fill up the generation.",
        ),
        ("3", "it must be a text or a list of texts."),
    ],
)
def test_entries_that_cannot_be_are_a_config_error(entries: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        session_config(f"threads.0.optimizer.initial={entries}")

    assert refused.value.problems == (f"threads.0.optimizer.initial: {told}",)


NOT_FINITE = np.zeros((3, 8))
NOT_FINITE[1, 2] = np.nan


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((3, 9)), r"shape \(3, 9\).*but codes of shape \(m, 8\) are needed"),
        (np.zeros(8), r"shape \(8,\)"),
        (np.zeros((0, 8)), r"shape \(0, 8\)"),
        (np.zeros((3, 8), np.complex64), "type complex64"),
        (np.full((3, 8), "x"), "type <U1"),
        (NOT_FINITE, "not finite in float32"),
        (np.full((3, 8), 1e300), "not finite in float32"),
    ],
)
def test_a_file_with_other_codes_is_refused(tmp_path: Path, array: np.ndarray, why: str) -> None:
    np.save(tmp_path / "codes.npy", array)

    with pytest.raises(SessionRefused, match=r"^threads\.0\.optimizer\.initial: .*" + why):
        first_codes_from(tmp_path / "codes.npy")


class Mine:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap"),)  # type: ignore[return-value]  # what an attacker writes


def test_no_pickle_is_ever_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    objects = np.full((3, 8), None, dtype=object)
    objects[0, 0] = Mine()
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", codes=objects)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Mine()))

    for name in ("objects.npy", "objects.npz", "pickle.npy"):
        for read in (first_codes_from, read_basis):
            with pytest.raises((SessionRefused, UnusableFile), match=r"is not a readable \.npy"):
                read(tmp_path / name)
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 a broken archive", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x09\x00\x10\x00"],
)
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "codes.npy").write_bytes(content)

    with pytest.raises(SessionRefused, match=r"is not a readable \.npy or \.npz file"):
        first_codes_from(tmp_path / "codes.npy")


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_claims_to_be_huge_is_refused_unread(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "codes.npy"
    with open(path, "wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 8)}
        np.lib.format.write_array_header_1_0(file, header)
    if packed:
        with zipfile.ZipFile(tmp_path / "codes.npz", "w") as archive:
            archive.write(path, "codes.npy")
        path = tmp_path / "codes.npz"

    with pytest.raises(UnusableFile, match=r"claims to hold 59\.6 GiB"):
        read_codes(path, 8)


def test_an_archive_without_codes_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", a=np.zeros(3), b=np.zeros(3))

    with pytest.raises(SessionRefused, match=r"it holds \['a', 'b'\], but none of \['codes'\]"):
        first_codes_from(tmp_path / "codes.npz")


def test_directions_in_rows_or_as_the_field_keeps_its_metrics(tmp_path: Path) -> None:
    rows, values = np.eye(5)[[3, 1, 0, 2, 4]], np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    np.save(tmp_path / "rows.npy", rows)
    np.savez(tmp_path / "rows.npz", vectors=rows, values=values)
    # Columns by rising eigenvalue, beside the matrix itself.
    columns = {"eigvect_avg": rows[::-1].T, "eigv_avg": values[::-1], "H_avg": np.eye(5)}
    np.savez(tmp_path / "metric.npz", **columns)

    for name in ("rows.npy", "rows.npz", "metric.npz"):
        basis = read_basis(tmp_path / name)
        np.testing.assert_array_equal(basis.vectors, rows)
        assert name == "rows.npy" or basis.values.tolist() == values.tolist()


def test_a_file_of_directions_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    for rows in (np.eye(3), np.eye(4), np.eye(4)[::-1]):
        np.save(path, rows)
        os.utime(path, ns=(0, int(rows[0, 0]) + len(rows)))
        np.testing.assert_array_equal(read_basis(path).vectors, rows)
        assert read_basis(path) is read_basis(path)


def test_directions_of_other_numbers_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.eye(3, dtype=complex))

    with pytest.raises(UnusableFile, match="type complex128"):
        read_basis(tmp_path / "rows.npy")
