"""The daemon without its processes: commands, pauses, and how it says that a session ended."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.control import messages as c
from controller.daemon import __main__ as daemon_program
from controller.daemon.daemon import Daemon
from controller.daemon.rig_processes import RigProcesses
from controller.errors import NothingHeard, SessionStopped
from controller.optimizers import DivergedError
from controller.running import Session
from controller.states import Event, State
from rig_adapters.errors import PeerLost, RigError
from sessions.errors import LogBusyError

from .conftest import run_clean, session_config


class Processes:
    """Both processes at the rig, as far as a pausing daemon watches them."""

    def __init__(self) -> None:
        self.lost: dict[str, RigError] = {}
        self.any_lost = asyncio.Event()
        self.let_go = asyncio.Event()
        self.let_go.set()

    def lose(self, failure: RigError) -> None:
        self.lost["rig"] = failure
        self.any_lost.set()

    async def wait_for_loss(self) -> None:
        try:
            await self.any_lost.wait()
        finally:
            await self.let_go.wait()


def daemon_in(state: State) -> Daemon:
    daemon = Daemon(session_config(), "", "demo-1", Path("/runs/demo-1"), Path("/run/x"))
    daemon.state = state
    return daemon


async def soon() -> None:
    """Let every task go on as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def playing(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    run_clean(whole())


def go_on(daemon: Daemon) -> "asyncio.Task[bool]":
    return asyncio.create_task(daemon._may_go_on())


async def watched(
    daemon: Daemon, processes: Processes, loop: Coroutine[Any, Any, None]
) -> Exception | None:
    return await daemon._run_until_lost(loop, cast(RigProcesses, processes))


def test_a_running_session_may_go_on() -> None:
    async def scene() -> None:
        assert await go_on(daemon_in(State.RUNNING))

    playing(scene)


def test_a_pause_takes_effect_at_the_end_of_the_block_and_lasts_until_resumed() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.RUNNING)
        answer = await daemon._handle(c.Pause())
        assert answer == c.CommandAccepted(what="the session pauses at the end of this block")
        assert daemon.state is State.PAUSING
        waiting = go_on(daemon)
        await soon()
        assert daemon.state is State.PAUSED
        assert not waiting.done()
        await daemon._handle(c.Resume())
        assert await waiting
        assert daemon.state is State.RUNNING

    playing(scene)


def test_a_process_that_is_lost_during_a_pause_is_noticed_at_once() -> None:
    async def scene() -> None:
        daemon, processes = daemon_in(State.PAUSING), Processes()
        waiting = asyncio.create_task(watched(daemon, processes, pause_through(daemon)))
        await soon()
        lost = PeerLost("the rig adapter was killed by SIGKILL")
        processes.lose(lost)
        assert await waiting is lost

    playing(scene)


def test_an_abort_during_a_pause_ends_it() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.PAUSING)
        daemon._work = asyncio.create_task(wait_through_a_pause(daemon, Processes()))
        await soon()
        assert isinstance(await daemon._handle(c.Abort(reason="fire")), c.CommandAccepted)
        assert await daemon._outcome(daemon._work) == ("abort", "fire")

    playing(scene)


async def pause_through(daemon: Daemon) -> None:
    await daemon._may_go_on()


async def wait_through_a_pause(daemon: Daemon, processes: Processes) -> None:
    assert await watched(daemon, processes, pause_through(daemon)) is None


def test_a_process_that_is_lost_within_a_block_ends_the_block_at_once() -> None:
    async def scene() -> None:
        daemon, processes = daemon_in(State.RUNNING), Processes()
        cancelled = asyncio.Event()

        async def block() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        work = asyncio.create_task(watched(daemon, processes, block()))
        await soon()
        lost = PeerLost("the stimulus process was killed by SIGKILL")
        processes.lose(lost)
        assert await work is lost
        assert cancelled.is_set()

    playing(scene)


def test_a_loop_that_ends_by_itself_keeps_its_own_ending() -> None:
    async def scene() -> None:
        daemon, processes = daemon_in(State.RUNNING), Processes()

        async def fails() -> None:
            raise ValueError("from the loop")

        async def ends() -> None:
            return

        async def misses_the_rig() -> None:
            raise lost

        async def hears_nothing() -> None:
            raise NothingHeard(3)

        assert await watched(daemon, processes, ends()) is None
        assert isinstance(await watched(daemon, processes, hears_nothing()), NothingHeard)
        lost = PeerLost("the rig adapter was killed by SIGKILL")
        with pytest.raises(PeerLost):
            # Nobody knows of a process that would have to be brought back.
            await watched(daemon, processes, misses_the_rig())
        processes.lose(lost)
        assert await watched(daemon, processes, misses_the_rig()) is lost
        with pytest.raises(ValueError, match="from the loop"):
            await watched(daemon, processes, fails())

    playing(scene)


def test_an_abort_in_the_very_moment_after_a_pause_is_not_lost() -> None:
    async def scene() -> None:
        daemon, processes = daemon_in(State.PAUSING), Processes()
        processes.let_go.clear()
        daemon._work = asyncio.create_task(wait_through_a_pause(daemon, processes))
        await soon()
        await daemon._handle(c.Resume())
        await soon()
        assert not daemon._work.done()
        daemon._abort("fire")
        await soon()
        processes.let_go.set()
        assert await daemon._outcome(daemon._work) == ("abort", "fire")
        await soon()

    playing(scene)


def test_a_stop_is_the_reason_although_the_log_is_still_being_written() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.PAUSING)
        work = asyncio.create_task(wait_through_a_pause(daemon, Processes()))
        await soon()
        written = asyncio.Event()

        async def slow(_kind: str, _text: str) -> None:
            await written.wait()

        daemon._logbook.event = slow  # type: ignore[method-assign]  # a slow disk
        stop = asyncio.create_task(daemon._handle(c.Stop()))
        assert await daemon._outcome(work) == ("success", "stopped by the operator")
        written.set()
        assert isinstance(await stop, c.CommandAccepted)

    playing(scene)


def test_an_alarm_that_comes_while_the_operator_resumes_is_not_forgotten_with_the_others() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.RUNNING)
        await daemon._audit_alarm("audit of block 1: seen")
        work = go_on(daemon)
        await soon()
        written = asyncio.Event()

        async def slow(_kind: str, _text: str) -> None:
            await written.wait()

        daemon._logbook.event = slow  # type: ignore[method-assign]  # a slow disk
        resume = asyncio.create_task(daemon._handle(c.Resume()))
        await soon()
        another = asyncio.create_task(daemon._audit_alarm("audit of block 2: another"))
        await soon()
        written.set()
        await asyncio.gather(resume, another)
        assert daemon._progress.alarms == ["audit of block 2: another"]
        assert daemon.state is State.PAUSING
        await work

    playing(scene)


@pytest.mark.parametrize(("block_open", "status"), [(True, "abort"), (False, "success")])
def test_a_session_stopped_while_it_cannot_go_on_is_complete_only_between_blocks(
    block_open: bool, status: str
) -> None:
    async def stops() -> None:
        raise SessionStopped("stopped by the operator; the rig is gone", block_open=block_open)

    async def scene() -> None:
        outcome = await daemon_in(State.FINISHING)._outcome(asyncio.create_task(stops()))
        assert outcome == (status, "stopped by the operator; the rig is gone")

    playing(scene)


def test_a_block_that_was_interrupted_ends_before_a_stop_takes_effect() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.FINISHING)
        session = SimpleNamespace(open_block=True)
        daemon._session = cast(Session, session)
        assert await go_on(daemon)
        session.open_block = False
        assert not await go_on(daemon)

    playing(scene)


def test_a_resume_lets_a_session_that_was_given_up_try_again() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.RUNNING)
        await daemon.apply(Event.LOST, "the rig adapter was killed by SIGKILL")
        await daemon.apply(Event.GIVEN_UP)
        assert daemon.state is State.PAUSED
        answer = await daemon._handle(c.Resume())
        assert answer == c.CommandAccepted(what="what was lost is started anew")
        assert daemon.state is State.INTERRUPTED
        await daemon.apply(Event.RESTORED)
        await daemon._handle(c.Pause())
        await daemon.apply(Event.BLOCK_ENDED)
        answer = await daemon._handle(c.Resume())
        assert answer == c.CommandAccepted(what="the session goes on")
        assert daemon.state is State.RUNNING

    playing(scene)


def test_a_session_that_ran_to_its_end_is_complete() -> None:
    async def nothing() -> None:
        return

    async def scene() -> None:
        daemon = daemon_in(State.RUNNING)
        assert await daemon._outcome(asyncio.create_task(nothing())) == ("success", "complete")

    playing(scene)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            PeerLost("the rig adapter was killed by SIGKILL"),
            "the rig adapter was killed by SIGKILL",
        ),
        (DivergedError("the codes have left float32"), "the codes have left float32"),
        (
            OSError(28, "No space left on device"),
            "the session could not be written to /runs/demo-1: No space left on device; every "
            "committed generation is safe; make room on that disk, then go on with neuroloop "
            "resume",
        ),
        (
            OSError(30, "Read-only file system"),
            "the session could not be written to /runs/demo-1: Read-only file system; every "
            "committed generation is safe; have that disk mounted for writing again, then go on "
            "with neuroloop resume",
        ),
        (OSError(98, "Address already in use"), "[Errno 98] Address already in use"),
        (
            ZeroDivisionError("division by zero"),
            "unexpected ZeroDivisionError: division by zero (details in daemon.log; please report)",
        ),
    ],
)
def test_what_ended_a_session_by_a_fault_is_said_in_its_own_words(
    error: Exception, reason: str
) -> None:
    async def fails() -> None:
        raise error

    async def scene() -> None:
        daemon = daemon_in(State.RUNNING)
        assert await daemon._outcome(asyncio.create_task(fails())) == ("fail", reason)
        assert daemon.state is State.FAULTED

    playing(scene)


def test_a_note_that_cannot_be_written_is_refused_and_the_session_goes_on() -> None:
    async def scene() -> None:
        daemon = daemon_in(State.RUNNING)

        async def busy(_kind: str, _text: str) -> None:
            raise LogBusyError("another program writes to session.h5")

        daemon._logbook.event = busy  # type: ignore[method-assign]  # somebody else has the file
        answer = await daemon._handle(c.AddNote(text="drowsy"))
        assert answer == c.CommandRefused(
            why="the log cannot be written: another program writes to session.h5"
        )
        assert isinstance(await daemon._handle(c.Pause()), c.CommandAccepted)

    playing(scene)


@pytest.mark.parametrize("state", [State.FINISHED, State.FAULTED, State.ABORTING])
def test_an_ending_session_cannot_be_aborted_again(state: State) -> None:
    async def scene() -> None:
        answer = await daemon_in(state)._handle(c.Abort(reason="again"))
        assert answer == c.CommandRefused(why=f"a session that is {state} cannot be aborted")

    playing(scene)


def test_the_status_is_that_of_the_session() -> None:
    async def scene() -> None:
        answer = await daemon_in(State.RUNNING)._handle(c.GetStatus())
        assert isinstance(answer, c.StatusReported)
        status = answer.status
        assert (status.session_id, status.state, status.block) == ("demo-1", "running", 0)
        assert (status.max_generations, status.eta_s, status.images_per_s) == (16, None, None)

    playing(scene)


def test_a_session_that_must_not_begin_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / f"neuroloop-{os.getuid()}").mkdir(mode=0o755)
    config = tmp_path / "config.json"
    config.write_text(session_config().model_dump_json())
    arguments = ["--config", str(config), "--session-id", "demo-1", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["daemon", *arguments])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        status = daemon_program.main()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert status == 4
    told = json.loads(capsys.readouterr().out)
    assert told["exit_status"] == "fail"
    assert "must be a folder that only you can enter" in told["reason"]
