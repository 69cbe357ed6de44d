"""For every test: nothing may stay behind. A leaked process or shared-memory block fails it."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare child processes and shared memory before and after the test."""
    processes, blocks = _children(), _shared_memory()
    yield
    if _leaked(request, processes):
        gc.collect()
    leaked = _leaked(request, processes)
    assert not leaked, f"processes left behind: {[_describe(pid) for pid in leaked]}"
    assert _shared_memory() <= blocks, "shared memory left behind"


def _leaked(request: pytest.FixtureRequest, before: set[int]) -> set[int]:
    leaked = _children() - before
    # A module's display may live longer than one of its tests.
    if "screen" in request.keywords:
        leaked = {pid for pid in leaked if not _is_xvfb(pid)}
    return leaked


def _children() -> set[int]:
    return {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}


def _shared_memory() -> set[str]:
    return {path.name for path in SHARED_MEMORY.iterdir()} if SHARED_MEMORY.is_dir() else set()


def _is_xvfb(pid: int) -> bool:
    return "Xvfb" in _describe(pid)


def _describe(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return f"{pid} (gone)"
