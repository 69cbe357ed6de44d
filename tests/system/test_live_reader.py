"""Another process reads a running session all the time; `benchmarks/live_reader.py` times it."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from .conftest import PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system


SMALL = ("threads.0.optimizer.population_size=12", "references.count=4")
"""Blocks that are soon over: it is while they are committed that a reader might see them torn."""


def test_who_reads_a_live_session_meets_no_error_and_no_torn_generation(lab: Lab) -> None:
    lab.hold_at(place := "10:0:10")
    run = lab.start(*VIRTUAL, *SMALL, "stopping.max_generations=30", "session.store_images=false")
    (folder,) = wait_for(lambda: list(lab.folder.glob("runs/*")), "the session's folder")
    log = folder / "session.h5"
    command = [sys.executable, "-m", "sessions.testing.live_reader", str(log)]
    with subprocess.Popen(
        command, env=lab.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        # However long it takes to start, the session is not over before it has looked.
        wait_for(lambda: has_open(reader.pid, log), "the reader's first look")
        lab.release(place)
        output, _ = run.communicate(timeout=PATIENCE_S)
        told, _ = reader.communicate(timeout=PATIENCE_S)

    assert run.returncode == 0, output
    tally = json.loads(told)
    assert tally["errors"] == []
    assert tally["torn"] == []
    assert tally["last_generation"] == 30
    assert tally["looks"] > 2


def has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open at this moment."""
    return str(path) in {file.path for file in psutil.Process(pid).open_files()}
