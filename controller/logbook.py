"""The session's log as the daemon uses it: one writer at a time, off the event loop.

Events may come before the log exists; they are kept and written when it does. What the records
mean is left to `sessions`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from controller.clock import wall_time
from sessions.log import SessionLog
from sessions.records import Event, ExitStatus, GenerationRecord, SessionEnd

RecordT = TypeVar("RecordT")


class Logbook:
    """Appends to one session's log; the log itself is `opened` once the rig is known."""

    def __init__(self) -> None:
        self._log: SessionLog | None = None
        self._waiting: list[Event] = []
        self._lock = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there is a log to write to."""
        return self._log is not None

    async def opened(self, log: SessionLog) -> None:
        """Write to `log` from now on, beginning with the events so far."""
        self._log = log
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            await self._append(event)

    async def event(self, kind: str, text: str) -> None:
        """Note that something happened just now."""
        event = Event(host_time_s=time.monotonic(), wall_time=wall_time(), kind=kind, text=text)
        if self._log is None:
            self._waiting.append(event)
        else:
            await self._append(event)

    async def commit(self, record: GenerationRecord) -> None:
        """Return when the generation is on disk."""
        if self._log is None:
            raise RuntimeError("a generation cannot be committed before the log is open")
        await self._write(self._log.commit_generation, record)

    async def finish(self, exit_status: ExitStatus, reason: str) -> None:
        """Write how the session ended, if it ever began."""
        if self._log is None:
            return
        end = SessionEnd(ended_at=wall_time(), exit_status=exit_status, reason=reason)
        await self._write(self._log.finish, end)

    async def _append(self, event: Event) -> None:
        if self._log is None:
            raise RuntimeError("the log is not open")
        await self._write(self._log.append_event, event)

    async def _write(self, write: Callable[[RecordT], None], record: RecordT) -> None:
        """Write to the end, also when the session is aborted meanwhile."""
        async with self._lock:
            writing = asyncio.ensure_future(asyncio.to_thread(write, record))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait({writing})
                raise
