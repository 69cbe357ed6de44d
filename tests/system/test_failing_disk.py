"""Disks that fail under a running session: it waits, says what to do, and loses nothing."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from controller.control.messages import Resume
from controller.replay.compare import first_difference
from sessions.checks import run_checks
from sessions.reader import LogReader
from sessions.testing.faulty_disk import SYNCS, WRITES, delay, error, faulty_disk

from .conftest import PATIENCE_S, VIRTUAL, Lab, open_lab, wait_for

pytestmark = pytest.mark.system

GENERATIONS = 6
PLACE = "2:0:10"
"""Where the disk begins to fail."""
SETTINGS = (
    *VIRTUAL,
    f"stopping.max_generations={GENERATIONS}",
    "threads.0.optimizer.population_size=12",
    "references.count=4",
)


@pytest.fixture(autouse=True)
def may_trace() -> None:
    done = subprocess.run(["strace", "-qqq", "-o", "/dev/null", "true"], check=False)
    if done.returncode:
        pytest.skip("strace may not trace processes here")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> LogReader:
    """The same session on a sound disk."""
    with open_lab(tmp_path_factory.mktemp("undisturbed")) as lab:
        return lab.run(*SETTINGS)


def start(lab: Lab) -> tuple["subprocess.Popen[str]", Path]:
    """Start a session, and return with its folder where it is held."""
    lab.hold_at(PLACE)
    run = lab.start(*SETTINGS)
    lab.wait_until_held(PLACE)
    (log,) = lab.logs()
    return run, log.parent


def is_whole(log: LogReader) -> None:
    assert log.generations_committed == GENERATIONS
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []


@pytest.mark.parametrize(
    ("calls", "name", "words", "remedy"),
    [
        (SYNCS, "EIO", "Input/output error", "have this one checked"),
        (WRITES, "EROFS", "Read-only file system", "mounted for writing again"),
    ],
    ids=["eio_on_fsync", "read_only_remount"],
)
def test_a_session_waits_for_a_failing_disk_and_goes_on_as_if_nothing_had_been(
    lab: Lab, undisturbed: LogReader, calls: str, name: str, words: str, remedy: str
) -> None:
    run, folder = start(lab)
    with faulty_disk(lab.daemon_pid(), folder, calls, error(name)):
        lab.release(PLACE)
        held = lab.wait_for_state("paused")
        assert words in held.message
        assert remedy in held.message
        # Asked to go on while nothing is mended, it is held again.
        lab.command(Resume())
        wait_for(lambda: lab.daemon_log().count("running → paused") == 2, "a new try")
        lab.wait_for_state("paused")
    assert lab.neuroloop("resume").returncode == 0
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    disturbed = lab.the_log()
    is_whole(disturbed)
    assert first_difference(disturbed, undisturbed) is None


def test_a_session_killed_while_it_waits_for_the_disk_loses_nothing(lab: Lab) -> None:
    run, folder = start(lab)
    with faulty_disk(lab.daemon_pid(), folder, SYNCS, error("EIO")):
        lab.release(PLACE)
        held = lab.wait_for_state("paused")
        os.kill(lab.daemon_pid(), signal.SIGKILL)
        run.communicate(timeout=PATIENCE_S)

    assert lab.the_log().generations_committed >= held.block
    done = lab.neuroloop("resume", str(folder))
    assert done.returncode == 0, done.stderr
    is_whole(lab.the_log())


def test_a_disk_that_takes_half_a_second_for_each_sync_slows_a_session_and_no_more(
    lab: Lab, undisturbed: LogReader
) -> None:
    run, folder = start(lab)
    with faulty_disk(lab.daemon_pid(), folder, SYNCS, delay(0.5)):
        lab.release(PLACE)
        assert "the disk took" in lab.wait_for_block(4).message
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    slow = lab.the_log()
    is_whole(slow)
    assert first_difference(slow, undisturbed) is None
