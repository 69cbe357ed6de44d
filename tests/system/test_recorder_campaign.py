"""The script that campaigns against adapters of recording systems, at its smallest."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "recorder_campaign"


def campaign(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), *arguments]
    root = SCRIPT.parents[1]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_a_campaign_says_how_presentations_went() -> None:
    done = campaign("open-ephys", "--presentations", "30")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of them not marked; 0 marked without reason; 0 wrong counts" in done.stdout


def test_a_campaign_against_nobody_is_refused() -> None:
    done = campaign("open-ephis")

    assert done.returncode == 2
    assert "choose of" in done.stderr
