"""Another process reads a running session all the time; `benchmarks/live_reader.py` times it."""

import json
import subprocess
import sys

import pytest

from .conftest import VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system


def test_who_reads_a_live_session_meets_no_error_and_no_torn_generation(lab: Lab) -> None:
    run = lab.start(*VIRTUAL, "stopping.max_generations=30", "session.store_images=false")
    (folder,) = wait_for(lambda: list(lab.folder.glob("runs/*")), "the session's folder")
    command = [sys.executable, "-m", "sessions.testing.live_reader", str(folder / "session.h5")]
    with subprocess.Popen(
        command, env=lab.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        output, _ = run.communicate(timeout=120)
        told, _ = reader.communicate(timeout=60)

    assert run.returncode == 0, output
    tally = json.loads(told)
    assert tally["errors"] == []
    assert tally["torn"] == []
    assert tally["last_generation"] == 30
    assert tally["looks"] > 2
