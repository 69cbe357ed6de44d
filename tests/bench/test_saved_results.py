"""Saved results survive a stop in the middle of a line, and are not taken from any file."""

from dataclasses import replace
from pathlib import Path

import pytest

from controller.bench.errors import BenchError
from controller.bench.heat import HeatResult
from controller.bench.saved_results import SavedResults

RESULT = HeatResult(
    key="a", optimizer="random", neuron="linear-1", condition="none", seed=0,
    presentations=(40, 80), mean_hz=(1.5, 2.0), best_hz=(3.0, 3.0), ask_tell_ms=(1.0, 2.0),
    code_norm=64.0,
)  # fmt: skip
OTHER = replace(RESULT, key="b", error="why – so")


def test_what_is_appended_is_read_and_no_file_is_no_result(tmp_path: Path) -> None:
    saved = SavedResults(tmp_path / "race.jsonl")
    assert saved.read() == {}
    saved.append(RESULT)
    saved.append(OTHER)
    assert saved.read() == {"a": RESULT, "b": OTHER}


def test_a_torn_line_costs_one_result(tmp_path: Path) -> None:
    path = tmp_path / "race.jsonl"
    saved = SavedResults(path)
    saved.append(RESULT)
    saved.append(OTHER)
    path.write_bytes(path.read_bytes()[:-20])
    assert saved.read() == {"a": RESULT}
    saved.append(OTHER)
    assert saved.read() == {"a": RESULT, "b": OTHER}


@pytest.mark.parametrize("text", ["[session]\nname = 1\n", '{"a": 1}\n', "x"])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "session.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError, match="holds no results"):
        SavedResults(path).read()
    assert path.read_text(encoding="utf-8") == text
