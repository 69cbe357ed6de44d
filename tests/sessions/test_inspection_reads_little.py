"""An inspection reads tables and a sample of the pixels, however many pixels there are."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest

from sessions.blocks import blocks_of
from sessions.checks import SAMPLE, Sample, checks, run_checks
from sessions.checks.pixels import rows_to_compare
from sessions.reader import LogReader, open_log
from sessions.report import summary
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

IMAGE_PX = 224
IMAGE_BYTES = IMAGE_PX * IMAGE_PX * 3
FEW = Sample(n_bytes=8 * IMAGE_BYTES, images=1000)


@pytest.fixture(scope="module")
def big_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log that is pixels for the most part."""
    wanted = SyntheticSession(generations=4, image_size=IMAGE_PX, n_references=3)
    return write_synthetic_log(tmp_path_factory.mktemp("big"), wanted)


@dataclass
class Reads:
    """What was asked of a file: bytes, in all."""

    n_bytes: int = 0
    files: list[Path] = field(default_factory=list)


class Counted(io.FileIO):
    """A file that counts what is read from it."""

    def __init__(self, path: Path, reads: Reads) -> None:
        super().__init__(os.fspath(path))
        self._reads = reads

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        n = super().readinto(buffer)
        self._reads.n_bytes += n or 0
        return n


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Count what readers of logs read from here on."""
    counted = Reads()

    @contextmanager
    def opened(path: Path) -> Iterator[h5py.File]:
        with Counted(path, counted) as raw, h5py.File(raw, "r") as file:
            counted.files.append(path)
            yield file

    for module in ("sessions.reader", "sessions.checks.layout"):
        monkeypatch.setattr(f"{module}.open_for_reading", opened)
    return counted


def pixel_bytes(path: Path) -> int:
    with h5py.File(path) as file:
        return sum(dataset.nbytes for dataset in file["pixels"].values())


def inspect_it(path: Path, sample: Sample | None) -> LogReader:
    reader = open_log(path)
    assert run_checks(reader, checks(sample)) == ()
    summary(reader)
    return reader


def test_pixels_beyond_the_sample_are_not_read(big_log: Path, reads: Reads) -> None:
    tables = big_log.stat().st_size - pixel_bytes(big_log)
    assert tables < 0.3 * pixel_bytes(big_log), "the log must be pixels for the most part"

    inspect_it(big_log, FEW)
    # The references are read with the start of the session. A file is opened once for each table,
    # and its head is read again each time.
    heads = 8192 * len(reads.files)
    assert reads.n_bytes < 2 * tables + heads + FEW.n_bytes + 3 * IMAGE_BYTES < pixel_bytes(big_log)


def test_all_pixels_are_read_where_all_are_asked_for(big_log: Path, reads: Reads) -> None:
    inspect_it(big_log, None)
    assert reads.n_bytes > pixel_bytes(big_log)


def test_the_sample_is_the_same_each_time_and_as_large_as_it_may_be(big_log: Path) -> None:
    first, again = (rows_to_compare(open_log(big_log), FEW) for _ in range(2))

    assert len(first) == 8
    assert len(set(first.tolist())) == 8
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [(Sample(n_bytes=1), 1), (Sample(images=5), 5), (SAMPLE, 67), (None, 67)],
)
def test_a_sample_is_bounded_by_bytes_and_images(
    big_log: Path, sample: Sample | None, expected: int
) -> None:
    assert len(rows_to_compare(open_log(big_log), sample)) == expected


def test_a_log_without_pixels_has_none_to_compare(tmp_path: Path) -> None:
    wanted = SyntheticSession(generations=1, n_references=0, keep_pixels=False)
    path = write_synthetic_log(tmp_path, wanted)
    assert len(rows_to_compare(open_log(path), SAMPLE)) == 0


def test_an_altered_image_is_found_when_it_is_in_the_sample(big_log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "session.h5"
    copy.write_bytes(big_log.read_bytes())
    rows = rows_to_compare(open_log(copy), FEW)
    with h5py.File(copy, "r+") as file:
        dataset = file["images/pixels_dataset"][rows[3]].decode()
        file[dataset][file["images/pixels_row"][rows[3]], 5, 5, 0] ^= 1
    (finding,) = run_checks(open_log(copy), checks(FEW))

    assert finding.check == "stored pixels"
    assert open_log(copy).images.name[rows[3]] in finding.message


def test_blocks_that_are_cut_from_tables_are_those_that_are_read_alone(big_log: Path) -> None:
    reader = open_log(big_log)
    cut = list(blocks_of(reader))

    assert [rows.block for rows in cut] == [0, 1, 2, 3]
    for rows in cut:
        alone = reader.block(rows.block)
        for name in ("images", "scores", "presentations", "spikes", "sync", "generations", "clock"):
            mine, other = getattr(rows, name), getattr(alone, name)
            for column in vars(other):
                np.testing.assert_array_equal(getattr(mine, column), getattr(other, column))
        for thread_id, ids in alone.code_ids.items():
            np.testing.assert_array_equal(rows.code_ids[thread_id], ids)
