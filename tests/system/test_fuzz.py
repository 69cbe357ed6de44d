"""Hostile messages at every socket of real processes; `scripts/fuzz` throws more of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

FUZZ = Path(__file__).resolve().parents[2] / "scripts" / "fuzz"
SOCKETS = (
    "session: display",
    "session: rig",
    "session: control",
    "alone: stimulus process",
    "alone: rig adapter",
    "alone: light",
    "alone: with keys",
    "daemon's link",
    "control client",
)


def test_no_hostile_message_harms_a_session_and_each_is_accounted_for() -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--messages", "1000", "--seed", "7"],
        cwd=FUZZ.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for socket in SOCKETS:
        assert re.search(rf"^{socket} +1000 +1000 ", done.stdout, re.MULTILINE), done.stdout
    assert "scores and spikes of" in done.stderr
