"""What a program loads before it does anything: every command and every process waits for it."""

import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "psychopy", "scipy.fft", "scipy.linalg", "scipy.special", "torch")


@pytest.mark.parametrize(
    "module",
    [
        "controller.cli",
        "controller.daemon.daemon",
        "rig_adapters.sim.rig",
        "rig_adapters.stimulus.presenter",
        "sessions.audit.auditor",
    ],
)
def test_a_program_starts_without_what_it_may_never_use(module: str) -> None:
    look = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=280
    )
    assert done.stdout.split() == []
