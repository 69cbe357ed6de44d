"""Every command that the documentation shows runs, and prints what is shown below it."""

import os
from pathlib import Path

import pytest

from .conftest import NOT_RUN, PAGES, ROOT, Bench, commands, comparable

WITH_COMMANDS = [page for page in PAGES if commands(page)]
pytestmark = pytest.mark.system


def test_readme_and_tutorial_show_commands() -> None:
    names = {page.name for page in WITH_COMMANDS}
    assert {"README.md", "first_session.md"} <= names


def test_the_readme_names_the_two_commands_and_they_can_be_run() -> None:
    shown = [command.line for command in commands(ROOT / "README.md")]
    assert shown[:2] == ["./scripts/demo", "./scripts/test"]
    for name in NOT_RUN:
        assert os.access(ROOT / name, os.X_OK), name


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_every_command_of_a_page_does_what_the_page_shows(page: Path, bench: Bench) -> None:
    text = page.read_text(encoding="utf-8")
    for command in commands(page):
        if command.line in NOT_RUN:
            continue
        done = bench.run(command.line)
        assert done.returncode == command.status, f"$ {command.line}\n{done.stdout}"
        printed = comparable(done.stdout)
        for line in comparable("\n".join(command.printed)):
            assert line in printed, f"$ {command.line}\n{done.stdout}"
        bench.shorten(command.line, text)
