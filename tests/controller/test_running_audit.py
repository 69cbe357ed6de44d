"""The audit process as the daemon keeps it: waited for, restarted once, and never in the way."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import h5py
import pytest

from controller.control import messages as c
from controller.daemon.audit import RunningAudit
from controller.daemon.daemon import Daemon
from controller.states import State
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

from .conftest import run_clean, session_config

BLOCKS = 4


class Told:
    """What an audit told."""

    def __init__(self) -> None:
        self.differences: list[str] = []
        self.troubles: list[str] = []
        self.news = asyncio.Event()

    async def difference(self, text: str) -> None:
        self.differences.append(text)

    async def trouble(self, text: str) -> None:
        self.troubles.append(text)
        self.news.set()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may keep an audit waiting for longer than a session would."""
    for name in ("KEEP_UP_S", "CONCLUDE_S"):
        monkeypatch.setattr(f"controller.daemon.audit.{name}", 120.0)


Scene = Callable[[RunningAudit, Told], Awaitable[None]]


def playing(folder: Path, scene: Scene) -> None:
    async def whole() -> None:
        told = Told()
        running = RunningAudit(folder, told.difference, told.trouble)
        try:
            await scene(running, told)
        finally:
            await running.close()

    run_clean(whole())


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """The folder of a session that still runs."""
    write_synthetic_log(tmp_path, SyntheticSession(generations=BLOCKS), end=None)
    return tmp_path


def test_an_audit_that_ends_with_the_log_is_no_trouble(tmp_path: Path) -> None:
    write_synthetic_log(tmp_path, SyntheticSession(generations=BLOCKS))

    async def scene(running: RunningAudit, told: Told) -> None:
        await running.conclude(BLOCKS)
        await running._task
        assert told.troubles == []

    playing(tmp_path, scene)


def instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have another program started in the audit's place."""
    start = asyncio.create_subprocess_exec

    async def other(program: str, *_arguments: str, **options: object) -> object:
        return await start(program, "-c", code, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("controller.daemon.audit.asyncio.create_subprocess_exec", other)


def test_every_block_is_audited_before_the_session_ends(unfinished: Path) -> None:
    async def scene(running: RunningAudit, told: Told) -> None:
        await running.keep_up(BLOCKS)
        text = await running.conclude(BLOCKS)
        assert text.startswith("audited 4 of 4 generations, no differences")
        assert told.differences == told.troubles == []

    playing(unfinished, scene)


def test_a_block_is_not_begun_before_the_difference_in_the_last_but_one_is_told(
    tmp_path: Path,
) -> None:
    log = write_synthetic_log(tmp_path, SyntheticSession(generations=BLOCKS), end=None)
    with h5py.File(log, "r+") as file:
        file["scores/score"][int((file["scores/block"][:] == 2).argmax())] = -1.0

    async def scene(running: RunningAudit, told: Told) -> None:
        await running.keep_up(BLOCKS)
        assert any(text.startswith("audit of block 2: scores") for text in told.differences)
        text = await running.conclude(BLOCKS)
        assert text.startswith("audited 4 of 4 generations, differences in blocks 2")

    playing(tmp_path, scene)


def test_an_audit_process_that_dies_twice_is_reported_twice_and_nobody_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, unfinished: Path
) -> None:
    instead(monkeypatch, "import os; os.kill(os.getpid(), 9)")

    async def scene(running: RunningAudit, told: Told) -> None:
        await running.keep_up(BLOCKS)
        assert [text.split(";")[-1].strip() for text in told.troubles] == [
            "it is started anew",
            "the session goes on without an audit",
        ]
        assert all("was killed by SIGKILL" in text for text in told.troubles)
        assert (await running.conclude(BLOCKS)).startswith("audited 0 of 4 generations")

    playing(unfinished, scene)


def test_an_audit_that_is_behind_is_reported_once_and_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, unfinished: Path
) -> None:
    instead(monkeypatch, "import time; time.sleep(1000)")
    monkeypatch.setattr("controller.daemon.audit.KEEP_UP_S", 0.05)
    monkeypatch.setattr("controller.daemon.audit.CONCLUDE_S", 0.05)

    async def scene(running: RunningAudit, told: Told) -> None:
        await running.keep_up(BLOCKS)
        await running.keep_up(BLOCKS)
        assert len(told.troubles) == 1
        assert "4 generations behind" in told.troubles[0]
        assert (await running.conclude(BLOCKS)).startswith("audited 0 of 4 generations")

    playing(unfinished, scene)


def test_a_block_that_no_disk_took_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, unfinished: Path
) -> None:
    instead(monkeypatch, "import time; time.sleep(1000)")
    monkeypatch.setattr("controller.daemon.audit.CONCLUDE_S", 1e6)

    async def scene(running: RunningAudit, _told: Told) -> None:
        text = await running.conclude(BLOCKS, hopeless=True)
        assert text.startswith("audited 0 of 4 generations")

    playing(unfinished, scene)


def test_an_audit_that_talks_nonsense_is_reported_and_ended(
    monkeypatch: pytest.MonkeyPatch, unfinished: Path
) -> None:
    instead(monkeypatch, "import time; print('nonsense', flush=True); time.sleep(1000)")

    async def scene(running: RunningAudit, told: Told) -> None:
        await running.keep_up(BLOCKS)
        assert told.troubles == ["the audit cannot be followed; see daemon.log"]

    playing(unfinished, scene)


def test_an_alarm_pauses_at_the_end_of_the_block_until_somebody_resumes() -> None:
    async def scene() -> None:
        daemon = Daemon(session_config(), "", "demo-1", Path("/runs/demo-1"), Path("/run/x"))
        daemon.state = State.RUNNING
        await daemon._audit_alarm("audit of block 3: no.")
        await daemon._audit_alarm("audit of block 3: never.")
        assert daemon.state is State.PAUSING
        status = await daemon._handle(c.GetStatus())
        assert isinstance(status, c.StatusReported)
        assert status.status.alarms == ("audit of block 3: no.", "audit of block 3: never.")

        waiting = asyncio.create_task(daemon._may_go_on())
        while daemon.state is not State.PAUSED:
            await asyncio.sleep(0)
        await daemon._handle(c.Resume())
        assert await waiting
        assert daemon._status().alarms == ()

    run_clean(scene())


def test_an_alarm_in_a_session_that_is_ending_changes_no_state() -> None:
    async def scene() -> None:
        daemon = Daemon(session_config(), "", "demo-1", Path("/runs/demo-1"), Path("/run/x"))
        daemon.state = State.FINISHING
        await daemon._audit_alarm("audit of block 3: no.")
        assert daemon.state is State.FINISHING

    run_clean(scene())
