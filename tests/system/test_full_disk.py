"""A disk that fills up while a session runs: nothing is lost, and the session can go on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.checks import run_checks

from .conftest import PATIENCE_S, VIRTUAL, Lab

pytestmark = pytest.mark.system

SIZE_MIB = 64
LEFT_MIB = 1
GENERATIONS = 12
PLACE = "3:0:10"


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[Path]:
    """A file system of a few megabytes where the lab keeps its sessions."""
    folder = lab.folder / "runs"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only an administrator may mount the small disk that this needs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run_and_fill(lab: Lab, disk: Path) -> tuple["subprocess.Popen[str]", Path]:
    """Start a session, and fill its disk after three generations by the file that is returned."""
    lab.hold_at(PLACE)
    generations = f"stopping.max_generations={GENERATIONS}"
    run = lab.start(*VIRTUAL, generations, "session.store_images=false")
    lab.wait_until_held(PLACE)
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while shutil.disk_usage(disk).free > LEFT_MIB * 2**20:
            file.write(bytes(2**16))
    lab.release(PLACE)
    return run, filler


def test_a_session_on_a_full_disk_waits_and_goes_on_when_there_is_room(
    lab: Lab, small_disk: Path
) -> None:
    run, filler = run_and_fill(lab, small_disk)

    held = lab.wait_for_state("paused")
    assert "No space left on device" in held.message
    assert "every committed generation is safe; make room on that disk" in held.message
    filler.unlink()
    assert lab.neuroloop("resume").returncode == 0
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    log = lab.the_log()
    assert log.generations_committed == GENERATIONS
    assert [f.message for f in run_checks(log) if f.severity == "error"] == []
    assert any("No space left on device" in text for text in log.events.text)


def test_a_session_that_is_stopped_on_a_full_disk_can_be_resumed_later(
    lab: Lab, small_disk: Path
) -> None:
    run, filler = run_and_fill(lab, small_disk)
    lab.wait_for_state("paused")

    assert lab.neuroloop("stop").returncode == 0
    output, _ = run.communicate(timeout=PATIENCE_S)

    assert run.returncode == 4, output
    assert "No space left on device" in output
    lab.is_clean()
    filler.unlink()
    assert lab.neuroloop("resume", str(lab.the_log().path)).returncode == 0
    assert lab.the_log().generations_committed == GENERATIONS
