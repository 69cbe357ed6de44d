"""Logs and the NWB files that were made of them, for all tests of the export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import pytest

from sessions.nwb.metadata import metadata_of
from sessions.nwb.writing import Exported, export_nwb
from sessions.reader import LogReader, open_log
from sessions.testing.reported import write_reported_log
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

MADE_AT = datetime(2026, 1, 6, tzinfo=UTC)
TOLD: dict[str, dict[str, Any]] = {
    "subject": {"species": "Macaca mulatta", "sex": "F", "date_of_birth": "2016-04-30"},
    "electrodes": {"location": "IT", "channels": {"7": "V4"}},
}
SESSION = SyntheticSession(generations=3)
"""24 images of 16 pixels for each thread: more images than rows, as the inspector has it."""


@dataclass(frozen=True)
class Pair:
    """A log, and the NWB file that was made of it."""

    log: LogReader
    nwb: Path


def export(log: Path, nwb: Path, **options: Any) -> Exported:
    """Export a log with what is told above."""
    reader = open_log(log)
    return export_nwb(reader, nwb, metadata_of(reader, TOLD), created_at=MADE_AT, **options)


def in_real_time(log: Path) -> Path:
    """Have a synthetic log say that its session ran in real time."""
    with h5py.File(log, "r+") as file:
        file.attrs["time"] = "real"
    return log


WRITERS: dict[str, Callable[[Path], Path]] = {
    "finished": lambda folder: in_real_time(write_synthetic_log(folder, SESSION)),
    "cut off, in virtual time": lambda folder: write_synthetic_log(folder, SESSION, end=None),
    "of rates": lambda folder: write_reported_log(folder, SESSION),
    "of hashes": lambda folder: write_synthetic_log(
        folder, SyntheticSession(generations=2, keep_pixels=False, baseline_mode="block")
    ),
    "not begun": lambda folder: write_synthetic_log(
        folder, SyntheticSession(generations=0, baseline_mode="none"), end=None
    ),
}


@pytest.fixture(scope="session")
def pair_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Return a function that makes a log of one kind of `WRITERS` and its NWB file, once."""
    made: dict[str, Pair] = {}

    def make(kind: str) -> Pair:
        if kind not in made:
            folder = tmp_path_factory.mktemp("nwb")
            log = WRITERS[kind](folder)
            export(log, folder / "session.nwb")
            made[kind] = Pair(open_log(log), folder / "session.nwb")
        return made[kind]

    return make
