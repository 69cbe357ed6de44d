"""What an operator does to a running session: pause, note, resume, stop, interrupt."""

import json
import os
import signal
import subprocess

import pytest

from controller.control.messages import Pause, Stop

from .conftest import ENDLESS, NEUROLOOP, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

PLACE = "0:0:20"
"""Where a session is held, in states that would pass by otherwise, and while commands start."""
LATER = "2:0:20"


def test_an_operator_can_pause_note_resume_and_stop(lab: Lab) -> None:
    lab.hold_at(PLACE, LATER)
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_until_held(PLACE)

    assert lab.neuroloop("pause").stdout == "The session pauses at the end of this block.\n"
    lab.release(PLACE)
    paused = lab.wait_for_state("paused")
    assert lab.neuroloop("note", "animal drowsy – reward up").returncode == 0
    assert "paused" in lab.neuroloop("status").stdout
    assert not any(peer.lost for peer in lab.status().peers)
    heard = {peer.name: peer.silent_s for peer in lab.status().peers}
    assert set(heard) == {"stimulus process", "rig adapter"}
    assert all(silent_s >= 0 for silent_s in heard.values())
    assert lab.status().block == paused.block
    assert lab.neuroloop("resume").returncode == 0
    lab.wait_until_held(LATER)
    assert lab.status().block > paused.block
    assert lab.neuroloop("stop").returncode == 0
    lab.release(LATER)
    run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0
    log = lab.the_log()
    assert log.end is not None
    assert (log.end.exit_status, log.end.reason) == ("success", "stopped by the operator")
    assert "animal drowsy – reward up" in log.events.text
    assert any("→ paused" in text for text in log.events.text)


def test_commands_that_make_no_sense_are_refused_with_a_sentence(lab: Lab) -> None:
    lab.hold_at(PLACE)
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_until_held(PLACE)

    refused = lab.neuroloop("resume")
    assert refused.returncode == 5
    assert refused.stderr == "neuroloop: a session that is running cannot resume\n"
    lab.neuroloop("stop", "--now")
    run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 3


def test_without_a_session_the_commands_say_so(lab: Lab) -> None:
    for command in (["status"], ["pause"], ["stop"], ["note", "x"]):
        done = lab.neuroloop(*command)
        assert (done.returncode, done.stderr) == (5, "neuroloop: no session is running here\n")


def test_a_detached_session_runs_on_and_can_be_stopped(lab: Lab) -> None:
    lab.hold_at(PLACE)
    lab_run = lab.neuroloop(
        "run",
        str(lab.config),
        "--detach",
        *[w for o in (*VIRTUAL, ENDLESS) for w in ("--set", o)],
    )
    assert lab_run.returncode == 0
    lab.wait_until_held(PLACE)
    assert lab.neuroloop("stop").returncode == 0
    lab.release(PLACE)
    wait_for(lambda: lab.card() is None, "the end of the session")


def test_who_watches_a_session_sees_its_generations_and_its_end_and_may_leave(lab: Lab) -> None:
    lab.hold_at(LATER)
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_until_held(LATER)
    command = [NEUROLOOP, "watch"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, env=lab.environment, stdout=pipe, stderr=pipe, text=True) as left,
        subprocess.Popen(
            command, env=lab.environment, stdout=pipe, stderr=pipe, text=True
        ) as stays,
    ):
        for watching in (left, stays):
            assert watching.stderr is not None
            assert watching.stderr.readline().startswith("generation 2")
        told = json.loads(lab.neuroloop("watch", "--json").stdout)
        assert told["progress"]["generations"] == lab.status().block
        assert "evolved " in lab.neuroloop("watch", "--once").stdout
        left.send_signal(signal.SIGINT)
        said, _ = left.communicate(timeout=PATIENCE_S)
        assert (said.endswith(" goes on.\n"), left.returncode) == (True, 0)
        assert lab.status().state == "running"
        lab.command(Stop())
        lab.release(LATER)
        said, _ = stays.communicate(timeout=PATIENCE_S)
    run.communicate(timeout=PATIENCE_S)

    assert said.endswith(" has ended.\n")


STATES = (
    "idle",
    "preparing",
    "running",
    "pausing",
    "paused",
    "interrupted",
    "given up",
    "finishing",
    "aborting",
)


@pytest.mark.parametrize(
    ("state", "number"),
    [*((state, signal.SIGINT) for state in STATES), ("running", signal.SIGTERM)],
)
def test_an_interrupt_in_any_state_leaves_nothing_behind(
    lab: Lab, state: str, number: signal.Signals
) -> None:
    given_up = ("supervision.max_restarts=0",) if state == "given up" else ()
    if state not in ("idle", "preparing", "paused"):
        lab.hold_at(PLACE)
    # A process that is stopped by the test shall not be missed on its own.
    run = lab.start(*VIRTUAL, ENDLESS, *given_up, "rig.heartbeat_s=30")
    bring_to(lab, state)

    run.send_signal(number)
    if state == "interrupted":
        os.kill(lab.children()["rig_adapters.stimulus"], signal.SIGCONT)
    if state == "aborting":
        run.send_signal(number)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 3, output
    for log in lab.logs():
        end = lab.the_log().end
        assert end is not None, log
        assert (end.exit_status, end.reason) == (
            "abort",
            f"interrupted by the operator ({number.name})",
        )
    if state not in ("idle", "preparing"):
        assert lab.logs()


def bring_to(lab: Lab, state: str) -> None:
    """Bring the running session to `state`."""
    if state == "idle":
        # The command has begun, and there is no daemon yet that could be asked.
        wait_for(lambda: list(lab.folder.glob("runs/*/daemon.log")), "the daemon's start")
        return
    if state == "preparing":
        # It prepares for a second or so; a machine that is faster yet is interrupted when it runs.
        lab.status()
        return
    if state == "paused":
        lab.wait_for_state("running")
    else:
        lab.wait_until_held(PLACE)
    if state in ("pausing", "paused"):
        lab.command(Pause())
        lab.wait_for_state(state)
    if state in ("interrupted", "given up"):
        children = lab.children()
        if state == "interrupted":
            # Until it goes on, the session waits for it to blank the screen.
            os.kill(children["rig_adapters.stimulus"], signal.SIGSTOP)
        os.kill(children["rig_adapters.sim"], signal.SIGKILL)
        lab.wait_for_state("interrupted" if state == "interrupted" else "paused")
    if state == "finishing":
        lab.command(Stop())
        lab.wait_for_state("finishing")
