"""What a command did in a folder, for another folder that holds the same: pages begin alike.

For commands that depend on nothing but their folder; which ones do is for the caller to know.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

Done = subprocess.CompletedProcess[str]


class DoneBefore:
    """Keeps, below `folder`, what each command left in the folder in which it was run first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], tuple[Done, Path]] = {}

    def again(self, line: str, place: Path) -> Done | None:
        """Do to `place` what this line did to a folder like it; None if it was not run in one."""
        found = self._known.get((line, state_of(place)))
        if found is None:
            return None
        done, left = found
        _copy(left, place)
        return done

    def keep(self, line: str, before: str, done: Done, place: Path) -> None:
        """Keep what `line` did to `place`, whose `state_of` was `before`."""
        left = self._folder / str(len(self._known))
        _copy(place, left)
        self._known[line, before] = done, left


def state_of(place: Path) -> str:
    """Return a digest of all files below a folder, with their names; links are not followed."""
    digest = hashlib.sha256()
    for path in sorted(p for p in place.rglob("*") if p.is_file() and not p.is_symlink()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(place)}\0{content}\0".encode())
    return digest.hexdigest()


def _copy(source: Path, target: Path) -> None:
    here = shutil.ignore_patterns(".venv")
    shutil.copytree(source, target, ignore=here, dirs_exist_ok=True)
