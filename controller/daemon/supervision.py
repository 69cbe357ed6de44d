"""What happens when a process at the rig is lost, or hears nothing: the session is brought back.

The screen goes blank, the lost process is ended for certain and started anew, and the session is
rebuilt from its folder exactly as after a crash (`controller.resume`). In real time a process that
survived stays: the screen shows its background all the while, and a recording goes on without a
gap. In virtual time both are started anew, since their clocks run in lockstep. Beyond the restarts
that the config allows, the operator is waited for. What a command does meanwhile stands in
`controller.states`.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from controller.config.tables import SessionConfig, SupervisionTable
from controller.daemon.rig_processes import DISPLAY_NAME, RIG_NAME, RigProcesses
from controller.errors import ControllerError, NothingHeard, SessionStopped
from controller.logbook import Logbook
from controller.recorder import NothingRecorded, Recorder
from controller.running import Session
from controller.states import Event, State
from generators.errors import GeneratorError
from rig_adapters.errors import RigError
from sessions.errors import SessionLogError
from sessions.recover import CutOff, recover

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5.0
"""Longer by this after each restart that failed: what it talks to may itself be starting, and an
adapter that others started notices only after some seconds that its former daemon is silent."""

NAMES = {DISPLAY_NAME: "the stimulus process", RIG_NAME: "the rig adapter"}

_CANNOT_GO_ON = (RigError, ControllerError, GeneratorError, SessionLogError, OSError)
"""What a restart may fail by; everything else is a fault of this program."""


class RestartBudget:
    """Counts restarts; none is left when too many came within the window of the config."""

    def __init__(
        self, table: SupervisionTable, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = table
        self._clock = clock
        self._taken_s: deque[float] = deque()

    def take(self) -> bool:
        """Take one, or say that there is none."""
        now_s = self._clock()
        window_s = 60.0 * self._table.restart_window_min
        while self._taken_s and now_s - self._taken_s[0] >= window_s:
            self._taken_s.popleft()
        if len(self._taken_s) >= self._table.max_restarts:
            return False
        self._taken_s.append(now_s)
        return True

    def renew(self) -> None:
        """Count from zero: the operator has looked, and says that it goes on."""
        self._taken_s.clear()

    def why_none(self) -> str:
        """Return, as half a sentence, why there is none."""
        n, minutes = self._table.max_restarts, self._table.restart_window_min
        if n == 0:
            return "supervision.max_restarts is 0, so nothing is done by itself"
        restarts = "1 restart" if n == 1 else f"{n} restarts"
        return f"after {restarts} within {minutes:g} minutes nothing more is done by itself"


class Supervised(Protocol):
    """What the supervisor asks of the daemon whose session it brings back."""

    state: State

    async def apply(self, event: Event, why: str = "") -> None:
        """Let `event` happen to the session."""

    async def note(self, kind: str, text: str) -> None:
        """Write an event into the log, and tell it to whoever asks how the session is going."""

    async def while_paused(self) -> None:
        """Return when the session is not paused, or not any more."""


Rebuild = Callable[[CutOff, Recorder | NothingRecorded | None], Awaitable[Session]]
"""Builds the session anew from what is on disk, with the processes that there are."""


class Supervisor:
    """Brings the session of one daemon back, as often as it takes."""

    def __init__(
        self,
        daemon: Supervised,
        config: SessionConfig,
        folder: Path,
        processes: RigProcesses,
        logbook: Logbook,
        rebuild: Rebuild,
    ) -> None:
        self._daemon = daemon
        self._folder = folder
        self._processes = processes
        self._logbook = logbook
        self._rebuild = rebuild
        self._budget = RestartBudget(config.supervision)
        self._both_together = config.session.time == "virtual"
        self._to_replace: set[str] = set()

    async def bring_back(self, session: Session, cause: Exception) -> Session:
        """Return the session as it goes on after `cause`.

        Raises SessionStopped where the operator stops it before it can.
        """
        began_s = time.monotonic()
        self._to_replace = {RIG_NAME} if isinstance(cause, NothingHeard) else set()
        by_itself = not isinstance(cause, NothingHeard)
        why = str(cause)
        await self._daemon.apply(Event.LOST, why)
        await self._go_blank(session)
        await self._daemon.note("interruption", f"{why}; {_where(session)}")
        failures = 0
        while True:
            if not (by_itself and self._budget.take()):
                await self._give_up(why, self._budget.why_none() if by_itself else "")
                began_s, failures, by_itself = time.monotonic(), 0, True
            try:
                back = await self._restart(session, failures)
                break
            except _CANNOT_GO_ON as error:
                failures += 1
                why = f"{self._named()} could not be brought back: {error}"
                logger.error("%s", why)
                await self._daemon.note("interruption", why)
        await self._daemon.apply(Event.RESTORED)
        await self._daemon.note("restart", self._told(back, time.monotonic() - began_s))
        return back

    async def _go_blank(self, session: Session) -> None:
        if DISPLAY_NAME not in self._processes.lost:
            try:
                await session.screen.go_blank()
            except RigError as error:
                # It is lost as well, then.
                logger.error("the screen could not be blanked: %s", error)

    async def _restart(self, session: Session, failures: int) -> Session:
        await asyncio.sleep(RETRY_AFTER_S * failures)
        self._to_replace |= set(self._processes.lost)
        if self._both_together:
            self._to_replace = set(NAMES)
        await self._processes.replace(self._to_replace, self._folder)
        recorder = None if RIG_NAME in self._to_replace else session.recorder
        back = await self._rebuild(await self._cut_off(), recorder)
        back.presenter.outcomes.update(session.presenter.outcomes)
        back.progress.block = back.block
        return back

    async def _cut_off(self) -> CutOff:
        """Read where the session stands, from disk alone."""
        reading = asyncio.ensure_future(self._read())
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            # The log must be open again before its end can be written.
            await asyncio.wait({reading})
            raise

    async def _read(self) -> CutOff:
        log = await self._logbook.quiesce()
        try:
            return await asyncio.to_thread(recover, self._folder)
        finally:
            await self._logbook.opened(log)

    async def _give_up(self, why: str, reason: str) -> None:
        """Wait until the operator wants to try again; SessionStopped where they do not."""
        because = f"; {reason}" if reason else ""
        sentence = (
            f"{why}{because}; nothing is lost: neuroloop resume tries again, neuroloop stop ends "
            "the session"
        )
        await self._daemon.apply(Event.GIVEN_UP)
        await self._daemon.note("interruption", sentence)
        await self._daemon.while_paused()
        if self._daemon.state is State.FINISHING:
            block_open = (await self._cut_off()).interrupted is not None
            raise SessionStopped(f"stopped by the operator; {why}", block_open=block_open)
        self._budget.renew()

    def _named(self) -> str:
        return " and ".join(NAMES[name] for name in sorted(self._to_replace))

    def _told(self, back: Session, took_s: float) -> str:
        many = len(self._to_replace) > 1
        again = sum(
            outcome in ("not_heard", "not_shown") and flip == flip
            for part in (back.going_on.earlier if back.going_on else ())
            for outcome, flip in zip(
                part.presentations.outcome, part.presentations.flip_on_host_s, strict=True
            )
        )
        shown = "1 presentation" if again == 1 else f"{again} presentations"
        return (
            f"{self._named()} {'are' if many else 'is'} back after {took_s:.1f} s; "
            f"{shown} of block {back.block} {'is' if again == 1 else 'are'} shown again"
        )


def _where(session: Session) -> str:
    progress = session.progress
    return (
        f"block {session.block}, after {progress.presentations_done} of "
        f"{progress.presentations_planned} presentations"
    )
