"""Folders of keys of machines that know each other, made as a user makes them: for tests only."""

import shutil
from pathlib import Path

from rig_adapters.keys import ALLOWED, make_keys


def made(folder: Path, name: str) -> Path:
    """Make the folder of keys of the machine `name` in `folder`; return it."""
    make_keys(folder / name, name)
    return folder / name


def introduce(who: Path, to: Path) -> None:
    """Copy the public key of the folder `who` to where the machine of the folder `to` allows it."""
    (public,) = who.glob("*.key")
    shutil.copy(public, to / ALLOWED)


def acquainted(folder: Path) -> tuple[Path, Path]:
    """Make two machines that allow each other; return the folders of `rig` and `daemon`."""
    rig, daemon = made(folder, "rig"), made(folder, "daemon")
    introduce(rig, daemon)
    introduce(daemon, rig)
    return rig, daemon
