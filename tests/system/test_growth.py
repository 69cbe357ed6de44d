"""Nothing grows in a session of many blocks; `scripts/growth` watches long ones, and a window."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

GROWTH = Path(__file__).resolve().parents[2] / "scripts" / "growth"
SMALL = (
    "generators.main.code_dim=64",
    "generators.main.image_size_px=256",
    "threads.0.optimizer.population_size=8",
    "references.count=3",
    "behaviour.kind=always",
    "session.store_images=false",
)
LIMIT_MB = 20
"""Between the quarters that are compared lie twenty blocks, whose images have 31 MB."""


def test_memory_handles_threads_and_shared_memory_of_a_session_stay_what_they_are() -> None:
    sets = [word for setting in SMALL for word in ("--set", setting)]
    length = ("--virtual", "--generations", "40", "--every-s", "0.1", "--limit-mb", str(LIMIT_MB))
    done = subprocess.run(
        [sys.executable, str(GROWTH), *length, *sets],
        cwd=GROWTH.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = re.match(r"(\d+) generations", done.stdout)
    assert told is not None, done.stdout
    assert int(told[1]) >= 40
    for process in ("daemon", "stimulus", "rig"):
        assert re.search(rf"^{process} +\d", done.stdout, re.MULTILINE), done.stdout
