"""The tables of a log as pandas frames, and what is said of a log when it is opened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import sessions
from sessions import schema
from sessions.committed import commit_of
from sessions.errors import LogBehindJournal, RecordError
from sessions.journal import Journal, segment_path
from sessions.log import SessionLog
from sessions.testing.reported import write_reported_log
from sessions.testing.synthetic import (
    SyntheticSession,
    facts_of,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)

SMALL = SyntheticSession(generations=2, population_size=4, n_references=3)
PLAIN = [table for table in (*schema.FIXED_TABLES, schema.EVENTS) if table is not schema.THREADS]
"""Tables whose frames hold the logged columns; of /threads some are lists in the file."""


@pytest.mark.parametrize("table", PLAIN, ids=lambda table: table.path)
def test_a_frame_holds_the_columns_of_the_file_with_their_units(pristine_log, table) -> None:
    frame = getattr(sessions.open(pristine_log).tables, table.path)

    assert frame.attrs["table"] == f"/{table.path}"
    assert set(frame.columns) == set(frame.attrs["units"]) == set(frame.attrs["descriptions"])
    with h5py.File(pristine_log) as file:
        ids = file["units/unit_id"][:].tolist()
        for column in table.columns:
            dataset = file[table.path][column.name]
            spread = [f"{column.name}_{unit_id}" for unit_id in ids]
            names = spread if column.shape else [column.name]
            assert {frame.attrs["units"][name] for name in names} == {dataset.attrs["unit"]}
            kept = np.stack([logged(frame[name]) for name in names], axis=-1)
            np.testing.assert_array_equal(kept.reshape(dataset.shape), plain(dataset))


def plain(dataset: h5py.Dataset) -> np.ndarray[Any, Any]:
    values = dataset[:]
    return np.char.decode(values.astype("S")) if values.dtype.kind in "SO" else values


def logged(column: pd.Series) -> np.ndarray[Any, Any]:
    if column.dtype == "Int32":
        return column.fillna(-1).to_numpy(dtype=np.int32)
    return column.to_numpy(dtype=np.str_ if isinstance(column.iloc[:1].max(), str) else None)


def test_threads_are_a_frame_too(pristine_log) -> None:
    threads = sessions.open(pristine_log).tables.threads

    assert threads["name"].tolist() == ["cma", "ga"]
    assert threads["driver_unit_ids"].tolist() == [(11,), (12, 14)]
    assert threads.attrs["units"]["size_deg"] == "deg"


def expected_responses(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of `responses`, put together one by one from the file alone."""
    with h5py.File(path) as file:
        shown = {name: plain(column) for name, column in file["presentations"].items()}
        images = {name: plain(column) for name, column in file["images"].items()}
        units = file["units/unit_id"][:].tolist()
        names = {-1: "", 0: "cma", 1: "ga"}
        widths = {
            name: np.diff(file.attrs[f"{name}_window_s"])[0] for name in ("response", "baseline")
        }
    for p, image_id in enumerate(shown["image_id"]):
        image = int(np.flatnonzero(images["image_id"] == image_id)[0])
        for u, unit_id in enumerate(units):
            counts = {name: int(shown[f"{name}_counts"][p, u]) for name in widths}
            yield {
                "presentation_id": shown["presentation_id"][p],
                # Blocks of this log are the generations of both threads.
                "generation": shown["block"][p],
                "thread": names[int(images["thread_id"][image])],
                "image": images["name"][image],
                "kind": images["kind"][image],
                "outcome": shown["outcome"][p],
                "unit_id": unit_id,
                "response_count": counts["response"],
                "baseline_count": counts["baseline"],
                "rate_hz": counts["response"] / widths["response"],
                "baseline_rate_hz": counts["baseline"] / widths["baseline"],
            }


def test_responses_are_one_row_for_each_presentation_and_unit(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, SMALL)
    made = sessions.open(path).tables.responses
    expected = pd.DataFrame(list(expected_responses(path)))

    assert set(made.attrs["units"]) == set(made.columns)
    assert made["response_count"].isna().any(), "a count that does not exist is none of -1"
    without = expected["response_count"] < 0
    expected.loc[without, ["rate_hz", "baseline_rate_hz"]] = np.nan
    for name in expected.columns:
        counted = name.endswith("_count")
        column = made[name].fillna(-1).astype(np.int64) if counted else made[name]
        pd.testing.assert_series_equal(column, expected[name], check_dtype=False)


def test_a_branch_counts_its_generations_from_where_it_goes_on(altered_log) -> None:
    def shift(file: h5py.File) -> None:
        for path in ("generations/generation", "images/generation"):
            values = file[path][:]
            file[path][:] = np.where(values >= 0, values + 5, values)

    made = sessions.open(altered_log(shift)).tables.responses
    assert (made["generation"] == made["block"] + 5).all()


def test_curves_are_what_the_log_says_of_its_generations(pristine_log) -> None:
    tables = sessions.open(pristine_log).tables
    rows = tables.generations.merge(tables.curves, on=["thread_id", "generation"], validate="1:1")

    assert len(rows) == len(tables.curves) == 16
    for mine, theirs in (
        ("evolved_mean", "score_mean"),
        ("evolved_sem", "score_sem"),
        ("evolved_max", "score_max"),
        ("reference_mean_x", "reference_mean_y"),
    ):
        np.testing.assert_array_equal(rows[mine], rows[theirs])


def test_codes_come_with_their_images(pristine_log) -> None:
    log = sessions.open(pristine_log)
    codes, rows = log.tables.codes(1), log.codes(1)

    assert codes.shape == rows.code.shape
    image_id, generation = int(rows.image_id[9]), int(rows.generation[9])
    np.testing.assert_array_equal(codes.loc[(generation, image_id)], rows.code[9])
    with pytest.raises(RecordError, match="no thread 7"):
        log.tables.codes(7)


def test_what_a_rig_reported_stands_beside_its_presentation(tmp_path: Path) -> None:
    log = sessions.open(write_reported_log(tmp_path, SMALL))
    responses = log.tables.responses
    first = responses.dropna(subset="reported").iloc[0]
    row = np.flatnonzero(log.reported.presentation_id == first["presentation_id"])[0]
    column = log.unit_ids.tolist().index(first["unit_id"])

    assert first["reported"] == log.reported.rates[row, column]
    assert responses["rate_hz"].isna().all()


@pytest.mark.parametrize("generations", [0, 1])
def test_a_session_without_an_end_has_the_same_columns(tmp_path: Path, generations: int) -> None:
    from sessions.frames import CURVE_COLUMNS, RESPONSE_COLUMNS

    short = SyntheticSession(generations=generations, population_size=4, n_references=3)
    log = sessions.open(write_synthetic_log(tmp_path, short, end=None))

    assert log.end is None
    assert list(log.tables.responses.columns) == list(RESPONSE_COLUMNS)
    assert list(log.tables.curves.columns) == list(CURVE_COLUMNS)
    assert len(log.tables.curves) == 2 * generations


@pytest.fixture
def behind(tmp_path: Path) -> Path:
    """Return the folder of a session that was killed before its log followed its journal."""
    start = synthetic_start(SMALL)
    SessionLog.create(tmp_path, start).close()
    generation = synthetic_record(SMALL, start, 0, np.random.default_rng(0))
    journal = Journal(tmp_path, 0)
    journal.append(*facts_of(generation), commit_of(generation))
    journal.close()
    return tmp_path


def test_a_generation_that_is_in_the_journal_alone_is_told_of(behind: Path) -> None:
    with pytest.warns(LogBehindJournal, match=r"1 generation.*neuroloop recover") as told:
        log = sessions.open(behind)

    assert told[0].filename == __file__
    assert log.generations_committed == 0


def test_a_damaged_journal_keeps_nobody_from_the_log(behind: Path) -> None:
    path = segment_path(behind, 0)
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    with pytest.warns(LogBehindJournal, match=r"journal cannot be: .*damaged at byte 0"):
        assert sessions.open(behind).generations_committed == 0


def test_a_copy_under_another_name_is_read_without_a_journal(behind: Path) -> None:
    copy = behind / "copy.h5"
    copy.write_bytes((behind / "session.h5").read_bytes())
    assert sessions.open(str(copy)).generations_committed == 0


def test_pandas_is_loaded_by_who_asks_for_frames(pristine_log) -> None:
    program = (
        "import sys, sessions\n"
        f"log = sessions.open({str(pristine_log)!r})\n"
        "assert len(log.scores.score) and 'pandas' not in sys.modules\n"
        "assert len(log.tables.scores) and 'pandas' in sys.modules\n"
        "assert not {'torch', 'zmq'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
