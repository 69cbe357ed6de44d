"""`neuroloop report`: where it writes, what it prints, and what it knows beside the log."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import report
from controller.cli.app import app
from controller.cli.exits import Exit
from controller.report_facts import report_facts
from sessions.reader import open_log
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_synthetic_log(tmp_path, SyntheticSession(generations=0))


def test_the_page_lies_beside_the_log_unless_told_otherwise(log: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(log)])

    assert done.exit_code == 0, done.output
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "report").is_dir()
    assert "report.html" in done.output
    assert "Inspection found 1 thing" in done.output


def test_a_script_is_told_where_everything_is(log: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "notes" / "day3.html", tmp_path / "pictures"
    done = CliRunner().invoke(
        app,
        ["report", str(log), "--output", str(page), "--figures", str(figures), "--json"],
    )

    assert json.loads(done.stdout) == {
        "page": str(page),
        "figures_folder": str(figures),
        "figures": [],
        "findings": 1,
    }
    assert page.is_file()


def test_a_page_without_an_ending_is_refused(log: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(log), "--output", str(tmp_path / "day3")])

    assert done.exit_code == Exit.USAGE
    assert "--output day3.html" in done.output


def test_an_interruption_says_that_nothing_was_written(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sessions.lab_report.write_report", interrupted)
    done = CliRunner().invoke(app, ["report", str(log)])

    assert done.exit_code == Exit.ABORTED
    assert "nothing was written" in done.output
    assert not (tmp_path / report.PAGE).exists()


def test_what_is_known_of_optimizers_is_given_to_the_page(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path, SyntheticSession(generations=6))
    given = report_facts(open_log(log), mean_codes=False)

    for thread_id in (0, 1):
        known = given.of(thread_id)
        assert known.path is not None
        assert known.drift is None
        assert "cma_es" in known.no_drift
        assert known.mean_codes == {}
    assert given.made_by.startswith("neuroloop ")
