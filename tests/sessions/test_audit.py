"""The audit is silent on a good session, and finds each way of giving scores to other images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sessions.audit import REMEDIES, Auditor
from sessions.audit.follow import follow
from sessions.log import SessionLog
from sessions.reader import open_log
from sessions.records import GenerationRecord, PresentationTable, SessionStart
from sessions.testing import synthetic
from sessions.testing.synthetic import (
    ENDED,
    SyntheticSession,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)

Alter = Callable[[GenerationRecord], GenerationRecord]


def found_in(path: Path) -> dict[int, set[str]]:
    """Names of the questions that found something, by block."""
    reader = open_log(path)
    auditor = Auditor(reader.start, reader.path.parent)
    audits = [auditor.audit(reader.block(k)) for k in range(reader.generations_committed)]
    return {a.block: {d.check for d in a.differences} for a in audits if a.differences}


def table_changed(change: Callable[[PresentationTable], dict[str, Any]]) -> Alter:
    """Alter the presentations of block 1."""

    def alter(record: GenerationRecord) -> GenerationRecord:
        table = record.presentations
        return replace(record, presentations=replace(table, **change(table)))

    return alter


def thread_changed(**roll: str) -> Alter:
    """Alter what the first thread was scored and told: each column is another one, rolled by 1."""

    def alter(record: GenerationRecord) -> GenerationRecord:
        first = record.threads[0]
        columns = {name: np.roll(getattr(first, source), 1) for name, source in roll.items()}
        return replace(record, threads=(replace(first, **columns), *record.threads[1:]))

    return alter


def references_changed(record: GenerationRecord) -> GenerationRecord:
    references = record.reference_scores
    return replace(record, reference_scores=replace(references, score=np.roll(references.score, 1)))


def valid_changed(record: GenerationRecord) -> GenerationRecord:
    first = record.threads[0]
    return replace(record, threads=(replace(first, n_valid=first.n_valid + 1), *record.threads[1:]))


def clock_changed(**change: float) -> Alter:
    def alter(record: GenerationRecord) -> GenerationRecord:
        added = {name: getattr(record.clock, name) + by for name, by in change.items()}
        return replace(record, clock=replace(record.clock, **added))

    return alter


def id_of_the_other_thread(record: GenerationRecord) -> GenerationRecord:
    table = record.presentations
    thread_id = table.thread_id.copy()
    thread_id[thread_id >= 0] = 1 - thread_id[thread_id >= 0]
    return replace(record, presentations=replace(table, thread_id=thread_id))


def counts_of_the_unheard(table: PresentationTable) -> dict[str, Any]:
    counts = table.response_counts.copy()
    counts[np.array(table.outcome) == "not_heard"] = 0
    return {"response_counts": counts}


def onsets_of_the_next(table: PresentationTable) -> dict[str, Any]:
    known = np.flatnonzero(np.isfinite(table.onset_rig_s))
    onsets = table.onset_rig_s.copy()
    onsets[known[:-1]] = onsets[known[1:]]
    onsets[known[-1]] = onsets[known[-1]] + 0.25
    return {"onset_rig_s": onsets}


def _first_unknown(column: np.ndarray) -> np.ndarray:
    changed = column.copy()
    changed[np.flatnonzero(np.isfinite(column))[:3]] = np.nan
    return changed


FAULTS: dict[str, tuple[str, Alter]] = {
    "scores permuted": (
        "scores from spikes",
        thread_changed(scores="scores", told_scores="scores"),
    ),
    "told scores permuted": ("told scores", thread_changed(told_scores="told_scores")),
    "counts shifted": (
        "counts from spikes",
        table_changed(lambda t: {"response_counts": np.roll(t.response_counts, 1, axis=0)}),
    ),
    "images permuted": (
        "shown images",
        table_changed(
            lambda t: {"image_id": np.roll(t.image_id, 1), "thread_id": np.roll(t.thread_id, 1)}
        ),
    ),
    "onsets of the next presentation": ("onsets", table_changed(onsets_of_the_next)),
    "onsets of which nobody says how sure they are": (
        "onsets",
        table_changed(lambda t: {"onset_uncertainty_s": _first_unknown(t.onset_uncertainty_s)}),
    ),
    "clock map 10 ms off": ("clock map", clock_changed(offset_s=0.01)),
    "clock map from pairs that are not there": ("clock map", clock_changed(n_pairs=1000)),
    "residual of other pairs": ("clock map", clock_changed(residual_s=1e-3)),
    "reference scores permuted": ("scores from spikes", references_changed),
    "more valid presentations": ("scores from spikes", valid_changed),
    "counts of what was not heard": ("counts from spikes", table_changed(counts_of_the_unheard)),
    "thread of another image": ("row ids", id_of_the_other_thread),
    "place of another thread": ("row ids", table_changed(lambda t: {"x_deg": t.x_deg + 1.0})),
    "presentation ids of the block before": (
        "row ids",
        table_changed(lambda t: {"presentation_id": t.presentation_id - 10_000}),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_in_the_block_that_has_it(tmp_path: Path, name: str) -> None:
    question, alter = FAULTS[name]
    write_synthetic_log(
        tmp_path,
        SyntheticSession(generations=3),
        lambda record: alter(record) if record.block == 1 else record,
    )
    found = found_in(tmp_path)

    assert question in found[1]
    assert 0 not in found


@pytest.mark.parametrize("control", ["none", "shuffled"])
@pytest.mark.parametrize("baseline_mode", ["none", "presentation", "block"])
def test_a_good_session_differs_nowhere(tmp_path: Path, control: str, baseline_mode: str) -> None:
    wanted = replace(SyntheticSession(generations=12), control=control, baseline_mode=baseline_mode)
    assert found_in(write_synthetic_log(tmp_path, wanted)) == {}


def test_told_scores_that_are_no_permutation_are_found_in_a_shuffled_control(
    tmp_path: Path,
) -> None:
    def alter(record: GenerationRecord) -> GenerationRecord:
        first = record.threads[0]
        told = replace(first, told_scores=first.told_scores + 1.0)
        return replace(record, threads=(told, *record.threads[1:]))

    wanted = SyntheticSession(generations=1, control="shuffled")
    write_synthetic_log(tmp_path, wanted, alter)
    assert found_in(tmp_path) == {0: {"told scores"}}


def test_a_control_that_was_not_shuffled_is_found(tmp_path: Path) -> None:
    def alter(record: GenerationRecord) -> GenerationRecord:
        told = [replace(thread, told_scores=thread.scores) for thread in record.threads]
        return replace(record, threads=tuple(told))

    wanted = SyntheticSession(generations=1, control="shuffled", population_size=30)
    write_synthetic_log(tmp_path, wanted, alter)
    assert found_in(tmp_path) == {0: {"told scores"}}


def scored_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, change: Callable[..., Any]
) -> dict[int, set[str]]:
    """What is found where the session itself computed with `change` in a function's place."""
    true = getattr(synthetic, name)
    monkeypatch.setattr(synthetic, name, lambda *arguments: change(true, *arguments))
    return found_in(write_synthetic_log(tmp_path, SyntheticSession(generations=1)))


def test_scores_from_the_units_of_another_thread_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def other_units(true: Any, thread: Any, *rest: Any) -> Any:
        return true(replace(thread, driver_unit_ids=(13,)), *rest)

    found = scored_otherwise(monkeypatch, tmp_path, "score_thread", other_units)
    assert found == {0: {"scores from spikes"}}


@pytest.mark.parametrize("window", ["response", "baseline"])
def test_counts_of_another_window_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, window: str
) -> None:
    def later(true: Any, *arguments: Any) -> Any:
        *others, (begin, end) = arguments
        if (begin == 0.0) == (window == "baseline"):
            begin, end = begin + 0.01, end + 0.01
        return true(*others, (begin, end))

    found = scored_otherwise(monkeypatch, tmp_path, "count_spikes", later)
    assert found == {0: {"counts from spikes", "scores from spikes"}}


def test_scores_over_another_baseline_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def block_baseline(true: Any, *arguments: Any) -> Any:
        *others, rule = arguments
        return true(*others, replace(rule, baseline_mode="block"))

    found = scored_otherwise(monkeypatch, tmp_path, "score_thread", block_baseline)
    assert found == {0: {"scores from spikes"}}


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("scoring", "response_window_s", [0.06, 0.21]),
        ("scoring", "baseline_window_s", "none"),
        ("session", "control", "shuffled"),
        ("threads", "driver_units", [12, 14]),
    ],
)
def test_settings_that_are_not_those_of_the_config_are_found(
    tmp_path: Path, table: str, key: str, value: object
) -> None:
    path = write_synthetic_log(tmp_path, SyntheticSession(generations=1))
    asked: Any = {key: value}
    with h5py.File(path, "r+") as file:
        file["config/json"][()] = json.dumps({table: [asked] if table == "threads" else asked})
    assert found_in(path) == {0: {"settings"}}


@pytest.mark.parametrize("table", ["images", "scores", "codes/thread_0"])
def test_an_image_id_that_comes_twice_is_found(tmp_path: Path, table: str) -> None:
    path = write_synthetic_log(tmp_path, SyntheticSession(generations=1))
    with h5py.File(path, "r+") as file:
        ids = file[table]["image_id"]
        row = int(np.flatnonzero(ids[:] == 1001)[0])
        ids[row] = 1000
    assert "row ids" in found_in(path)[0]


def test_rows_that_make_no_sense_are_differences_and_no_crash(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, SyntheticSession(generations=1))
    with h5py.File(path, "r+") as file:
        file["scores/thread_id"][:] = 99
    assert "scores from spikes" in found_in(path)[0]


def test_every_question_has_a_remedy_and_a_fault_that_it_finds() -> None:
    elsewhere = {"settings", "responses of images", "rates from replies"}
    assert {question for question, _ in FAULTS.values()} | elsewhere == set(REMEDIES)


def test_reading_one_block_gives_the_rows_of_that_block_alone(pristine_log: Path) -> None:
    reader = open_log(pristine_log)
    rows = reader.block(3)
    assert set(rows.presentations.block.tolist()) == {3}
    assert set(rows.spikes.block.tolist()) == {3}
    whole = reader.presentations
    np.testing.assert_array_equal(
        rows.presentations.response_counts, whole.response_counts[whole.block == 3]
    )
    np.testing.assert_array_equal(rows.code_ids[1], reader.codes(1).image_id[3 * 8 : 4 * 8])


class Growing:
    """A log that grows while it is followed."""

    def __init__(self, folder: Path) -> None:
        self._wanted = SyntheticSession(generations=9)
        self.start: SessionStart = synthetic_start(self._wanted)
        self._rng = np.random.default_rng(1)
        self.log = SessionLog.create(folder, self.start)
        self._block = 0

    def commit(self) -> None:
        record = synthetic_record(self._wanted, self.start, self._block, self._rng)
        self.log.commit_generation(record)
        self._block += 1


def test_a_growing_log_is_followed_to_its_end(tmp_path: Path) -> None:
    growing = Growing(tmp_path)
    followed = follow(tmp_path, lambda: False)
    blocks = []
    for _ in range(3):
        growing.commit()
        blocks.append(next(followed).block)
    growing.commit()
    growing.log.finish(ENDED)
    blocks += [audited.block for audited in followed]
    assert blocks == [0, 1, 2, 3]


def test_the_audit_process_reports_each_block_on_one_line_and_ends_with_the_log(
    pristine_log: Path, tmp_path: Path
) -> None:
    shutil.copy(pristine_log, tmp_path / "session.h5")
    done = subprocess.run(
        [sys.executable, "-m", "sessions.audit", str(tmp_path), "--first-block", "5"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["block"] for line in lines] == [5, 6, 7]
    assert all(line["findings"] == [] for line in lines)


def test_the_audit_process_says_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "session.h5").write_bytes(b"not a log")
    done = subprocess.run(
        [sys.executable, "-m", "sessions.audit", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "cannot be read as HDF5" in done.stderr
