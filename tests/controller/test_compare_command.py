"""`neuroloop compare`: what it prints, what it writes, and how it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.app import app
from controller.cli.exits import Exit
from sessions.errors import NotComparable
from sessions.testing.compared import write_compared_log


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two sessions in which both optimizers were interleaved."""
    folder = tmp_path_factory.mktemp("compared")
    return [str(write_compared_log(folder, seed, generations=4)) for seed in (1, 2)]


def test_pairs_and_what_they_say_together_are_printed(logs: list[str]) -> None:
    done = CliRunner().invoke(app, ["compare", *logs])

    assert done.exit_code == 0, done.output
    assert "cholesky_cma (first) minus genetic (second)" in done.output
    assert "Pair 2: unit 11 (unit 11), synthetic-2" in done.output
    assert "first larger in 2 of 2" in done.output
    assert "tests over sessions mean little" in done.output


def test_a_script_reads_json_and_files_are_written(logs: list[str], tmp_path: Path) -> None:
    figure, table = tmp_path / "pairs.svg", tmp_path / "pairs.csv"
    options = ["--first", "genetic", "--scale", "cholesky_cma", "--json"]
    files = ["--figure", str(figure), "--csv", str(table)]
    done = CliRunner().invoke(app, ["compare", *logs, *options, *files])

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["first"], found["scaled_to"]) == ("genetic", "cholesky_cma")
    assert found["pooled"]["final"]["difference"]["value"] < 0
    assert len(found["pairs"]) == len(table.read_text(encoding="utf-8").splitlines()) - 1 == 2
    assert "<svg" in figure.read_text(encoding="utf-8")


def test_a_figure_without_a_known_ending_is_refused(logs: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", *logs, "--figure", str(tmp_path / "pairs.doc")])

    assert done.exit_code == Exit.USAGE
    assert "end it in .png, .svg, .pdf" in done.output


def test_what_cannot_be_compared_is_refused_in_a_sentence(logs: list[str]) -> None:
    done = CliRunner().invoke(app, ["compare", *logs, "--by", "generator"])

    assert isinstance(done.exception, NotComparable)
    assert "have the same generator, blobs" in str(done.exception)


def test_an_interruption_leaves_no_file(
    logs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sessions.comparing.figure.draw", interrupted)
    done = CliRunner().invoke(app, ["compare", *logs, "--figure", str(tmp_path / "pairs.png")])

    assert done.exit_code == Exit.ABORTED
    assert "was not finished" in done.output
    assert not (tmp_path / "pairs.png").exists()
