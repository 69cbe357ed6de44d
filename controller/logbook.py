"""The session's log as the daemon uses it: journal first, then the log, off the event loop.

What happens is appended to the journal of its block at once; what comes in one go, in one go. A
generation or an event is durable when the journal is synced; the log itself follows behind
(`controller.projector`). While a disk does not take the journal, the session is held: `hold` is
awaited, and then the journal is written anew. Events may come before the log exists; they are kept
and written when it does. What the records mean is left to `sessions`.
"""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter

from controller.clock import wall_time
from controller.projector import Projector, to_its_end
from sessions.committed import commit_of, last_of
from sessions.journal import Journal, remove_empty_folder
from sessions.log import RESERVE_BYTES, SessionLog
from sessions.open_block import NumberedEvent, OpenedBlock, RenderedImages
from sessions.records import Event, ExitStatus, GenerationRecord, SessionEnd

MOST_BEHIND = 4
"""Changes that the log may be behind the journal when a block is opened."""

Hold = Callable[[OSError], Awaitable[None]]
"""Returns when writing is to be tried again; raises where the session is to end instead."""


@dataclass(eq=False)
class Page:
    """A change of the log, which waits until what it says is durable in `journal`."""

    journal: Journal
    change: Callable[[], None]
    durable: bool = False


class Logbook:
    """Appends to one session's log; the log itself is `opened` once the rig is known."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._log: SessionLog | None = None
        self._journal: Journal | None = None
        self._waiting: list[Event] = []
        self._next_event = 0
        self._pages: list[Page] = []
        self._pen = ThreadPoolExecutor(1, "journal")
        self._noted: list[tuple[Journal, object]] = []
        """What will be appended as soon as the loop has taken in all that has come."""
        self._syncing = ThreadPoolExecutor(1, "journal sync")
        self._projector = Projector()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether there is a log to write to."""
        return self._log is not None

    async def opened(self, log: SessionLog) -> None:
        """Write to `log` from now on, beginning with the events so far.

        The journal of a block that was cut off is gone on with.
        """
        self._log = log
        self._next_event = log.events_committed
        self._journal = Journal(log.path.parent, log.generations_committed)
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            await self._append(event)

    async def event(self, kind: str, text: str) -> None:
        """Note that something happened just now; durable when this returns."""
        event = Event(host_time_s=time.monotonic(), wall_time=wall_time(), kind=kind, text=text)
        if self._log is None:
            self._waiting.append(event)
        else:
            await self._append(event)

    async def open_block(self, opened: OpenedBlock, images: Sequence[RenderedImages] = ()) -> None:
        """Journal what a block is about to show; waits only for a log that is far behind.

        The session is held where the disk has no room for the block, or takes nothing.
        """
        _, journal = self._require_open()
        n_bytes = sum(thread.codes.nbytes for thread in opened.threads)
        n_bytes += sum(rendered.images.nbytes for rendered in images)
        await self._persist(partial(self._has_room, n_bytes))
        await self._persist(partial(self._projector.caught_up, MOST_BEHIND))
        for fact in (opened, *images):
            self._note(journal, fact)
        self._sync_soon()

    def fact(self, fact: object) -> None:
        """Journal a fact of the open block, which soon survives the death of this process."""
        if self._journal is not None:
            self._note(self._journal, fact)

    def part_ended(self, fact: object) -> None:
        """Journal the end of a part, and bring all until then to the disk meanwhile."""
        self.fact(fact)
        self._sync_soon()

    async def commit(self, record: GenerationRecord) -> None:
        """Return when the generation, whose facts are journalled, is durable.

        Raises:
            RecordError: it does not fit the session.

        """
        log, journal = self._require_open()
        log.require_fits(journal.block, record)
        self._journal = Journal(log.path.parent, record.block + 1)
        self._note(journal, commit_of(record))

        def project() -> None:
            # A change that was in place when the disk failed must not be made twice.
            if log.generations_committed == record.block:
                log.commit_generation(record)
            log.sync()
            journal.remove()

        self._pages.append(Page(journal, project))
        await self._persist(partial(self._settle, journal, journal.sync))

    async def quiesce(self) -> SessionLog:
        """Return when all that happened so far is in the log, and the open block's in its journal.

        The log, which is returned, can be recovered then, and is `opened` again before anything
        more is written. Events wait until it is; facts that come meanwhile, of no block, are not
        kept.
        """
        log, journal = self._require_open()
        journals = self._journals()
        # First of all: who writes an event or a fact meanwhile must not write behind the close.
        self._log = self._journal = None
        try:
            await asyncio.gather(*self._background, return_exceptions=True)
            await self._settle_all(journals)
            await self._projector.caught_up()
        except BaseException:
            self._log, self._journal = log, journal
            raise
        journal.close()
        return log

    async def finish(self, exit_status: ExitStatus, reason: str) -> None:
        """Write how the session ended, if it ever began; nothing can be written afterwards.

        What was shown of a block that is still open stays in its journal, and nowhere else.
        """
        try:
            if self._log is None or self._journal is None:
                return
            log, journal = self._log, self._journal
            end = SessionEnd(ended_at=wall_time(), exit_status=exit_status, reason=reason)
            await asyncio.gather(*self._background, return_exceptions=True)
            await self._settle_all(self._journals())
            await self._projector.caught_up()
            await asyncio.to_thread(log.finish, end)
            if last_of(journal.records, OpenedBlock) is None:
                journal.remove()
            remove_empty_folder(log.path.parent)
        finally:
            self._close()

    async def _append(self, event: Event) -> None:
        log, journal = self._require_open()
        numbered = NumberedEvent(self._next_event, event)
        self._next_event += 1

        def project() -> None:
            if log.events_committed == numbered.number:
                log.append_event(event)

        self._pages.append(Page(journal, project))
        self._note(journal, numbered)
        await self._settle(journal, journal.sync)

    async def _settle_all(self, journals: Sequence[Journal]) -> None:
        """Make durable whatever is not."""
        await self._mend(journals)
        for journal in journals:
            await self._settle(journal, journal.sync)

    async def _mend(self, journals: Sequence[Journal]) -> None:
        """Write the journals anew that a fault has spoilt."""
        for journal in journals:
            if journal.is_spoilt:
                await self._settle(journal, journal.rewrite)

    def _journals(self) -> list[Journal]:
        """Return the journals with something that is not durable, and the one that is open."""
        _, journal = self._require_open()
        return list({**{page.journal: None for page in self._pages}, journal: None})

    async def _settle(self, journal: Journal, write: Callable[[], None]) -> None:
        """Make all that was journalled so far durable by `write`, and hand it on to the log."""
        settled = [page for page in self._pages if page.journal is journal]
        self._append_noted()
        appended = self._pen.submit(lambda: None)

        def settle() -> None:
            appended.result()
            write()
            for page in settled:
                page.durable = True

        try:
            await to_its_end(self._syncing, settle)
        finally:
            while self._pages and self._pages[0].durable:
                self._projector.add(self._pages.pop(0).change)

    async def _persist(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Try until the disk takes it; hold the session meanwhile, and mend what is spoilt."""
        fault: OSError | None = None
        while True:
            try:
                if fault is not None:
                    await self._mend(self._journals())
                return await attempt()
            except OSError as error:
                fault = error
            await self._hold(fault)

    async def _has_room(self, n_bytes: int) -> None:
        """Raise the OSError of a full disk before it is full; the log is written twice."""
        log, _ = self._require_open()
        needed_bytes = RESERVE_BYTES + 3 * n_bytes
        if shutil.disk_usage(log.path.parent).free < needed_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(log.path.parent))

    def _note(self, journal: Journal, fact: object) -> None:
        if not self._noted:
            asyncio.get_running_loop().call_soon(self._append_noted)
        self._noted.append((journal, fact))

    def _append_noted(self) -> None:
        noted, self._noted = self._noted, []
        for journal, facts in groupby(noted, key=itemgetter(0)):
            self._pen.submit(journal.append, *(fact for _, fact in facts))

    def _sync_soon(self) -> None:
        """Sync the journal in the background; a fault there shows at the next commit."""
        _, journal = self._require_open()

        async def sync() -> None:
            try:
                await self._settle(journal, journal.sync)
            except OSError:
                # The journal remembers, and refuses to be synced until it is written anew.
                return

        task = asyncio.create_task(sync(), name="journal sync")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _require_open(self) -> tuple[SessionLog, Journal]:
        if self._log is None or self._journal is None:
            raise RuntimeError("nothing can be written before the log is open")
        return self._log, self._journal

    def _close(self) -> None:
        self._append_noted()
        self._pen.shutdown()
        self._syncing.shutdown()
        self._projector.close()
        for page in self._pages:
            page.journal.close()
        if self._journal is not None:
            self._journal.close()
        if self._log is not None:
            self._log.close()
        self._log = self._journal = None
