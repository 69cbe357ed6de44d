"""A daemon or a terminal that is killed: what is left of the session ends, or goes on, in order.

What becomes of one that loses a process at the rig is in `test_supervision`.
"""

import os
import signal

import pytest

from controller.control.messages import Stop

from .conftest import ENDLESS, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system


def test_a_killed_daemon_takes_its_processes_along_and_its_log_opens(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_for_block(2)

    os.kill(lab.daemon_pid(), signal.SIGKILL)
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 4, output
    assert "the daemon was killed by SIGKILL" in output
    log = lab.the_log()
    assert log.end is None
    assert log.generations_committed >= 2


def test_a_killed_terminal_leaves_the_session_running(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, ENDLESS)
    lab.wait_for_state("running")
    block = lab.status().block

    run.kill()
    run.communicate()

    wait_for(lambda: lab.status().block > block, "another generation")
    lab.command(Stop())
    wait_for(lambda: lab.card() is None, "the end of the session")
    assert lab.the_log().end is not None
