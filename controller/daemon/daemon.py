"""One session from beginning to end: its states, the operator's commands, and an orderly close.

Whatever ends the session (completion, an operator, a signal, a fault), the same closing follows:
the screen goes blank, the processes end, the log is closed with a reason, and no socket, process or
folder stays behind. The loss of a process at the rig ends nothing: that is the supervisor's. The
science is in `controller.session`.
"""

import asyncio
import contextlib
import errno
import logging
import signal
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import zmq.asyncio

from controller.config.tables import SessionConfig
from controller.control import messages as c
from controller.control.server import ControlServer
from controller.daemon.audit import RunningAudit
from controller.daemon.preparation import prepare
from controller.daemon.rig_processes import RigProcesses
from controller.daemon.supervision import Supervisor
from controller.errors import ControllerError, NothingHeard, SessionStopped
from controller.logbook import Logbook
from controller.optimizers import OptimizerError
from controller.progress import Progress
from controller.recorder import NothingRecorded, Recorder
from controller.running import Session
from controller.runtime import endpoint
from controller.session import run_session
from controller.states import Event, State, TransitionRefused, next_state
from generators.errors import GeneratorError
from rig_adapters.errors import RigError
from rig_adapters.wire.messages import Message
from sessions.errors import SessionLogError
from sessions.records import ExitStatus, Lineage
from sessions.recover import CutOff

logger = logging.getLogger(__name__)

STOPPING_DEADLINE_S = 3.0
MOST_ALARMS = 10
"""Alarms that a status tells; all of them are in the log."""

_EXPECTED = (
    RigError,
    ControllerError,
    GeneratorError,
    OptimizerError,
    SessionLogError,
)
"""What says itself what happened and what to do."""

_STORAGE_REMEDIES = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room in your quota on that disk",
    errno.EROFS: "have that disk mounted for writing again",
    errno.EIO: "save the folder to another disk and have this one checked",
}

_COMMANDS = {
    c.Pause: (Event.PAUSE, "the session pauses at the end of this block"),
    c.Resume: (Event.RESUME, "the session goes on"),
    c.Stop: (Event.STOP, "the session finishes at the end of this block"),
}


def storage_fault(error: OSError, folder: Path) -> str:
    """Return in a sentence what is wrong with the disk, and what to do; others as they are."""
    remedy = _STORAGE_REMEDIES.get(error.errno or 0)
    if remedy is None:
        return str(error)
    return (
        f"the session could not be written to {folder}: {error.strerror}; every committed "
        f"generation is safe; {remedy}, then go on with neuroloop resume"
    )


class Daemon:
    """Runs one session; `run` returns how it ended."""

    def __init__(
        self,
        config: SessionConfig,
        config_toml: str,
        session_id: str,
        folder: Path,
        runtime: Path,
        cut_off: CutOff | None = None,
        lineage: Lineage | None = None,
    ) -> None:
        self.state = State.IDLE
        self._config = config
        self._config_toml = config_toml
        self._session_id = session_id
        self._folder = folder
        self._runtime = runtime
        self._cut_off = cut_off
        self._lineage = lineage
        self._progress = Progress()
        self._logbook = Logbook(self._hold)
        self._changed = asyncio.Event()
        self._abort_reason = ""
        self._stopped = False
        self._given_up = False
        self._work: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._processes: RigProcesses | None = None
        self._audit: RunningAudit | None = None
        self._interrupted = False
        """Whether the session is being brought back, by itself or when the operator says so."""

    async def run(self) -> tuple[ExitStatus, str]:
        """Run the session; return its exit status and the reason, in words."""
        context = zmq.asyncio.Context()
        control = ControlServer(context, endpoint(self._runtime, "control"), self._handle)
        self._catch_signals()
        processes = self._processes = RigProcesses(context, self._config, self._runtime)
        try:
            self._work = asyncio.create_task(self._run_session(processes), name="session")
            status, reason = await self._outcome(self._work)
            await self._close(processes, control, status, reason)
        finally:
            # Also where the closing itself went wrong: nothing may stay behind, or wait for ever.
            await processes.close()
            if self._audit is not None:
                await self._audit.close()
            await control.close()
            context.destroy(linger=200)
        return status, reason

    async def _run_session(self, processes: RigProcesses) -> None:
        await self.apply(Event.PREPARE)
        await processes.start(self._folder)
        session = self._session = await self._prepare(processes, self._cut_off)
        # What it was resumed with is of use only once, and large.
        self._cut_off = None
        self._audit = RunningAudit(self._folder, self._audit_alarm, self._audit_trouble)
        await self.apply(Event.PREPARED)

        rebuild = partial(self._prepare, processes)
        supervisor = Supervisor(self, self._config, self._folder, processes, self._logbook, rebuild)
        while cause := await self._run_until_lost(run_session(session, self._may_go_on), processes):
            session = self._session = await supervisor.bring_back(session, cause)
        await self.apply(Event.COMPLETE)

    async def _prepare(
        self,
        processes: RigProcesses,
        cut_off: CutOff | None,
        recorder: Recorder | NothingRecorded | None = None,
    ) -> Session:
        return await prepare(
            self._config,
            self._config_toml,
            self._session_id,
            self._folder,
            processes,
            self._logbook,
            self._progress,
            cut_off,
            recorder,
            self._lineage,
        )

    async def _run_until_lost(
        self, loop: Coroutine[Any, Any, None], processes: RigProcesses
    ) -> Exception | None:
        """Run `loop` to its end, or end it as soon as a process at the rig is lost.

        Returns why it cannot go on for now; None where it is complete.
        """
        running = asyncio.create_task(loop, name="loop")
        loss = asyncio.create_task(processes.wait_for_loss(), name="loss")
        both: set[asyncio.Task[None]] = {running, loss}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            # Not awaited one by one: their end by cancelling must not be taken for the session's.
            await asyncio.wait(both)
        error = None if running.cancelled() else running.exception()
        if isinstance(error, NothingHeard):
            return error
        lost = list(processes.lost.values())
        if lost and (running.cancelled() or isinstance(error, RigError)):
            return lost[0]
        running.result()
        return None

    async def _outcome(self, work: asyncio.Task[None]) -> tuple[ExitStatus, str]:
        """Wait for the session's end, whatever it is, and say what it was."""
        try:
            await work
        except asyncio.CancelledError:
            return "abort", self._abort_reason
        except SessionStopped as stopped:
            return "abort" if stopped.block_open else "success", str(stopped)
        except OSError as error:
            return await self._faulted(storage_fault(error, self._folder))
        except _EXPECTED as error:
            return await self._faulted(str(error))
        except Exception as error:
            logger.exception("unexpected error")
            return await self._faulted(
                f"unexpected {type(error).__name__}: {error} (details in daemon.log; please report)"
            )
        return "success", "stopped by the operator" if self._stopped else "complete"

    async def _faulted(self, reason: str) -> tuple[ExitStatus, str]:
        logger.error("%s", reason)
        await self.apply(Event.FAULT, reason)
        return "fail", reason

    async def _may_go_on(self) -> bool:
        """Answer, at the end of a block, whether another one may begin; waits while paused.

        One that was interrupted has not ended, and has to before the session is paused or stopped.
        """
        if self._audit is not None and self._session is not None:
            await self._audit.keep_up(self._session.block)
        open_block = self._session is not None and self._session.open_block
        if not open_block:
            await self.apply(Event.BLOCK_ENDED)
        await self.while_paused()
        return open_block or self.state is State.RUNNING

    async def while_paused(self) -> None:
        """Return when the session is not paused, or not any more."""
        while self.state is State.PAUSED:
            self._changed.clear()
            await self._changed.wait()

    async def _hold(self, error: OSError) -> None:
        """Pause while the disk takes nothing, until the operator says that it can be tried again.

        An operator who says stop instead gets one more try, and then the end.
        """
        if self._given_up:
            raise error
        wish = {State.PAUSING: Event.PAUSE, State.FINISHING: Event.STOP}.get(self.state)
        reason = storage_fault(error, self._folder)
        self._progress.message = reason
        await self.apply(Event.INTERRUPT, reason)
        await self.while_paused()
        self._given_up = self.state is State.FINISHING
        if wish is not None and self.state is State.RUNNING:
            await self.apply(wish)

    async def _close(
        self, processes: RigProcesses, control: ControlServer, status: ExitStatus, reason: str
    ) -> None:
        """Leave nothing behind; the log is closed even where a process does not obey."""
        session = self._session
        if session is not None:
            with contextlib.suppress(RigError, TimeoutError):
                await asyncio.wait_for(session.screen.go_blank(), STOPPING_DEADLINE_S)
            await session.recorder.stop(STOPPING_DEADLINE_S)
        await processes.close()
        for refusals in (control.refusals, *processes.refusals):
            if refusals.total:
                with contextlib.suppress(SessionLogError, OSError):
                    await self._logbook.event("refused messages", refusals.summary())
        # What a disk did not take in the end is not there to be audited.
        await self._conclude_audit(hopeless=self._given_up and status == "fail")
        try:
            await self._logbook.finish(status, reason)
        except (SessionLogError, OSError):
            logger.exception("the log could not be closed")
        if self.state in (State.FINISHING, State.ABORTING):
            await self.apply(Event.CLOSED, log=False)

    async def _audit_alarm(self, text: str) -> None:
        """Pause at the end of the block: the scores of this session cannot be trusted."""
        await self._alarm("audit alarm", text, pause=True)

    async def _conclude_audit(self, *, hopeless: bool) -> None:
        if self._audit is None or self._session is None:
            return
        text = await self._audit.conclude(self._session.block, hopeless=hopeless)
        logger.info("%s", text)
        # A disk that has no room for this may have some for the end.
        with contextlib.suppress(SessionLogError, OSError):
            await self._logbook.event("audit", text)

    async def _audit_trouble(self, text: str) -> None:
        await self._alarm("audit trouble", text)

    async def _alarm(self, kind: str, text: str, *, pause: bool = False) -> None:
        logger.error("%s", text)
        self._progress.alarms.append(text)
        if pause:
            with contextlib.suppress(TransitionRefused):
                await self.apply(Event.PAUSE, "the audit found a difference")
        with contextlib.suppress(SessionLogError, OSError):
            await self._logbook.event(kind, text)

    async def note(self, kind: str, text: str) -> None:
        """Write an event into the log, and tell it to whoever asks how the session is going."""
        self._progress.message = text
        logger.info("%s", text)
        with contextlib.suppress(SessionLogError, OSError):
            await self._logbook.event(kind, text)

    async def apply(self, event: Event, why: str = "", *, log: bool = True) -> None:
        """Let `event` happen to the session; TransitionRefused where it cannot."""
        before, self.state = self.state, next_state(self.state, event)
        # Before anything is awaited: the session may end while the log is written.
        self._stopped = self._stopped or event is Event.STOP
        if event in (Event.LOST, Event.RESTORED):
            self._interrupted = event is Event.LOST
        self._changed.set()
        if self.state is before:
            return
        logger.info("%s → %s%s", before, self.state, f": {why}" if why else "")
        if log:
            text = f"{before} → {self.state}" + (f": {why}" if why else "")
            with contextlib.suppress(SessionLogError, OSError):
                await self._logbook.event("state", text)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(
                number, self._abort, f"interrupted by the operator ({number.name})"
            )
        # They were held back while the process started.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))

    def _abort(self, reason: str) -> bool:
        """End the session at once; False where it is ending already."""
        try:
            self.state = next_state(self.state, Event.ABORT)
        except TransitionRefused:
            return False
        logger.info("aborting: %s", reason)
        self._abort_reason = self._abort_reason or reason
        if self._work is not None:
            self._work.cancel()
        return True

    async def _handle(self, command: Message) -> Message:
        try:
            return await self._answer(command)
        except TransitionRefused as refused:
            return c.CommandRefused(why=str(refused))
        except (SessionLogError, OSError) as error:
            return c.CommandRefused(why=f"the log cannot be written: {error}"[:4000])

    async def _answer(self, command: Message) -> Message:
        match command:
            case c.GetStatus():
                return c.StatusReported(status=self._status())
            case c.AddNote(text=text):
                await self._logbook.event("note", text)
                return c.CommandAccepted(what="the note is in the log")
            case c.Abort(reason=reason):
                if not self._abort(reason):
                    raise TransitionRefused(f"a session that is {self.state} cannot be aborted")
                return c.CommandAccepted(what="the session is being aborted")
            case _:
                event, what = _COMMANDS[type(command)]  # the codec lets no other command through
                if self._interrupted and self.state is State.PAUSED and event is Event.RESUME:
                    event, what = Event.RETRY, "what was lost is started anew"
                seen = len(self._progress.alarms)
                await self.apply(event, "asked by the operator")
                self._progress.message = "stopped by the operator" if event is Event.STOP else what
                if event is Event.RESUME:
                    # Another may have come while that was written to the log.
                    del self._progress.alarms[:seen]
                return c.CommandAccepted(what=what)

    def _status(self) -> c.SessionStatus:
        progress, stopping = self._progress, self._config.stopping
        return c.SessionStatus(
            session_id=self._session_id,
            state=self.state.value,
            label=progress.label,
            folder=str(self._folder),
            block=progress.block,
            max_generations=stopping.max_generations,
            elapsed_s=progress.elapsed_s(),
            eta_s=progress.eta_s(stopping.max_generations, stopping.max_minutes),
            images_per_s=progress.images_per_s(),
            presentations_done=progress.presentations_done,
            presentations_planned=progress.presentations_planned,
            part=progress.part,
            outcomes=dict(progress.outcomes),
            trials_begun=progress.trials.begun,
            trials_completed=progress.trials.completed,
            reward_ml=progress.trials.reward_ml,
            threads=progress.threads,
            message=progress.message,
            alarms=tuple(progress.alarms[:MOST_ALARMS]),
            peers=self._processes.signs_of_life if self._processes is not None else (),
        )
