"""Geometries on disk: found again, never half there, computed anew when damaged."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generators.geometry import cache
from generators.geometry.cache import DamagedGeometry, geometry_of, key_of, load
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance, PyramidDistance
from generators.geometry.service import Geometry

Codes = NDArray[np.float32]


def same(one: Geometry, other: Geometry) -> bool:
    arrays = ("local_values", "local_totals", "codes")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and np.array_equal(one.axes.values, other.axes.values)
        and np.array_equal(one.axes.vectors, other.axes.vectors)
        and (one.axes.total, one.route) == (other.axes.total, other.route)
        and str(one.homogeneity) == str(other.homogeneity)
    )


@pytest.fixture
def no_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a computation fail the test."""

    def computed(*_: object) -> Geometry:
        raise AssertionError("computed")

    monkeypatch.setattr(cache, "measure", computed)


@pytest.mark.parametrize("n_codes", [1, 2])
def test_a_geometry_is_found_again(
    curved: Decoder, codes: Codes, tmp_path: Path, request: pytest.FixtureRequest, n_codes: int
) -> None:
    first, path = geometry_of(curved, PixelDistance(), codes[:n_codes], tmp_path / "deep" / "er")
    request.getfixturevalue("no_computing")
    told: list[str] = []
    again, same_path = geometry_of(
        curved, PixelDistance(), codes[:n_codes], tmp_path / "deep" / "er", tell=told.append
    )

    assert same(first, again)
    assert path == same_path
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert told == []


def test_another_question_has_another_file(linear: Decoder, curved: Decoder, codes: Codes) -> None:
    keys = [
        key_of(curved, PixelDistance(), codes, None),
        key_of(curved, PixelDistance(), codes, 3),
        key_of(curved, PixelDistance(), codes[:2], None),
        key_of(curved, PixelDistance(), codes + np.float32(1e-3), None),
        key_of(curved, PyramidDistance(), codes, None),
        key_of(linear, PixelDistance(), codes, None),
    ]

    assert len({key.file_name for key in keys}) == len(keys)


def test_what_stands_in_the_file_can_be_read_without_this_program(
    curved: Decoder, codes: Codes, tmp_path: Path
) -> None:
    geometry, path = geometry_of(curved, PixelDistance(), codes, tmp_path, n_axes=4)
    with h5py.File(path) as file:
        assert file["vectors"].shape == (4, 12)
        assert (np.diff(file["values"][()]) <= 0).all()
        np.testing.assert_array_equal(file["codes"][()], codes)
        assert file["local_values"].shape == (3, 4)
        assert file.attrs["total"] == geometry.axes.total
        assert curved.weights_sha256 in file.attrs["key"]


@given(st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_file_damaged_anywhere_is_noticed(
    curved: Decoder, codes: Codes, tmp_path: Path, data: st.DataObject
) -> None:
    _, path = geometry_of(curved, PixelDistance(), codes, tmp_path)
    key, whole = key_of(curved, PixelDistance(), codes, None), path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[place] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        broken = broken[:place]
    try:
        path.write_bytes(bytes(broken))
        with pytest.raises(DamagedGeometry, match="is damaged"):
            load(key, path)
    finally:
        path.write_bytes(whole)


def test_a_damaged_file_is_computed_again_and_that_is_said(
    curved: Decoder, codes: Codes, tmp_path: Path
) -> None:
    first, path = geometry_of(curved, PixelDistance(), codes, tmp_path)
    with h5py.File(path, "r+") as file:
        file["values"][0] *= 1.001
    told: list[str] = []
    again, _ = geometry_of(curved, PixelDistance(), codes, tmp_path, tell=told.append)

    assert same(first, again)
    assert "its bytes are not those that were written; it is computed again" in told[0]
    assert same(load(key_of(curved, PixelDistance(), codes, None), path), first)


def test_the_file_of_something_else_is_not_taken(
    linear: Decoder, curved: Decoder, codes: Codes, tmp_path: Path
) -> None:
    _, path = geometry_of(linear, PixelDistance(), codes, tmp_path)

    with pytest.raises(DamagedGeometry, match="of something else"):
        load(key_of(curved, PixelDistance(), codes, None), path)


def test_a_stop_leaves_nothing_behind(curved: Decoder, codes: Codes, tmp_path: Path) -> None:
    def stop(told: str) -> None:
        if "code 2" in told:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geometry_of(curved, PixelDistance(), codes, tmp_path, 3, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_while_writing_leaves_what_was_there(
    curved: Decoder, codes: Codes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry, path = geometry_of(curved, PixelDistance(), codes, tmp_path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        cache.save(geometry, key_of(curved, PixelDistance(), codes, None), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.usefixtures("no_computing")
def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    curved: Decoder, codes: Codes, tmp_path: Path
) -> None:
    place = tmp_path / "a file"
    place.write_text("in the way")

    with pytest.raises(OSError, match="a file"):
        geometry_of(curved, PixelDistance(), codes, place)
