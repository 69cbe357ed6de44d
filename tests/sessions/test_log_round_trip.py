"""What was written is what is read, also by nothing but h5py."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sessions import schema, tables
from sessions.errors import LogClosedError, LogExistsError, RecordError
from sessions.layout import Table
from sessions.log import SessionLog, growing_tables
from sessions.reader import open_log
from sessions.records import Event, GenerationRecord, SessionEnd
from sessions.replay import read_record
from sessions.testing.synthetic import (
    SyntheticSession,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)


def equal(a: Any, b: Any) -> bool:
    """Compare records deeply, arrays with their type, NaN equal to NaN."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            equal(getattr(a, item.name), getattr(b, item.name)) for item in dataclasses.fields(a)
        )
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@pytest.mark.parametrize("keep_pixels", [True, False])
def test_a_session_is_read_back_as_it_was_written(tmp_path: Path, keep_pixels: bool) -> None:
    wanted = SyntheticSession(generations=3, keep_pixels=keep_pixels)
    written: list[GenerationRecord] = []

    def remember(record: GenerationRecord) -> GenerationRecord:
        written.append(record)
        return record

    write_synthetic_log(tmp_path, wanted, remember)

    reader = open_log(tmp_path)
    assert reader.generations_committed == 3
    assert equal(reader.start, synthetic_start(wanted))
    for block, record in enumerate(written):
        assert equal(read_record(reader, block), record)
    assert reader.end == SessionEnd(
        "2026-01-05T10:00:00+00:00", "success", "All generations were shown."
    )


def score_with_h5py_alone(path: Path) -> tuple[list[float], list[float]]:
    """Recompute every score from spikes, as an analyst without this software would."""
    logged, again = [], []
    with h5py.File(path, "r") as f:
        (a, b), (c, e) = f.attrs["response_window_s"], f.attrs["baseline_window_s"]
        p = {name: column[:] for name, column in f["presentations"].items()}
        spike_s, spike_unit = f["spikes/rig_time_s"][:], f["spikes/unit_id"][:]
        thread_ids = f["threads/thread_id"][:].tolist()
        driver_ids = [json.loads(text) for text in f["threads/driver_unit_ids"][:]]
        drivers = dict(zip(thread_ids, driver_ids, strict=True))
        s = {name: column[:] for name, column in f["scores"].items()}
        columns = (s["image_id"], s["thread_id"], s["block"], s["score"])
        for image, thread, block, score in zip(*columns, strict=True):
            rows = (p["image_id"] == image) & (p["block"] == block) & (p["outcome"] == b"completed")
            t = spike_s[np.isin(spike_unit, drivers[thread])]
            R = B = 0
            for onset in p["onset_rig_s"][rows]:
                R += int(((t >= onset + a) & (t < onset + b)).sum())
                B += int(((t >= onset + c) & (t < onset + e)).sum())
            md = int(rows.sum()) * len(drivers[thread])
            again.append(R / (md * (b - a)) - B / (md * (e - c)) if md else math.nan)
            logged.append(score)
    return logged, again


def test_every_score_is_recomputed_bit_exactly_with_h5py_alone(pristine_log: Path) -> None:
    logged, again = score_with_h5py_alone(pristine_log)

    assert len(logged) == 8 * 2 * (8 + 10)
    assert 0 < np.isnan(logged).sum() < len(logged) / 2
    np.testing.assert_array_equal(logged, again)


def test_the_file_holds_what_the_schema_says_and_nothing_else(pristine_log: Path) -> None:
    start = open_log(pristine_log).start
    wanted = {"config/" + item.name for item in schema.CONFIG}
    for table in (*growing_tables(start), schema.EVENTS, schema.COMMITS):
        wanted |= {f"{table.path}/{column.name}" for column in table.columns}
    found: dict[str, h5py.Dataset] = {}
    with h5py.File(pristine_log, "r") as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item}) if isinstance(item, h5py.Dataset) else None
            )
        )
        assert set(found) == wanted
        assert set(file.attrs) == {item.name for item in schema.ROOT_ATTRIBUTES}
        assert all({"unit", "description"} <= set(item.attrs) for item in found.values())
        assert all(item.compression is None for item in found.values())
        assert all(item.dtype.kind in "iufSO" for item in found.values())
        assert all("description" in group.attrs for group in file.values())


def test_the_oldest_superblock_is_used_so_that_old_readers_open_it(pristine_log: Path) -> None:
    assert pristine_log.read_bytes()[:9] == b"\x89HDF\r\n\x1a\n\x00"


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (schema.IMAGES, tables.ImageRows),
        (schema.SCORES, tables.ScoreRows),
        (schema.PRESENTATIONS, tables.PresentationRows),
        (schema.SPIKES, tables.SpikeRows),
        (schema.SYNC, tables.SyncRows),
        (schema.GENERATIONS, tables.GenerationRows),
        (schema.CLOCK, tables.ClockRows),
        (schema.TIMING, tables.TimingRows),
        (schema.EVENTS, tables.EventRows),
        (schema.codes_table(0, 1), tables.CodeRows),
    ],
)
def test_what_is_read_has_the_columns_of_its_table(table: Table, rows: type) -> None:
    names = {item.name for item in dataclasses.fields(rows)}
    assert names == {column.name for column in table.columns}


def test_pixels_are_found_by_image_id(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    record = read_record(reader, 5)
    thread = record.threads[1]

    assert thread.images is not None
    np.testing.assert_array_equal(reader.pixels(int(thread.image_ids[3])), thread.images[3])
    with pytest.raises(RecordError, match="no image 424242"):
        reader.pixels(424242)


def test_an_ended_session_takes_nothing_more(tmp_path: Path) -> None:
    wanted = SyntheticSession(generations=1)
    write_synthetic_log(tmp_path, wanted)
    start = synthetic_start(wanted)

    with pytest.raises(LogClosedError, match="ended with exit status 'success'"):
        SessionLog.resume(tmp_path, start)


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, SyntheticSession(generations=1))
    before = path.read_bytes()

    with pytest.raises(LogExistsError, match="choose another session folder"):
        SessionLog.create(tmp_path, synthetic_start(SyntheticSession()))
    assert path.read_bytes() == before


def test_a_start_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    start = dataclasses.replace(synthetic_start(SyntheticSession()), baseline_mode="none")

    with pytest.raises(RecordError, match="baseline_mode is 'none'"):
        SessionLog.create(tmp_path, start)
    seeded = dataclasses.replace(synthetic_start(SyntheticSession()), seed=2**70)
    with pytest.raises(OverflowError):
        SessionLog.create(tmp_path, seeded)
    assert list(tmp_path.iterdir()) == []


def test_a_generation_out_of_turn_is_refused(tmp_path: Path) -> None:
    wanted = SyntheticSession()
    start = synthetic_start(wanted)
    log = SessionLog.create(tmp_path, start)
    record = synthetic_record(wanted, start, 1, np.random.default_rng(0))

    with pytest.raises(RecordError, match="waits for block 0"):
        log.commit_generation(record)
    assert log.generations_committed == 0


def test_float_ids_are_refused_instead_of_cut(tmp_path: Path) -> None:
    wanted = SyntheticSession()
    start = synthetic_start(wanted)
    log = SessionLog.create(tmp_path, start)
    record = synthetic_record(wanted, start, 0, np.random.default_rng(0))
    floats: Any = record.spikes.unit_id + 0.5
    spikes = dataclasses.replace(record.spikes, unit_id=floats)

    with pytest.raises(RecordError, match="Column unit_id is <i8 and was given float64"):
        log.commit_generation(dataclasses.replace(record, spikes=spikes))
    assert open_log(tmp_path).generations_committed == 0


def test_a_record_that_does_not_fit_the_session_is_refused(tmp_path: Path) -> None:
    wanted = SyntheticSession()
    start = synthetic_start(wanted)
    log = SessionLog.create(tmp_path, start)
    record = synthetic_record(wanted, start, 0, np.random.default_rng(0))
    thread, other = record.threads
    table = record.presentations
    doubles: Any = thread.codes.astype(np.float64)
    misfits = {
        r"holds no generation": {"threads": ()},
        r"timing stage lunch is unknown": {"timing": {"lunch": 1.0}},
        r"Thread 5 is not in this session": {
            "threads": (dataclasses.replace(thread, thread_id=5), other)
        },
        r"codes of thread 0 have shape \(8, 11\)": {
            "threads": (dataclasses.replace(thread, codes=thread.codes[:, 1:]), other)
        },
        r"codes of thread 0 are float64": {
            "threads": (dataclasses.replace(thread, codes=doubles), other)
        },
        r"image_id \[1000, .* was given more than once": {
            "threads": (thread, dataclasses.replace(other, image_ids=other.image_ids - 8))
        },
        r"outcome slept is unknown": {
            "presentations": dataclasses.replace(table, outcome=("slept",) * len(table.outcome))
        },
        r"image_id of presentations 4\d+ is unknown": {
            "presentations": dataclasses.replace(table, image_id=table.image_id * 0 + 4000)
        },
        r"response_counts has shape": {
            "presentations": dataclasses.replace(
                table, response_counts=table.response_counts[:, :2]
            )
        },
    }
    for message, change in misfits.items():
        changed: Any = change
        with pytest.raises(RecordError, match=message):
            log.commit_generation(dataclasses.replace(record, **changed))
    assert log.generations_committed == 0
    log.commit_generation(record)
    assert log.generations_committed == 1


def test_columns_of_differing_length_are_named() -> None:
    record = synthetic_record(
        SyntheticSession(), synthetic_start(SyntheticSession()), 0, np.random.default_rng(0)
    )
    with pytest.raises(RecordError, match=r"SpikeTable .* unit_id 1"):
        dataclasses.replace(record.spikes, unit_id=record.spikes.unit_id[:1])


def test_a_kind_of_event_that_is_too_long_is_refused(tmp_path: Path) -> None:
    log = SessionLog.create(tmp_path, synthetic_start(SyntheticSession()))
    with pytest.raises(RecordError, match="too long for column kind"):
        log.append_event(Event(0.0, "2026-01-05T09:00:00Z", "x" * 33, ""))
    assert len(open_log(tmp_path).events.kind) == 0
