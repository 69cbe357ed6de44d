"""Logs that the tests of the session package share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from sessions.testing.synthetic import SyntheticSession, write_synthetic_log


@pytest.fixture(scope="session")
def pristine_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of eight generations that nobody alters."""
    wanted = SyntheticSession(generations=8, last_rate_hz=90.0)
    return write_synthetic_log(tmp_path_factory.mktemp("pristine"), wanted)


@pytest.fixture
def altered_log(
    pristine_log: Path, tmp_path: Path
) -> Callable[[Callable[[h5py.File], None]], Path]:
    """Return a function that plants a fault in a copy of the pristine log, and names the copy."""

    def plant(fault: Callable[[h5py.File], None]) -> Path:
        copy = Path(shutil.copy(pristine_log, tmp_path / "session.h5"))
        with h5py.File(copy, "r+") as file:
            fault(file)
        return copy

    return plant
