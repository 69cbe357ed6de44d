"""The journal survives a kill at any byte, and the table is the same whoever computed it."""

import random
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.bench.errors import BenchError
from controller.bench.plans.load import parse_plan
from controller.bench.plans.results import Cost, Journal, RunResult, from_json, to_json
from controller.bench.plans.results_file import read_table, rows_of, same, write_costs, write_table
from controller.bench.plans.runs import runs_of
from controller.bench.plans.runs_csv import rows_of_csv, runs_csv

NAN = float("nan")
NUMBERS = st.floats(allow_nan=True, allow_infinity=False)


def result_of(key: str, seed: int = 0) -> RunResult:
    rng = random.Random(f"{key} {seed}")
    curve = tuple(rng.random() for _ in range(3))
    return RunResult(
        key, rng.random(), NAN, *(rng.random() for _ in range(7)), (1, 9, 17), curve, curve, curve,
        (NAN, *curve[1:]), ""
    )  # fmt: skip


COST = Cost(1.0, 2.0, 3.0, 0.5)


@given(numbers=st.lists(NUMBERS, min_size=9, max_size=9), curve=st.lists(NUMBERS, max_size=4))
def test_what_is_read_is_what_was_written_to_the_last_bit(
    numbers: list[float], curve: list[float]
) -> None:
    shown, values = tuple(range(len(curve))), tuple(curve)
    result = RunResult("key", *numbers, shown, values, values, values, values, "an error")
    again, cost = from_json(to_json(result, COST))
    assert same(result, again)
    assert cost == COST


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.integers(0, 4000))
def test_a_journal_that_was_cut_anywhere_keeps_what_is_whole_and_goes_on(
    tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    lines = [to_json(result_of(f"key{n}"), COST) for n in range(4)]
    text = "".join(f"{line}\n" for line in lines).encode()[:cut]
    path.write_bytes(text)
    journal = Journal(path)
    whole = min(4, text.decode().count("\n"))
    found = journal.read()
    assert whole <= len(found) <= whole + 1
    with journal.writing() as writer:
        writer.add(to_json(result_of("new"), COST))
    after = journal.read()
    assert set(after) == {*found, "new"}
    assert all(same(after[key][0], result_of(key)) for key in after)


def test_two_benchmarks_cannot_write_one_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "folder" / "journal.jsonl")
    with (
        journal.writing(),
        pytest.raises(BenchError, match="another benchmark is writing"),
        journal.writing(),
    ):
        pass


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("milk\nbread\n", encoding="utf-8")
    with pytest.raises(BenchError, match="no journal of a benchmark"):
        Journal(tmp_path / "notes").read()
    with pytest.raises(BenchError, match="no table of a benchmark"):
        read_table(tmp_path / "notes")


def test_the_table_has_the_same_bytes_in_whatever_order_runs_have_ended(
    small: str, tmp_path: Path
) -> None:
    runs = runs_of(parse_plan(small))
    results = [(run.key, (result_of(run.key), COST)) for run in runs]
    for name, order in (("a", results), ("b", results[::-1])):
        write_table(tmp_path / name, rows_of(runs, dict(order)), small)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    changed = dict(results) | {runs[3].key: (result_of(runs[3].key, seed=1), COST)}
    write_table(tmp_path / "b", rows_of(runs, changed), small)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_the_table_says_everything_that_a_row_needs_to_be_redone(
    small: str, tmp_path: Path
) -> None:
    runs = runs_of(parse_plan(small))
    done = {run.key: (result_of(run.key), COST) for run in runs}
    write_table(tmp_path / "t.h5", rows_of(runs, done), small)
    rows = read_table(tmp_path / "t.h5")
    assert [row.run for row in rows] == list(runs)
    assert all(same(row.result, done[row.run.key][0]) for row in rows)
    with h5py.File(tmp_path / "t.h5") as file:
        assert file.attrs["plan_toml"] == small
        assert '"numpy"' in file.attrs["versions_json"]
        assert file["runs/optimizer"][0] == b"Cholesky CMA"
        assert all("description" in column.attrs for column in file["runs"].values())
        per_run = np.bincount(file["generations/run"][:])
        assert per_run.tolist() == [3] * len(runs)
    write_costs(tmp_path / "c.csv", runs, done)
    lines = (tmp_path / "c.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(runs)
    assert lines[1].endswith("1.0000,2.0000,3.0000,0.5000")


def test_the_rows_without_curves_can_be_read_back_from_text(small: str) -> None:
    runs = runs_of(parse_plan(small))
    rows = rows_of(runs, {run.key: (result_of(run.key), COST) for run in runs})
    text = runs_csv(rows)
    again = rows_of_csv(text)
    assert runs_csv(again) == text
    assert len(again) == len(rows)
    assert (again[3].run.optimizer, again[3].run.repeat) == (runs[3].optimizer, runs[3].repeat)
    assert again[3].result.clean_max == pytest.approx(rows[3].result.clean_max, rel=1e-5)
    assert again[3].result.code_norm == pytest.approx(rows[3].result.code_norm[-1:], rel=1e-5)
    assert np.isnan(again[3].result.noisy_best)
    with pytest.raises(BenchError, match="no rows of a benchmark"):
        rows_of_csv("milk,bread")
