"""However a race is ended from outside, no process of it goes on."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from controller.cli.exits import Exit

PATIENCE_S = 120
RACE = (
    *("bench", "optimizers", "--optimizer", "genetic", "--noise", "none", "--workers", "2"),
    *("--code-dim", "512", "--presentations", "4000000"),
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_race_that_is_ended_leaves_no_worker(number: signal.Signals) -> None:
    started = "import sys; from controller.cli import main; sys.argv[0] = 'neuroloop'; main()"
    with subprocess.Popen(
        [sys.executable, "-c", started, *RACE], stderr=subprocess.PIPE, text=True
    ) as race:
        workers = racing(race)
        race.send_signal(number)
        _, err = race.communicate(timeout=PATIENCE_S)

    assert race.returncode == Exit.ABORTED
    assert "Stopped; 0 of 10 runs are there." in err
    assert psutil.wait_procs(workers, timeout=PATIENCE_S)[1] == []


def racing(race: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Wait until two workers are at work; both take a second or two to import what they need."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        children = psutil.Process(race.pid).children()
        workers = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
        if len(workers) == 2 and all(sum(one.cpu_times()[:2]) > 1.5 for one in workers):
            return workers
        time.sleep(0.1)
    raise AssertionError("the race never began")
