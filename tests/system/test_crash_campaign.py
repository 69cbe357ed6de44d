"""The crash campaign, in small: some kills on a sound, a slow and a failing disk lose nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

CAMPAIGN = Path(__file__).parents[2] / "scripts" / "crash_campaign"


@pytest.mark.parametrize(("disk", "kills"), [("sound", 2), ("slow", 1), ("failing", 1)])
def test_kills_at_random_moments_lose_nothing(disk: str, kills: int) -> None:
    if (
        disk != "sound"
        and subprocess.run(["strace", "-qqq", "-o", "/dev/null", "true"], check=False).returncode
    ):
        pytest.skip("strace may not trace processes here")
    options = ["--kills", str(kills), "--kills-per-session", str(kills), "--disk", disk]

    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 committed generations lost, 0 unreadable files, 0 codes that differ" in done.stdout
    assert "sessions: 1" in done.stdout
