"""A machine that stands still for a while, with everything on it."""

import os
import signal
import time

import pytest

from controller.control.messages import Stop
from sessions.checks import run_checks

from .conftest import ENDLESS, PATIENCE_S, VIRTUAL, Lab

pytestmark = pytest.mark.system

HEARTBEAT_S = 0.5
SILENCE_LIMIT_S = 3 * HEARTBEAT_S + 5.0
"""How long a peer bears the silence of its daemon."""


def test_a_suspended_machine_goes_on_where_it_stood(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, f"rig.heartbeat_s={HEARTBEAT_S}", ENDLESS)
    lab.wait_for_block(2)
    processes = [lab.daemon_pid(), *lab.children().values()]

    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    # How long they stand still, not how long something takes: longer than anybody may be silent.
    time.sleep(SILENCE_LIMIT_S + 0.5)
    for pid in processes:
        os.kill(pid, signal.SIGCONT)

    lab.wait_for_block(lab.status().block + 1)
    lab.command(Stop())
    output, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, output
    assert [f.message for f in run_checks(lab.the_log()) if f.severity == "error"] == []
