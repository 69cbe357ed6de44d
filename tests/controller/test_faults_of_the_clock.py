"""A wall clock that is set, by hand or by a time server, in the middle of a session."""

import ast
from pathlib import Path

import pytest

from controller import clock

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for package in ("controller", "generators", "rig_adapters", "sessions")
    for path in sorted((ROOT / package).rglob("*.py"))
]
WALL_CLOCKS = {
    ("time", name)
    for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "clock_gettime")
} | {(owner, name) for owner in ("datetime", "date") for name in ("now", "utcnow", "today")}


def wall_clocks_read(source: str) -> list[str]:
    """Return the places where a program asks for the time of day."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner, node.attr) in WALL_CLOCKS:
                found.append(f"{owner}.{node.attr} in line {node.lineno}")
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"import of {a.name}" for a in node.names if ("time", a.name) in WALL_CLOCKS]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import time",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.utcnow()",
    ],
)
def test_a_reading_of_the_wall_clock_is_found(source: str) -> None:
    assert wall_clocks_read(source)


def test_an_ntp_step_of_the_wall_clock_can_change_no_measurement() -> None:
    # An emulator stamps its messages as its vendor's program does; nobody measures with that.
    emulated = {path for path in SOURCES if "emulators" in path.parts}
    sources = set(SOURCES) - emulated
    readers = {path for path in sources if wall_clocks_read(path.read_text(encoding="utf-8"))}

    # Whoever else measured with it would be wrong by the step.
    assert readers == {Path(clock.__file__).resolve()}


def test_the_wall_clock_is_only_ever_written_down() -> None:
    """Both functions give text, with which nobody can compute."""
    assert isinstance(clock.wall_time(), str)
    assert isinstance(clock.wall_stamp(), str)
