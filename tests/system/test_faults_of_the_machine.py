"""A machine that stands still for a while, with everything on it."""

import os
import signal
import time

import pytest

from sessions.checks import run_checks

from .conftest import VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

HEARTBEAT_S = 0.06
SILENCE_LIMIT_S = 3 * HEARTBEAT_S + 5.0
"""How long a peer bears the silence of its daemon."""


def test_a_suspended_machine_goes_on_where_it_stood(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, f"rig.heartbeat_s={HEARTBEAT_S}", "stopping.max_generations=10000")
    lab.wait_for_state("running")
    wait_for(lambda: lab.status().block >= 2, "two generations")
    processes = [lab.daemon_pid(), *lab.children().values()]

    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    # How long they stand still, not how long something takes: longer than anybody may be silent.
    time.sleep(SILENCE_LIMIT_S + 0.5)
    for pid in processes:
        os.kill(pid, signal.SIGCONT)

    block = wait_for(lab.status, "an answer").block
    wait_for(lambda: (s := lab.status()) and s.block > block, "another generation")
    assert lab.neuroloop("stop").returncode == 0
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert [f.message for f in run_checks(lab.the_log()) if f.severity == "error"] == []
