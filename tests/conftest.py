"""For every test: nothing may stay behind. A leaked process or shared-memory block fails it."""

import gc
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from .browser import DRIVERS, browser
from .newcomers import NEWCOMERS, SHARED_MEMORY, Newcomer, all_there

__all__ = ["browser"]  # a fixture that tests of several folders ask for

# A shell that starts a run in the background has it ignore Ctrl-C, and with it all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing asserts how fast something is: a busy machine is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SETTLED_S = 5.0
"""How long a block may be nobody's, while another program makes or removes it."""


@pytest.fixture(scope="session", autouse=True)
def _newcomers_are_watched() -> Iterator[None]:
    NEWCOMERS.start()
    yield
    NEWCOMERS.stop()


LONGEST_FIRST = ("system", "docs", "rig_adapters")
"""Folders whose files take longest: begun first, so that none is left over for one core."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of the folders that take longest first."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def leaves_nothing_behind(
    request: pytest.FixtureRequest, _newcomers_are_watched: None
) -> Iterator[None]:
    """Compare child processes and shared memory before and after the test."""
    processes, blocks = _children(), all_there(SHARED_MEMORY)
    yield
    if _leaked(request, processes):
        gc.collect()
    leaked = _leaked(request, processes)
    assert not leaked, f"processes left behind: {[_describe(pid) for pid in leaked]}"
    assert not (left := _left_in(blocks)), f"shared memory left behind: {left}"


def _leaked(request: pytest.FixtureRequest, before: set[int]) -> set[int]:
    leaked = _children() - before
    # A module's display may live longer than one of its tests.
    if "screen" in request.keywords:
        leaked = {pid for pid in leaked if not _is_xvfb(pid)}
    return leaked


def _children() -> set[int]:
    # Most tests start nothing, and to look through all processes of the machine takes longer than
    # most tests.
    if not _has_children():
        return set()
    # The browser outlives a test, and starts and ends processes as it likes.
    own = [child for child in psutil.Process(os.getpid()).children() if child.pid not in DRIVERS]
    return {child.pid for each in own for child in (each, *_below(each))}


def _has_children() -> bool:
    """Whether this process has a child beside the browser, also one that ended unwaited for."""
    for thread in Path("/proc/self/task").iterdir():
        # A thread may end meanwhile, and not every Linux tells; then the long way is gone.
        try:
            children = (thread / "children").read_text(encoding="ascii").split()
            if not DRIVERS.issuperset(map(int, children)):
                return True
        except FileNotFoundError:
            if thread.exists():
                return True
    return False


def _below(process: psutil.Process) -> list[psutil.Process]:
    """All that a process has started; nothing once it is gone."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _left_in(before: set[Newcomer]) -> list[str]:
    """The blocks that have come since, and that are not known to be another program's.

    One whose maker was gone at once may be that of a test beside this one, which then fails too.
    """
    deadline_s = time.monotonic() + SETTLED_S
    while new := all_there(SHARED_MEMORY) - before:
        left = new - NEWCOMERS.of_others(new)
        # Another program may be just about to take, or to give back, what it has made.
        if not left or time.monotonic() > deadline_s:
            return sorted(block.path.name for block in left)
        time.sleep(0.1)
    return []


def _is_xvfb(pid: int) -> bool:
    return "Xvfb" in _describe(pid)


def _describe(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return f"{pid} (gone)"
