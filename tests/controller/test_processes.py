"""Processes at the rig: their end is named, and they are made to end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zmq.asyncio

from controller import processes
from controller.processes import ChildProcess, child_environment
from rig_adapters.errors import PeerLost
from rig_adapters.link import Heartbeat, Link
from rig_adapters.socket_link import SocketLink
from rig_adapters.wire.conversation import RIG

from .conftest import run_clean

WAITS = "import signal, time\n{0}\nprint('ready', flush=True)\ntime.sleep(600)\n"
STUBBORN = WAITS.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
OBEDIENT = WAITS.format("")


@asynccontextmanager
async def started(folder: Path, code: str) -> AsyncIterator[tuple[ChildProcess, Link]]:
    """Run `code` as a rig adapter, watched through a link that nobody is at the other end of."""
    (folder / "some_adapter.py").write_text(code)
    context = zmq.asyncio.Context()
    link = SocketLink(context, f"ipc://{folder / 'rig'}", RIG, Heartbeat())
    child = await ChildProcess.start(
        "rig adapter", "some_adapter", "ipc://nowhere", 10.0, folder / "rig.log"
    )
    child.watch(link)
    try:
        yield child, link
    finally:
        await child.end(asked=False)
        await link.close()
        context.destroy(linger=0)


@pytest.fixture(autouse=True)
def _import_from_the_test_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


async def has_said(path: Path, text: str) -> None:
    async with asyncio.timeout(30):
        while text not in path.read_text():
            await asyncio.sleep(0.01)


def failure_of(tmp_path: Path, code: str, number: int | None = None) -> str:
    """Return what the link was told when `code` ended by itself, or by the signal `number`."""

    async def scene() -> str:
        async with started(tmp_path, code) as (child, link):
            if number is not None:
                await has_said(tmp_path / "rig.log", "ready")
                os.kill(child.pid, number)
            async with asyncio.timeout(30):
                await link.failed.wait()
            assert isinstance(link.failure, PeerLost)
            return str(link.failure)

    return run_clean(scene())


def test_a_process_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys\nprint('warming up')\nprint('no amplifier found\\n\\n')\nsys.exit(7)\n"

    assert failure_of(tmp_path, code) == (
        "the rig adapter ended by itself with exit status 7: no amplifier found "
        f"(see {tmp_path / 'rig.log'})"
    )


def test_a_process_that_ends_without_a_word_is_named_too(tmp_path: Path) -> None:
    assert failure_of(tmp_path, "") == (
        f"the rig adapter ended by itself with exit status 0 (see {tmp_path / 'rig.log'})"
    )


def test_a_process_that_was_killed_is_named_with_the_signal(tmp_path: Path) -> None:
    said = failure_of(tmp_path, OBEDIENT, signal.SIGKILL)

    assert said == "the rig adapter was killed by SIGKILL"


@pytest.mark.parametrize(
    ("code", "ended_by"), [(OBEDIENT, signal.SIGTERM), (STUBBORN, signal.SIGKILL)]
)
@pytest.mark.parametrize("asked", [True, False])
def test_a_process_that_does_not_end_is_made_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    ended_by: signal.Signals,
    asked: bool,
) -> None:
    async def scene() -> None:
        async with started(tmp_path, code) as (child, link):
            await has_said(tmp_path / "rig.log", "ready")
            if code == STUBBORN or asked:
                monkeypatch.setattr(processes, "GRACE_S", 0.3)
            await child.end(asked=asked)
            assert child._process.returncode == -ended_by
            assert link.failure is None

    run_clean(scene())


def test_a_process_that_has_ended_can_be_ended_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with started(tmp_path, "") as (child, link):
            async with asyncio.timeout(30):
                await link.failed.wait()
            await child.end(asked=True)
            await child.end(asked=False)
            assert child._process.returncode == 0

    run_clean(scene())


def test_children_keep_the_environment_and_do_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "3")

    environment = child_environment()

    assert environment["LAB"] == "3"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["PATH"] == os.environ["PATH"]
