"""The command line in process: help, config commands, messages and exit statuses."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.core import TyperGroup

from controller.cli import main
from controller.cli.app import MODULES
from controller.cli.config_commands import template
from controller.cli.exits import Exit
from controller.cli.loading import Commands
from controller.cli.run import Daemon, conclude, new_session_folder
from sessions.checks import Sample
from sessions.committed import commit_of
from sessions.journal import Journal
from sessions.log import SessionLog
from sessions.reader import open_log
from sessions.records import Event, GenerationRecord
from sessions.testing.synthetic import (
    ENDED,
    SyntheticSession,
    facts_of,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)

from .conftest import session_config

COMMANDS = (
    "init",
    "validate",
    "schema",
    "preflight",
    "testcard",
    "run",
    "status",
    "watch",
    "pause",
    "resume",
    "stop",
    "note",
    "dashboard",
    "mirror",
    "inspect",
    "recover",
    "psth",
    "report",
    "compare",
    "twin",
)
SMALL = SyntheticSession(generations=2, population_size=4, n_references=2)
Neuroloop = Callable[..., tuple[int, str, str]]


@pytest.fixture
def neuroloop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Neuroloop:
    """Run a command in this process; return its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["neuroloop", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_there_are_no_other_commands_than_those_tested_here() -> None:
    commands = Commands(MODULES)
    groups = [name for name in commands if isinstance(commands[name], TyperGroup)]
    assert [name for name in commands if name not in groups] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(neuroloop: Neuroloop, command: str) -> None:
    status, out, _ = neuroloop(command, "--help")

    assert status == 0
    assert f"Example: neuroloop {command}" in " ".join(out.split())


def test_the_help_explains_every_exit_status(neuroloop: Neuroloop) -> None:
    status, out, _ = neuroloop("--help")

    assert status == 0
    told = " ".join(out.split())
    assert all(f"{code.value} " in told[told.index("Exit status:") :] for code in Exit)
    assert all(f" {command} " in told for command in COMMANDS)


def test_exit_statuses_are_part_of_the_interface() -> None:
    assert {code.name: code.value for code in Exit} == {
        "DONE": 0,
        "BUG": 1,
        "USAGE": 2,
        "ABORTED": 3,
        "FAULTED": 4,
        "UNREACHABLE": 5,
        "PROBLEMS": 6,
    }


def test_init_writes_a_config_that_is_valid(neuroloop: Neuroloop, tmp_path: Path) -> None:
    status, out, _ = neuroloop("init", "mine.toml")

    assert (status, out) == (0, "Wrote mine.toml. Edit it, then: neuroloop validate mine.toml\n")
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == template()
    status, out, _ = neuroloop("validate", "mine.toml")
    assert status == 0
    assert out.startswith("mine.toml is valid: 1 thread (cholesky_cma on unit 101) with 10 ref")


def test_init_overwrites_only_when_forced(neuroloop: Neuroloop, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("precious")

    status, _, err = neuroloop("init", "mine.toml")
    assert (status, mine.read_text()) == (2, "precious")
    assert err == (
        "neuroloop: mine.toml exists; choose another name, or overwrite it with --force\n"
    )
    assert neuroloop("init", "mine.toml", "--force")[0] == 0
    assert mine.read_text(encoding="utf-8") == template()


def test_validate_prints_json_for_scripts(neuroloop: Neuroloop) -> None:
    neuroloop("init", "s.toml")

    status, out, _ = neuroloop("validate", "s.toml", "--json", "--set", "session.seed=7")
    told = json.loads(out)
    assert (status, told["valid"], told["problems"]) == (0, True, [])
    assert told["config"]["session"]["seed"] == 7
    status, out, _ = neuroloop("validate", "s.toml", "--json", "--set", "display.on_frame=6")
    told = json.loads(out)
    assert (status, told["valid"], len(told["problems"])) == (2, False, 1)


def test_every_problem_of_a_config_is_a_line_of_its_own(neuroloop: Neuroloop) -> None:
    neuroloop("init", "s.toml")

    status, out, err = neuroloop(
        "validate", "s.toml", "--set", "session.seed=-1", "--set", "stopping.max_generations=0"
    )

    assert (status, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("neuroloop: session.seed")
    assert lines[1].startswith("neuroloop: stopping.max_generations")


def test_schema_prints_the_schema_of_the_config(neuroloop: Neuroloop) -> None:
    status, out, _ = neuroloop("schema")

    assert status == 0
    assert set(json.loads(out)["required"]) >= {"session", "rig", "threads", "scoring"}


@pytest.mark.parametrize("command", [["status"], ["pause"], ["resume"], ["stop"], ["note", "x"]])
def test_commands_to_a_session_that_is_not_there_exit_with_5(
    neuroloop: Neuroloop, command: list[str]
) -> None:
    assert neuroloop(*command) == (5, "", "neuroloop: no session is running here\n")


@pytest.mark.parametrize("text", ["", "x" * 10_001])
def test_a_note_of_no_or_endless_text_is_wrong_usage(neuroloop: Neuroloop, text: str) -> None:
    status, _, err = neuroloop("note", text)

    assert status == 2
    assert f"between 1 and 10000 characters, but this one has {len(text)}" in " ".join(err.split())


def test_inspect_says_what_a_log_holds(neuroloop: Neuroloop, tmp_path: Path) -> None:
    write_synthetic_log(tmp_path / "run", SMALL)

    status, out, _ = neuroloop("inspect", "run")

    assert status == 0
    assert out.startswith("synthetic-1: subject nobody, simulated rig synthetic, virtual time")
    assert "Unit 11 sounds clean; sehr schön." in out


def lose_all_of_block_1(record: GenerationRecord) -> GenerationRecord:
    """Give no image of block 1 a valid score."""
    if record.block == 0:
        return record
    table = record.presentations
    table = replace(table, outcome=("failed_trial",) * len(table.outcome))
    threads = tuple(
        replace(
            thread,
            scores=np.full_like(thread.scores, np.nan),
            told_scores=np.full_like(thread.scores, np.nan),
            n_valid=np.zeros_like(thread.n_valid),
        )
        for thread in record.threads
    )
    references = record.reference_scores
    references = replace(
        references,
        score=np.full_like(references.score, np.nan),
        n_valid=np.zeros_like(references.n_valid),
    )
    return replace(record, presentations=table, threads=threads, reference_scores=references)


def test_inspect_prints_json_that_any_parser_takes(neuroloop: Neuroloop, tmp_path: Path) -> None:
    write_synthetic_log(tmp_path / "run", SMALL, lose_all_of_block_1)

    _, out, _ = neuroloop("inspect", "run", "--json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(out, parse_constant=refuse)
    assert told["summary"]["generations_committed"] == 2
    assert isinstance(told["summary"]["threads"][0]["best_image_id"], int)
    assert isinstance(told["findings"], list)


def test_inspect_exits_with_6_where_something_is_wrong(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    def raise_a_score(record: GenerationRecord) -> GenerationRecord:
        scores = record.threads[0].scores + 1
        first = replace(record.threads[0], scores=scores, told_scores=scores)
        return replace(record, threads=(first, record.threads[1]))

    write_synthetic_log(tmp_path / "run", SMALL, raise_a_score)

    status, out, _ = neuroloop("inspect", "run")

    assert status == 6
    assert "error: In block 0, scores of generated images" in out


def test_inspect_says_who_what_when_and_for_how_long(neuroloop: Neuroloop, tmp_path: Path) -> None:
    write_synthetic_log(tmp_path / "run", SMALL)

    _, out, _ = neuroloop("inspect", "run")

    assert "It began at 2026-01-05T09:00:00+00:00 and took 60.0 min" in out
    assert "trials were correct" in out
    assert "Thread 1 (ga): optimizer cma_es, generator blobs" in out
    assert "driver units 12, 14, maximise" in out


def test_a_warning_counts_where_inspect_is_strict(neuroloop: Neuroloop, tmp_path: Path) -> None:
    write_synthetic_log(tmp_path / "run", SMALL, end=None)

    status, out, _ = neuroloop("inspect", "run")
    assert status == 0
    assert "warning: The session is still running, or was cut off" in out
    assert "0 error(s), 1 warning(s), 0 info(s)." in out
    assert neuroloop("inspect", "run", "--strict")[0] == 6


def test_inspect_says_what_a_file_lacks_and_asks_nothing_else(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    with h5py.File(write_synthetic_log(tmp_path / "run", SMALL), "r+") as file:
        del file["scores/score"]

    status, out, _ = neuroloop("inspect", "run")
    assert status == 6
    assert "error: The column /scores/score is missing." in out
    status, out, _ = neuroloop("inspect", "run", "--json")
    assert status == 6
    assert [finding["check"] for finding in json.loads(out)["findings"]] == ["layout"]


def test_inspect_says_that_a_sample_of_the_pixels_is_one(
    neuroloop: Neuroloop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic_log(tmp_path / "run", SMALL)
    monkeypatch.setattr("controller.cli.log_commands.SAMPLE", Sample(images=3))

    assert re.search(r"Of \d+ images .* 3 were compared", neuroloop("inspect", "run")[1])
    told = json.loads(neuroloop("inspect", "run", "--json")[1])
    assert told["pixels"]["compared"] == 3
    assert {check["findings"] for check in told["checks"]} == {0}
    assert len(told["generations"]["score_mean"]) == 4
    told = json.loads(neuroloop("inspect", "run", "--json", "--all-pixels")[1])
    assert told["pixels"]["compared"] == told["pixels"]["stored"] > 3
    assert "a sample" not in neuroloop("inspect", "run", "--all-pixels")[1]


def test_recover_brings_into_the_log_what_only_the_journal_holds(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    folder, start = tmp_path / "run", synthetic_start(SMALL)
    SessionLog.create(folder, start).close()
    generation = synthetic_record(SMALL, start, 0, np.random.default_rng(0))
    journal = Journal(folder, 0)
    for fact in (*facts_of(generation), commit_of(generation)):
        journal.append(fact)
    journal.close()

    assert "in the journal alone: neuroloop recover" in neuroloop("inspect", "run")[1]
    status, out, _ = neuroloop("recover", "run")
    assert (status, out.split(" from ")[0]) == (0, "Brought 1 generation(s)")
    assert open_log(folder).generations_committed == 1
    assert not (folder / "journal").exists()
    assert "holds every committed generation" in neuroloop("recover", "run")[1]
    assert "alone" not in neuroloop("inspect", "run")[1]


def test_inspect_of_nothing_says_so(neuroloop: Neuroloop) -> None:
    status, _, err = neuroloop("inspect", "nowhere")

    assert status == 2
    assert err.startswith("neuroloop: There is no session log at nowhere")


def test_names_in_brackets_are_printed_as_they_are(neuroloop: Neuroloop, tmp_path: Path) -> None:
    from controller.cli.inspection import _generation_table
    from controller.cli.output import out as console
    from sessions.reader import open_log

    reader = open_log(write_synthetic_log(tmp_path / "run", SMALL))
    named = replace(reader.start, threads=tuple(replace(t, name="[/x]") for t in reader.threads))
    reader.__dict__["start"] = named

    with console.capture() as captured:
        console.print(_generation_table(reader))

    assert "[/x]" in captured.get()
    assert neuroloop("inspect", "run")[0] == 0


def test_sessions_begun_in_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    config = session_config(f'session.folder="{tmp_path}"')

    made = [new_session_folder(config) for _ in range(3)]

    assert len({session_id for session_id, _ in made}) == 3
    assert all(folder.is_dir() and folder.name == session_id for session_id, folder in made)


@pytest.mark.parametrize(
    ("ended", "status"), [("success", Exit.DONE), ("abort", Exit.ABORTED), ("fail", Exit.FAULTED)]
)
def test_the_exit_status_says_how_the_session_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ended: str, status: Exit
) -> None:
    outcome = {"exit_status": ended, "reason": "so it was"}

    assert conclude(outcome, tmp_path, as_json=True) is status
    assert json.loads(capsys.readouterr().out) == {
        **outcome,
        "folder": str(tmp_path),
        "log": None,
        "picture": None,
        "audit": "",
        "audit_alarms": 0,
    }
    assert conclude(outcome, tmp_path, as_json=False) is status
    said = capsys.readouterr().err
    assert ("the session ended by a fault: so it was" in said) == (ended == "fail")


def test_a_session_whose_audit_found_differences_did_not_end_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_synthetic_log(tmp_path, SyntheticSession(generations=1), end=None)
    log = SessionLog.resume(tmp_path, open_log(tmp_path).start)
    log.append_event(Event(1.0, "2026-01-05T09:00:00Z", "audit alarm", "audit of block 0: no."))
    log.append_event(Event(2.0, "2026-01-05T09:00:00Z", "audit", "audited 1 of 1 generations"))
    log.finish(ENDED)

    status = conclude({"exit_status": "success", "reason": ""}, tmp_path, as_json=True)

    assert status is Exit.PROBLEMS
    told = json.loads(capsys.readouterr().out)
    assert (told["audit"], told["audit_alarms"]) == ("audited 1 of 1 generations", 1)


class Program:
    """Has the terminal start another program instead of a daemon."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self._patch, self._folder = monkeypatch, tmp_path
        (tmp_path / "runtime").mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))

    def daemon(self, code: str) -> Daemon:
        popen = subprocess.Popen

        def start(_command: list[str], **options: Any) -> subprocess.Popen[bytes]:
            return popen([sys.executable, "-c", code], **options)

        self._patch.setattr("controller.cli.run.subprocess.Popen", start)
        return Daemon(session_config(), "demo-1", self._folder)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Program:
    return Program(monkeypatch, tmp_path)


def test_the_last_line_of_the_daemon_is_its_outcome(program: Program) -> None:
    told = {"exit_status": "abort", "reason": "interrupted"}
    with program.daemon(f"print('noise'); print({json.dumps(told)!r})") as daemon:
        daemon.watch(quiet=True)
        assert daemon.outcome() == told


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise SystemExit(1)", "the daemon broke down; see "),
        ("print('{}')", "the daemon broke down; see "),
        ("import os; os.kill(os.getpid(), 9)", "the daemon was killed by SIGKILL; see "),
    ],
)
def test_a_daemon_that_does_not_say_how_it_ended_has_failed(
    program: Program, code: str, cause: str
) -> None:
    with program.daemon(code) as daemon:
        daemon.watch(quiet=True)
        outcome = daemon.outcome()

    assert outcome["exit_status"] == "fail"
    assert outcome["reason"].startswith(cause)


HEARS = "import signal; signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])\n"
SLEEPS = "import time; print('asleep', flush=True); time.sleep(600)"


def test_an_error_in_the_terminal_ends_the_daemon_that_it_started(program: Program) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        program.daemon(HEARS + SLEEPS) as daemon,
    ):
        raise KeyboardInterrupt

    assert daemon._process.returncode == -signal.SIGTERM


def test_a_daemon_that_hears_nothing_is_killed(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.cli.run.DEAF_S", 0.1)
    with (
        pytest.raises(KeyboardInterrupt),
        program.daemon(SLEEPS) as daemon,
    ):
        raise KeyboardInterrupt

    assert daemon._process.returncode == -signal.SIGKILL


def test_the_third_interrupt_kills_a_daemon_that_hears_nothing(program: Program) -> None:
    with program.daemon(SLEEPS) as daemon:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        outcome = daemon.outcome()

    assert daemon._process.returncode == -signal.SIGKILL
    assert outcome == {"exit_status": "abort", "reason": "interrupted before the session began"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
