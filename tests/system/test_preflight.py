"""`neuroloop preflight` with real processes: what it says, what it exits with, what it leaves."""

import json
import signal
import subprocess

import pytest

from sessions.reader import LogReader

from .conftest import NEUROLOOP, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system


def preflight(lab: Lab, *overrides: str) -> "subprocess.CompletedProcess[str]":
    words = [word for override in (*VIRTUAL, *overrides) for word in ("--set", override)]
    return lab.neuroloop("preflight", str(lab.config), "--json", *words)


def test_a_rehearsal_in_virtual_time_passes_in_every_row(lab: Lab) -> None:
    done = preflight(lab)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    states = {row["what"]: row["state"] for row in told["findings"]}
    assert set(states.values()) == {"pass"}, told
    assert {"screen", "driver units", "frames", "sync", "rig clock", "spikes"} <= set(states)
    assert {"disk space", "disk speed", "host clock"} <= set(states)
    assert not (lab.folder / "runs").exists()
    lab.is_clean()


def test_what_forbids_a_session_is_refused_with_an_exit_status(lab: Lab) -> None:
    done = preflight(lab, "threads.0.driver_units=[101, 999]")

    assert done.returncode == 6, done.stderr
    told = json.loads(done.stdout)
    assert told["worst"] == "refuse"
    (refused,) = [row for row in told["findings"] if row["state"] == "refuse"]
    assert "the rig has no unit 999" in refused["found"]
    lab.is_clean()


def test_a_screen_that_cannot_be_opened_is_a_finding(lab: Lab) -> None:
    lab.environment["PATH"] = ""
    done = preflight(lab, "session.time=real", "display.kind=psychopy")

    assert done.returncode == 6, done.stderr
    (refused,) = [r for r in json.loads(done.stdout)["findings"] if r["state"] == "refuse"]
    assert "Xvfb" in refused["found"]
    lab.is_clean()


def test_an_interrupt_while_images_are_shown_leaves_nothing_behind(lab: Lab) -> None:
    place = "0:0:5"
    lab.hold_at(place)
    words = [word for override in VIRTUAL for word in ("--set", override)]
    running = subprocess.Popen(
        [NEUROLOOP, "preflight", str(lab.config), *words],
        cwd=lab.folder,
        env=lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = lab.folder / "misbehaviour.jsonl"
    wait_for(lambda: told.is_file() and place in told.read_text(encoding="utf-8"), place)

    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=PATIENCE_S)

    assert running.returncode == 3, output
    assert "interrupted; the screen and the rig were closed" in output
    lab.is_clean()


def test_the_log_of_a_session_says_what_was_found_before_it(finished: LogReader) -> None:
    found = json.loads(finished.start.extra["preflight"])

    assert found["worst"] == "pass"
    assert {row["what"] for row in found["findings"]} >= {"screen", "disk space", "host clock"}
