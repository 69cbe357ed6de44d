"""Sessions whose scores belong to other images: the audit beside them says so and they pause."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from controller.control.messages import Resume, SessionStatus, Stop
from sessions.checks import run_checks
from sessions.reader import LogReader

from .broken_sessions import FIRST_BLOCK
from .conftest import ENDLESS, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

FOUND_BY = {
    "scores permuted": {"scores from spikes"},
    "told scores permuted": {"told scores"},
    "counts shifted": {"counts from spikes", "scores from spikes"},
    "images permuted": {"shown images"},
}


def break_sessions(lab: Lab, fault: str) -> None:
    """Have every session of a lab begin with a fault: Python imports `sitecustomize` first."""
    place = lab.folder / "broken"
    place.mkdir()
    script = Path(__file__).with_name("broken_sessions.py")
    (place / "sitecustomize.py").write_text(
        f"import runpy\nrunpy.run_path({str(script)!r})['break_']({fault!r})\n", encoding="utf-8"
    )
    before = lab.environment.get("PYTHONPATH")
    lab.environment["PYTHONPATH"] = os.pathsep.join([str(place), *([before] if before else [])])


def paused_by_alarm(lab: Lab, after_block: int = -1) -> SessionStatus:
    paused = lab.wait_for_status(
        lambda status: status.state == "paused" and status.block > after_block, "the alarm"
    )
    assert any(alarm.startswith("audit of block ") for alarm in paused.alarms)
    return paused


def stopped_after(lab: Lab, run: "subprocess.Popen[str]", word: str) -> str:
    """Stop a session once its terminal has shown a line with `word`; return all that it showed."""
    assert run.stdout is not None
    output = ""
    while word not in output:
        line = run.stdout.readline()
        assert line, f"the session ended without {word}: {output}"
        output += line
    lab.command(Stop())
    output += run.stdout.read()
    run.wait(timeout=PATIENCE_S)
    return output


def alarms(log: LogReader) -> list[str]:
    return log.events.text[log.events.kind == "audit alarm"].tolist()


@pytest.mark.parametrize("fault", list(FOUND_BY))
def test_responses_given_to_other_images_pause_the_session_within_one_generation(
    lab: Lab, fault: str
) -> None:
    break_sessions(lab, fault)
    run = lab.start(*VIRTUAL, ENDLESS)
    first = 0 if fault in ("counts shifted", "images permuted") else FIRST_BLOCK

    paused = paused_by_alarm(lab)
    # The faulty block is committed, and at most one more.
    assert first < paused.block <= first + 2
    output = stopped_after(lab, run, "waits for you")

    assert run.returncode == 6, output
    assert f"ALARM: audit of block {first}: " in output
    assert "The session waits for you: neuroloop resume, or neuroloop stop." in output
    assert f"differences in blocks {first}" in output
    log = lab.the_log()
    assert alarms(log)[0].startswith(f"audit of block {first}: ")
    assert FOUND_BY[fault] <= {finding.check for finding in run_checks(log)}


def test_a_rig_that_answers_one_image_late_is_found_by_the_responses_alone(lab: Lab) -> None:
    break_sessions(lab, "rig one image late")
    run = lab.start(*VIRTUAL, ENDLESS)

    paused = paused_by_alarm(lab)
    lab.command(Resume())
    paused_by_alarm(lab, paused.block)
    output = stopped_after(lab, run, "ALARM")

    assert run.returncode == 6, output
    assert "the responses 1 presentation later fit the images better" in output
    findings = run_checks(lab.the_log())
    wrong = {finding.check for finding in findings if finding.severity == "error"}
    assert wrong == {"responses of images"}


def test_an_audit_process_that_is_killed_is_reported_and_begins_anew(lab: Lab) -> None:
    lab.misbehave("patient")
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_for_state("running")
    block = lab.status().block

    os.kill(wait_for(lambda: audit_pid(lab), "the audit process"), signal.SIGKILL)
    wait_for(lambda: lab.status().alarms, "the report")
    wait_for(lambda: audit_pid(lab), "another audit process")
    lab.wait_for_block(block + 4)
    output = stopped_after(lab, run, "ALARM")

    assert run.returncode == 0, output
    assert "the audit process was killed by SIGKILL" in output
    committed = lab.the_log().generations_committed
    assert f"Audited {committed} of {committed} generations, no differences" in output


def audit_pid(lab: Lab) -> int | None:
    """The audit process of the running session."""
    for child in psutil.Process(lab.daemon_pid()).children():
        # One that was killed has no command line any more.
        with suppress(psutil.Error):
            if "sessions.audit" in child.cmdline():
                return child.pid
    return None
