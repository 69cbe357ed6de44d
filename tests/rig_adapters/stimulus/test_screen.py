"""A virtual screen is there when no other is, and is gone with the process that started it."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.screen import open_screen

pytestmark = pytest.mark.screen


@pytest.fixture(autouse=True)
def no_display() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DISPLAY", raising=False)
        yield


def traces(name: str) -> set[tuple[Path, int, int]]:
    """Return the files that the X server `name` keeps while it runs, with what tells them apart.

    As soon as it has ended, a server of somebody else may take the same name.
    """
    number = name.removeprefix(":")
    found = set()
    for file in (Path(f"/tmp/.X11-unix/X{number}"), Path(f"/tmp/.X{number}-lock")):
        with suppress(FileNotFoundError):
            there = file.lstat()
            found.add((file, there.st_ino, there.st_mtime_ns))
    return found


def wait_until_gone(name: str, before: set[tuple[Path, int, int]]) -> None:
    deadline_s = time.monotonic() + 60
    while traces(name) & before and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert not traces(name) & before


def test_without_a_screen_a_virtual_one_is_started_and_ended() -> None:
    screen = open_screen((320, 240))

    name = os.environ["DISPLAY"]
    assert screen.virtual
    kept = traces(name)
    assert kept
    screen.close()
    assert not traces(name) & kept
    assert "DISPLAY" not in os.environ


def test_a_screen_that_is_there_is_used_and_left_alone() -> None:
    ours = open_screen((320, 240))

    theirs = open_screen((320, 240))

    assert not theirs.virtual
    theirs.close()
    again = open_screen((320, 240))
    assert not again.virtual
    again.close()
    ours.close()


def test_a_screen_that_cannot_be_reached_is_replaced_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")

    with caplog.at_level(logging.WARNING):
        screen = open_screen((320, 240))

    assert screen.virtual
    screen.close()
    assert "no screen :4711" in caplog.text


def test_without_xvfb_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(DisplayError, match="install the Debian package xvfb"):
        open_screen((320, 240))


def test_a_virtual_screen_that_does_not_start_says_why() -> None:
    with pytest.raises(DisplayError, match=r"Xvfb\) did not start: .+"):
        open_screen((0, 0))


def test_a_virtual_screen_ends_with_a_killed_process() -> None:
    program = (
        "import os, time\n"
        "from rig_adapters.stimulus.screen import open_screen\n"
        "screen = open_screen((320, 240))\n"
        "print(os.environ['DISPLAY'], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        kept = traces(name)
        assert kept
        process.send_signal(signal.SIGKILL)

    wait_until_gone(name, kept)
