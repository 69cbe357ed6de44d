"""Sessions in real time with a PsychoPy window, on a virtual screen where there is no other."""

import os
import signal

import numpy as np
import psutil
import pytest

from rig_adapters.wire.messages import DisplayConfigured
from sessions.checks import run_checks

from .conftest import PATIENCE_S, Lab, wait_for

pytestmark = [pytest.mark.system]

QUICK = (
    "stopping.max_generations=2",
    "generators.main.code_dim=256",
    "threads.0.optimizer.population_size=6",
    "references.count=2",
    "display.max_dropped_frames=30",
)
STIMULUS = "rig_adapters.stimulus"
ENDLESS = (*QUICK, "stopping.max_generations=1000")


def test_a_session_in_a_real_window_ends_well(lab: Lab) -> None:
    log = lab.run(*QUICK, "display.priority=high", "display.cpus=[0]")

    assert log.end is not None
    assert log.end.exit_status == "success"
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    presented = log.presentations
    assert set(presented.sync) == {"photodiode"}
    # On a virtual screen there is no timing to speak of, but never less than was asked for.
    assert (presented.frames_shown >= presented.on_frames).all()
    assert np.all(presented.flip_off_host_s > presented.flip_on_host_s)
    assert log.start.display_label != ""
    display = DisplayConfigured.model_validate_json(log.start.extra["display"])
    assert display.pixels_exact
    assert display.readback_sha256 is not None
    # What is granted differs from machine to machine; that it is said does not.
    assert display.priority.startswith(("real time", "niceness", "normal: "))
    assert display.cpus.startswith(("only [0]", "any: "))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_closes_the_window_and_the_virtual_screen(
    lab: Lab, number: signal.Signals
) -> None:
    run = lab.start(*ENDLESS)
    lab.wait_for_state("running")
    lab.wait_until_presenting()

    run.send_signal(number)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 3, output
    end = lab.the_log().end
    assert end is not None
    assert end.exit_status == "abort"


def test_ctrl_c_while_the_window_opens_leaves_nothing_behind(lab: Lab) -> None:
    run = lab.start(*ENDLESS)
    wait_for(lab.children, "the stimulus process")

    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 3, output


@pytest.mark.parametrize("victim", [STIMULUS, "Xvfb", "daemon"])
def test_a_kill_leaves_no_virtual_screen_behind(lab: Lab, victim: str) -> None:
    run = lab.start(*ENDLESS)
    lab.wait_for_state("running")
    lab.wait_until_presenting()
    pid = pid_of(lab, victim)
    if pid is None:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE_S)
        pytest.skip("there is a real screen here, so no virtual one to kill")

    stimulus = lab.children()[STIMULUS]
    os.kill(pid, signal.SIGKILL)
    if victim != "daemon":
        # The session opens another window, on another screen, and goes on by itself.
        wait_for(lambda: lab.children().get(STIMULUS, stimulus) != stimulus, "another window")
        lab.wait_for_state("running")
        run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == (4 if victim == "daemon" else 3), output
    told = {
        STIMULUS: "the stimulus process was killed by SIGKILL",
        "Xvfb": "the stimulus process",
        "daemon": "the daemon was killed by SIGKILL",
    }
    assert told[victim] in output


def pid_of(lab: Lab, victim: str) -> int | None:
    """Return the process to kill, None where there is no such process."""
    if victim == "daemon":
        return lab.daemon_pid()
    stimulus = lab.children()[STIMULUS]
    if victim != "Xvfb":
        return stimulus
    screens = [c for c in psutil.Process(stimulus).children() if "Xvfb" in c.name()]
    return screens[0].pid if screens else None
