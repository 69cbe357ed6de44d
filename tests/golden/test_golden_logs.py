"""Logs of every schema version are read as they were when they were written.

A golden log is made once, by `scripts/golden`, when its version is new. If a test here fails, the
program has changed what it reads, or a golden log was made anew: neither may be.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import sessions
from sessions.checks import run_checks
from sessions.errors import LogBehindJournal
from sessions.reader import LogReader, open_log
from sessions.recover import complete_log
from sessions.report import summary, summary_sentences
from sessions.schema import FIXED_TABLES, SCHEMA_VERSION
from sessions.testing.golden import describe, unpack

GOLDEN = Path(__file__).parent
FROZEN = {
    "v1/two_threads.tar.xz": "e982dff3d1b23f15b5f0176983bd3e78cebd5f88fdf6149396ee4b13189aad56",
    "v1/cut_off.tar.xz": "b969c9f82d09574c019ccba8e3dd84f93f352fb330e80bad2feb7d2470719115",
    "v1/reported.tar.xz": "ec3aff9bffb1ec938ebd6517d30b8ceab3d684895264865421738eac8403b866",
    "v1/simulated.tar.xz": "7af610f48de2cca130ae8675f920b5f89625d5252a6c64533a69432e359b8a43",
}
"""SHA-256 of each golden log. Lines are added for a new version; none is ever changed."""


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the session folder of a golden log, to be read only."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = unpack(GOLDEN / name, tmp_path_factory.mktemp("golden"))
        return folders[name]

    return folder


def recorded(name: str) -> dict[str, Any]:
    """Return what was read from a golden log when it was made."""
    path = GOLDEN / f"{name.removesuffix('.tar.xz')}.json"
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def test_no_golden_log_was_made_anew_or_is_kept_by_nobody() -> None:
    kept = {
        path.relative_to(GOLDEN).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in GOLDEN.glob("v*/*.tar.xz")
    }
    assert kept == FROZEN


def test_every_version_has_golden_logs_and_all_are_small() -> None:
    versions = {name.split("/")[0] for name in FROZEN}
    assert versions == {f"v{version}" for version in range(1, SCHEMA_VERSION + 1)}
    for version in versions:
        assert sum(path.stat().st_size for path in (GOLDEN / version).iterdir()) < 300_000


@pytest.mark.parametrize("name", FROZEN)
def test_a_golden_log_is_read_as_it_was_when_it_was_made(name: str, folder_of) -> None:
    then, now = recorded(name), describe(open_log(folder_of(name)))

    for key in then.keys() - {"columns", "score_mean", "reference_mean"}:
        assert now[key] == then[key], key
    for key in ("score_mean", "reference_mean"):
        np.testing.assert_array_equal(now[key], then[key])
    # A later version may read more columns, and none of these otherwise.
    assert {column: now["columns"].get(column) for column in then["columns"]} == then["columns"]


@pytest.mark.parametrize("name", FROZEN)
def test_every_table_of_a_golden_log_is_a_frame(name: str, folder_of) -> None:
    tables, then = open_log(folder_of(name)).tables, recorded(name)

    for table in FIXED_TABLES:
        frame = getattr(tables, table.path)
        rows = then["columns"].get(f"/{table.path}/{table.columns[0].name}")
        assert rows is None or len(frame) == rows["rows"]
    np.testing.assert_array_equal(
        np.sort(tables.curves["evolved_mean"]), np.sort(then["score_mean"])
    )
    assert len(tables.responses) == len(tables.presentations) * len(then["unit_ids"])


@pytest.mark.parametrize("name", FROZEN)
def test_a_golden_log_passes_the_checks_and_its_scores_are_recomputed(name: str, folder_of) -> None:
    findings = run_checks(open_log(folder_of(name)))
    expected = {"proper end"} if "cut_off" in name else set()
    assert {finding.check for finding in findings} == expected


@pytest.mark.parametrize("name", FROZEN)
def test_a_score_of_a_golden_log_that_is_altered_is_found(name: str, tmp_path: Path) -> None:
    unpack(GOLDEN / name, tmp_path)
    with h5py.File(tmp_path / "session.h5", "r+") as file:
        scores = file["scores/score"]
        row = int(np.flatnonzero(np.isfinite(scores[:]))[0])
        scores[row] = np.nextafter(scores[row], np.inf)
    findings = run_checks(open_log(tmp_path))
    assert "scores from spikes" in {finding.check for finding in findings}


@pytest.mark.parametrize("name", FROZEN)
def test_a_golden_log_is_summed_up(name: str, folder_of) -> None:
    log = open_log(folder_of(name))
    found = summary(log)

    assert log.start.session_id in summary_sentences(found)[0]
    assert found.generations_committed == recorded(name)["generations_committed"]
    assert found.started_at == recorded(name)["started_at"]


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """Return the folder of a golden session that was killed, to be changed."""
    return unpack(GOLDEN / "v1/cut_off.tar.xz", tmp_path)


def test_a_journal_of_a_former_version_is_brought_into_its_log(cut_off: Path) -> None:
    with pytest.warns(LogBehindJournal, match="1 generation"):
        before = sessions.open(cut_off)
    assert complete_log(cut_off) == 1
    after: LogReader = before.refresh()

    assert (before.generations_committed, after.generations_committed) == (1, 2)
    assert {finding.check for finding in run_checks(after)} == {"proper end"}
    n = len(before.scores.score)
    np.testing.assert_array_equal(after.scores.score[:n], before.scores.score)


def test_golden_logs_of_a_version_are_made_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loader = SourceFileLoader("golden_script", str(GOLDEN.parents[1] / "scripts" / "golden"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    script = module_from_spec(spec)
    loader.exec_module(script)
    monkeypatch.setattr(sys, "argv", ["golden"])

    assert script.main() == 2
    assert "made once; raise SCHEMA_VERSION" in capsys.readouterr().err
