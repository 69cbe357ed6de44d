"""The session's log as the daemon uses it: one writer at a time, off the event loop.

Events may come before the log exists; they are kept and written when it does. What the records
mean is left to `sessions`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from controller.clock import wall_time
from sessions.journal import Journal, remove_empty_folder
from sessions.log import SessionLog
from sessions.open_block import OpenedBlock
from sessions.records import Event, ExitStatus, GenerationRecord, SessionEnd

RecordT = TypeVar("RecordT")


class Logbook:
    """Appends to one session's log; the log itself is `opened` once the rig is known."""

    def __init__(self) -> None:
        self._log: SessionLog | None = None
        self._journal: Journal | None = None
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

    async def open_block(self, opened: OpenedBlock) -> None:
        """Return when what a block is about to show is on disk; its facts can follow."""
        if self._log is None:
            raise RuntimeError("a block cannot be opened before the log is open")
        self._journal = journal = Journal(self._log.path.parent, opened.block)

        def write() -> None:
            journal.append(opened)
            journal.sync()

        await asyncio.to_thread(write)

    def go_on_with_block(self, block: int) -> None:
        """Append to the journal of a block that was cut off."""
        if self._log is not None:
            self._journal = Journal(self._log.path.parent, block)

    def fact(self, fact: object) -> None:
        """Journal a fact of the open block: from here on it survives the death of this process."""
        if self._journal is not None:
            self._journal.append(fact)

    async def commit(self, record: GenerationRecord) -> None:
        """Return when the generation is on disk."""
        if self._log is None:
            raise RuntimeError("a generation cannot be committed before the log is open")
        await self._write(self._log.commit_generation, record)
        if self._journal is not None:
            self._journal.remove()
            self._journal = None

    async def finish(self, exit_status: ExitStatus, reason: str) -> None:
        """Write how the session ended, if it ever began."""
        if self._log is None:
            return
        end = SessionEnd(ended_at=wall_time(), exit_status=exit_status, reason=reason)
        if self._journal is not None:
            # It stays beside the log: what was shown of the open block is nowhere else.
            self._journal.close()
        await self._write(self._log.finish, end)
        remove_empty_folder(self._log.path.parent)

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
