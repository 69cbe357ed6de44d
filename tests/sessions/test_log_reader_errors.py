"""What a reader says about files that are no whole session log."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from sessions.errors import LogFormatError, RecordError
from sessions.reader import open_log
from sessions.replay import read_record


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no session log at"):
        open_log(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.h5"
    path.write_text("not HDF5 at all")
    with pytest.raises(LogFormatError, match="cannot be read as HDF5"):
        open_log(path)


def test_a_foreign_hdf5_file_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "session.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(LogFormatError, match="no session log"):
        open_log(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_a_truncated_file_is_refused(pristine_log: Path, tmp_path: Path, share: float) -> None:
    whole = pristine_log.read_bytes()
    path = tmp_path / "session.h5"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(LogFormatError, match="cut short"):
        open_log(path)


def test_a_newer_schema_asks_for_a_newer_program(altered_log) -> None:
    path = altered_log(lambda file: file.attrs.__setitem__("schema_version", 99))
    with pytest.raises(LogFormatError, match=r"schema version 99.*newer neuroloop"):
        open_log(path)


def test_a_counter_beyond_the_commits_is_refused(altered_log) -> None:
    path = altered_log(lambda file: file.attrs.__setitem__("generations_committed", 99))
    with pytest.raises(LogFormatError, match="says that 99 generations"):
        open_log(path)


def test_folder_and_file_open_the_same_log(pristine_log: Path, tmp_path: Path) -> None:
    shutil.copy(pristine_log, tmp_path / "session.h5")
    from_folder, from_file = open_log(tmp_path), open_log(str(pristine_log))
    assert from_folder.start.session_id == from_file.start.session_id == "synthetic-1"


def test_unknown_threads_and_blocks_are_named(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    with pytest.raises(RecordError, match=r"no thread 7; choose one of \[0, 1\]"):
        reader.codes(7)
    with pytest.raises(RecordError, match="Block 8 was not committed"):
        read_record(reader, 8)


class Mine:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap"),)  # type: ignore[return-value]  # what an attacker writes


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "9" * 5000, pickle.dumps(Mine(), protocol=0).decode()]
)
@pytest.mark.parametrize("name", ["versions", "extra"])
def test_a_text_of_the_log_that_is_a_bomb_or_a_pickle_is_refused(
    altered_log, name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def plant(file: h5py.File) -> None:
        file["config"][name][()] = text

    reader = open_log(altered_log(plant))
    with pytest.raises(LogFormatError, match="is not JSON"):
        _ = reader.start
    assert not (tmp_path / "trap").exists()


def test_a_pickle_in_the_place_of_a_column_does_not_run(
    altered_log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def plant(file: h5py.File) -> None:
        del file["threads/name"]
        # As PyTables marks a pickle, which it would load.
        column = file.create_dataset("threads/name", data=np.void(pickle.dumps(Mine())))
        column.attrs["CLASS"] = "VLARRAY"
        column.attrs["PSEUDOATOM"] = "object"

    reader = open_log(altered_log(plant))
    with pytest.raises(ValueError, match="scalar"):
        _ = reader.start
    assert not (tmp_path / "trap").exists()
