"""Processes that are killed or stopped: who died is said, and the rest ends in order."""

import os
import signal

import pytest

from controller.control.messages import Pause
from sessions.recover import recover

from .conftest import LONG_BLOCKS, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

NAMES = {"rig_adapters.stimulus": "stimulus process", "rig_adapters.sim": "rig adapter"}
QUICK_HEARTBEAT = ("rig.heartbeat_s=0.5",)


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("module", list(NAMES))
def test_a_killed_process_is_named_and_the_log_is_closed(lab: Lab, module: str, state: str) -> None:
    run = lab.start(*VIRTUAL, *LONG_BLOCKS)
    lab.wait_for_state("running")
    lab.wait_until_presenting()
    if state == "paused":
        lab.command(Pause())
        lab.wait_for_state("paused")

    os.kill(lab.children()[module], signal.SIGKILL)
    output, _ = run.communicate(timeout=60)

    assert run.returncode == 4, output
    assert f"the {NAMES[module]} was killed by SIGKILL" in output
    end = lab.the_log().end
    assert end is not None
    assert (end.exit_status, end.reason) == ("fail", f"the {NAMES[module]} was killed by SIGKILL")


@pytest.mark.parametrize("module", list(NAMES))
def test_a_stopped_process_is_lost_after_three_heartbeats(lab: Lab, module: str) -> None:
    run = lab.start(*VIRTUAL, *LONG_BLOCKS, *QUICK_HEARTBEAT)
    lab.wait_for_state("running")
    lab.wait_until_presenting()

    os.kill(lab.children()[module], signal.SIGSTOP)
    output, _ = run.communicate(timeout=60)

    assert run.returncode == 4, output
    assert f"the {NAMES[module]} gave no sign of life for" in output
    assert "(3 heartbeats)" in output
    end = lab.the_log().end
    assert end is not None
    assert end.exit_status == "fail"


def test_a_killed_daemon_takes_its_processes_along_and_its_log_opens(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, "stopping.max_generations=10000")
    lab.wait_for_state("running")
    wait_for(lambda: lab.status().block >= 2, "two generations")

    os.kill(lab.daemon_pid(), signal.SIGKILL)
    output, _ = run.communicate(timeout=60)

    assert run.returncode == 4, output
    assert "the daemon was killed by SIGKILL" in output
    log = lab.the_log()
    assert log.end is None
    assert log.generations_committed >= 2


def test_a_killed_terminal_leaves_the_session_running(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, "stopping.max_generations=10000")
    lab.wait_for_state("running")
    block = lab.status().block

    run.kill()
    run.communicate()

    wait_for(lambda: lab.status().block > block, "another generation")
    assert lab.neuroloop("stop").returncode == 0
    wait_for(lambda: lab.card() is None, "the end of the session")
    assert lab.the_log().end is not None


def test_a_rig_that_dies_within_a_real_time_block_ends_the_session_before_the_block(
    lab: Lab,
) -> None:
    run = lab.start("generators.embedded.code_dim=256", "display.max_dropped_frames=30")
    lab.wait_for_state("running")
    lab.wait_until_presenting()

    os.kill(lab.children()["rig_adapters.sim"], signal.SIGKILL)
    output, _ = run.communicate(timeout=60)

    assert run.returncode == 4, output
    assert "the rig adapter was killed by SIGKILL" in output
    interrupted = recover(lab.the_log().path.parent).interrupted
    assert interrupted is not None
    assert interrupted.planned is not None
    assert 0 < len(interrupted.presented) < len(interrupted.planned.rows)
