"""For every test: nothing may stay behind. A leaked process or shared-memory block fails it."""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SHARED_MEMORY = Path("/dev/shm")
SETTLED_S = 5.0
"""How long a block may be nobody's, while another program makes or removes it."""


@pytest.fixture(autouse=True)
def leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare child processes and shared memory before and after the test."""
    processes, blocks = _children(), _shared_memory()
    yield
    if _leaked(request, processes):
        gc.collect()
    leaked = _leaked(request, processes)
    assert not leaked, f"processes left behind: {[_describe(pid) for pid in leaked]}"
    assert not (left := _left_in(blocks)), f"shared memory left behind: {sorted(left)}"


def _leaked(request: pytest.FixtureRequest, before: set[int]) -> set[int]:
    leaked = _children() - before
    # A module's display may live longer than one of its tests.
    if "screen" in request.keywords:
        leaked = {pid for pid in leaked if not _is_xvfb(pid)}
    return leaked


def _children() -> set[int]:
    return {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}


def _shared_memory() -> dict[str, int]:
    """The blocks there are: name → inode."""
    if not SHARED_MEMORY.is_dir():
        return {}
    return {entry.name: entry.inode() for entry in os.scandir(SHARED_MEMORY)}


def _left_in(before: dict[str, int]) -> set[str]:
    """The blocks that have come since and that no other program on this machine is using."""
    deadline_s = time.monotonic() + SETTLED_S
    while new := {n: inode for n, inode in _shared_memory().items() if n not in before}:
        used = _used_by_others()
        left = {name for name, inode in new.items() if inode not in used}
        # Another program may be just about to take, or to give back, what it has made.
        if not left or time.monotonic() > deadline_s:
            return left
        time.sleep(0.1)
    return set()


def _used_by_others() -> set[int]:
    """The inodes of blocks that processes other than this test's have mapped."""
    ours = {os.getpid(), *_children()}
    used = set()
    for pid in set(psutil.pids()) - ours:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
            # A semaphore is mapped by the name that it had while it was made, so names differ.
            used |= {int(line.split()[4]) for line in lines if f" {SHARED_MEMORY}/" in line}
    return used


def _is_xvfb(pid: int) -> bool:
    return "Xvfb" in _describe(pid)


def _describe(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return f"{pid} (gone)"
