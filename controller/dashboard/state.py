"""One look at a session: what its daemon answers and what its log says, as one snapshot.

The page and `neuroloop watch` show the same snapshots. A look may block for as long as the daemon
does not answer, so it belongs into a thread of its own; it changes nothing in the session.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller import runtime
from controller.control.client import ControlClient
from controller.control.messages import SessionStatus
from controller.dashboard.condition import (
    NOTHING_RUNS,
    Condition,
    of_end,
    of_silence,
    of_status,
)
from controller.dashboard.log_view import LogFollower, LogView
from controller.errors import ControlError
from controller.runtime import RunningSession
from sessions.schema import FILE_NAME

ANSWER_DEADLINE_S = 2.0


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that is shown of a session at one moment.

    `key` is the same as long as it is the same session, also when that goes on after a crash;
    `status` is None where no daemon answers, `log` where there is none yet; `others` are further
    sessions that run here.
    """

    key: str
    session_id: str
    folder: str
    condition: Condition
    status: SessionStatus | None
    log: LogView | None
    others: tuple[str, ...] = ()


class Observer:
    """Looks at the session of that id, or of that log, or at the one that started last.

    Once it has seen a session, it goes on to show it when it has ended, until another one starts.
    Use from one thread at a time, and `close` in the end.
    """

    def __init__(
        self,
        session_id: str | None = None,
        log: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session_id = session_id
        self._folder = None if log is None else _folder_of(log)
        self._fixed = log is not None
        self._clock = clock
        self._running: RunningSession | None = None
        self._client: ControlClient | None = None
        self._follower: LogFollower | None = None
        self._answered_s = clock()
        self._name = ""

    def look(self) -> Snapshot:
        """Return how things stand; raises nothing that belongs to the session."""
        running, others = self._find()
        self._attend(running)
        status = self._status()
        if running is not None:
            self._folder, self._name = Path(running.folder), running.session_id
        log = self._log(ended=running is None)
        if log is not None:
            self._name = log.start.session_id
        return Snapshot(
            key=str(self._folder or ""),
            session_id=self._name,
            folder=str(self._folder or ""),
            condition=self._condition(running, status, log),
            status=status,
            log=log,
            others=others,
        )

    def close(self) -> None:
        """Hang up."""
        self._attend(None)

    def _find(self) -> tuple[RunningSession | None, tuple[str, ...]]:
        """Return the session to show, and the ids of the others."""
        running = sorted(runtime.running_sessions(), key=lambda session: session.started_s)
        wanted = running
        if self._session_id is not None:
            wanted = [session for session in running if session.session_id == self._session_id]
        elif self._fixed:
            wanted = [session for session in running if Path(session.folder) == self._folder]
        chosen = wanted[-1] if wanted else None
        others = tuple(session.session_id for session in running if session is not chosen)
        return chosen, others

    def _attend(self, running: RunningSession | None) -> None:
        if running == self._running:
            return
        if self._client is not None:
            self._client.close()
        self._running, self._client, self._answered_s = running, None, self._clock()
        if running is not None:
            self._client = ControlClient(running.control_endpoint, ANSWER_DEADLINE_S)

    def _status(self) -> SessionStatus | None:
        if self._client is None:
            return None
        try:
            status = self._client.status()
        except ControlError:
            return None
        self._answered_s = self._clock()
        return status

    def _log(self, *, ended: bool) -> LogView | None:
        if self._folder is None:
            return None
        path = self._folder / FILE_NAME
        if self._follower is None or self._follower.path != path:
            self._follower = LogFollower(path, self._clock)
        return self._follower.look(whole=ended)

    def _condition(
        self, running: RunningSession | None, status: SessionStatus | None, log: LogView | None
    ) -> Condition:
        if status is not None:
            return of_status(status)
        if running is not None and running.alive:
            return of_silence(running.session_id, self._clock() - self._answered_s)
        if self._folder is None:
            return NOTHING_RUNS
        end = log.end if log is not None else None
        return of_end(self._name, end, str(self._folder), has_log=log is not None)


def _folder_of(log: Path) -> Path:
    return (log if log.is_dir() else log.parent).resolve()
