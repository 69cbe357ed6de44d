"""Reads the documentation, and runs what it shows in a folder with private sockets.

How blocks are marked stands in CONTRIBUTING.md. What is printed from the code is compared in
`test_reference`; whether the prose is true remains for people to judge.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from .done_before import DoneBefore, state_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SHORTER = {
    "<!-- test: virtual time -->": {
        'time = "real"': 'time = "virtual"',
        'kind = "psychopy"': 'kind = "virtual"',
        "max_generations = 16": "max_generations = 2",
        "code_dim = 4096": "code_dim = 256",
    },
    "<!-- test: shorter plan -->": {"generations = 25 ": "generations = 2 "},
    "<!-- test: shorter -->": {
        "max_generations = 16": "max_generations = 4",
        "code_dim = 4096": "code_dim = 256",
    },
}
"""What a mark of a page changes in the files that its `init` and `bench new` write."""
NOT_RUN = ("./scripts/demo", "./scripts/test", "./scripts/setup")
"""They install and take minutes; whoever runs these tests has run them."""

ALIKE = ("neuroloop init ", "neuroloop run ")
"""How commands begin that are run once where several pages begin with them."""

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def loaded_script(name: str) -> ModuleType:
    """Load a program of scripts/ without running it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the marks behind it, and what it holds."""

    language: str
    marks: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Command:
    """One shown command with the lines that it is to print and the status that it ends with."""

    line: str
    printed: tuple[str, ...]
    status: int


def blocks(page: Path, language: str, mark: str = "") -> list[Block]:
    """Return the blocks of a page in this language, those with `mark` where one is given."""
    found = [
        Block(language, tuple(marks.split()), text)
        for language, marks, text in _FENCE.findall(page.read_text(encoding="utf-8"))
    ]
    return [b for b in found if b.language == language and (not mark or mark in b.marks)]


def commands(page: Path) -> list[Command]:
    """Return the commands that a page shows, in order."""
    found = []
    for block in blocks(page, "console"):
        status = next((int(m.removeprefix("exit=")) for m in block.marks), 0)
        shown = [part.splitlines() for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)]
        # The mark speaks of the last command; those before it end well.
        lines = [part for part in shown if part]
        found += [Command(part[0], tuple(part[1:]), 0) for part in lines[:-1]]
        found += [Command(part[0], tuple(part[1:]), status) for part in lines[-1:]]
    return found


def comparable(text: str) -> list[str]:
    """Return lines without numbers, times and widths of columns."""
    plain = [re.sub(r"[+-]?\d[\d.,:]*", "#", line) for line in text.splitlines()]
    return [" ".join(line.split()) for line in plain]


class Bench:
    """A folder like that of a fresh clone, in which commands are run."""

    def __init__(self, folder: Path, runtime: Path, before: DoneBefore | None = None) -> None:
        self.folder = folder
        self.before = before
        (folder / ".venv").symlink_to(sys.prefix)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "XDG_RUNTIME_DIR": str(runtime)}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as a terminal would, its messages among its results.

        What began another page on the same files is not run again; its results are copied.
        """
        if self.before is None or not line.startswith(ALIKE):
            return self._run(line)
        if (known := self.before.again(line, self.folder)) is not None:
            return known
        state = state_of(self.folder)
        done = self._run(line)
        self.before.keep(line, state, done, self.folder)
        return done

    def _run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    def shorten(self, line: str, page: str) -> None:
        """Make the session or plan shorter that was written just now, as the page is marked."""
        made = re.match(r"neuroloop (?:init|bench new) (\S+)", line)
        if made is None:
            return
        path = self.folder / made[1]
        text = path.read_text(encoding="utf-8")
        for mark, changes in SHORTER.items():
            for long, short in changes.items() if mark in page else ():
                assert text.count(long) >= 1, long
                text = text.replace(long, short, 1)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    """Give a folder for sockets, which is empty again at the end."""
    # Socket paths must be short, and pytest's folders are long.
    folder = Path(tempfile.mkdtemp(prefix="nl-"))
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert not left


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> DoneBefore:
    """Give the commands with which the pages of a module have begun so far."""
    return DoneBefore(tmp_path_factory.mktemp("before"))


@pytest.fixture
def bench(tmp_path: Path, runtime: Path, before: DoneBefore) -> Bench:
    """Give a folder to run commands in."""
    return Bench(tmp_path, runtime, before)
