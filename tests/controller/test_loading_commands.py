"""Commands are imported when they are asked for, and the list of them says what there is."""

import json
import subprocess
import sys

import pytest

from controller.cli.app import MODULES
from controller.cli.loading import Commands, commands_of


@pytest.mark.parametrize("module", sorted(set(MODULES.values())))
def test_the_list_names_just_the_commands_of_each_module(module: str) -> None:
    listed = [name for name, place in MODULES.items() if place == module]
    assert sorted(commands_of(module)) == sorted(listed)


def test_a_command_is_found_by_its_name_and_no_other_is() -> None:
    commands = Commands(MODULES)
    assert list(commands) == list(MODULES)
    assert commands["pause"].name == "pause"
    assert commands["pause"] is commands["pause"]
    assert commands.get("paws") is None


def loaded_by(command: str) -> set[str]:
    """Return the modules that a process has loaded which has shown the help of a command."""
    program = (
        "import json, sys; from controller.cli.app import app; "
        f"app([{command!r}, '--help'], standalone_mode=False); "
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    ("command", "not_needed"),
    [
        ("status", {"controller.config.tables", "controller.bench", "h5py", "scipy", "pandas"}),
        ("inspect", {"controller.config.tables", "controller.bench", "zmq", "matplotlib"}),
        ("run", {"controller.bench", "controller.dashboard", "torch", "matplotlib", "pandas"}),
    ],
)
def test_a_command_imports_nothing_that_only_others_need(
    command: str, not_needed: set[str]
) -> None:
    assert not loaded_by(command) & not_needed
