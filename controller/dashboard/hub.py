"""Looks at the session for all pages that are open, and for none while none is open."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Protocol

from controller.dashboard.state import Snapshot
from controller.dashboard.thumbnails import Thumbnails

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


class Looking(Protocol):
    """What a hub asks for snapshots."""

    def look(self) -> Snapshot:
        """Return how things stand."""

    def close(self) -> None:
        """Hang up."""


class Hub:
    """One look for all pages; a page that is slow gets fewer snapshots, and holds nobody up."""

    def __init__(self, observer: Looking, thumbnails: Thumbnails) -> None:
        self._observer = observer
        self._thumbnails = thumbnails
        self._pages = 0
        self._latest: Snapshot | None = None
        self._looked = asyncio.Condition()
        self._wanted = asyncio.Event()
        self._closing = False

    async def work(self) -> None:
        """Look until `close`; runs as a task of its own."""
        try:
            while not self._closing:
                await self._wanted.wait()
                await self._look()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._observer.close()

    async def close(self) -> None:
        """End all streams, and then the work."""
        self._closing = True
        self._wanted.set()
        async with self._looked:
            self._looked.notify_all()

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Yield each snapshot from now on, but those that the caller was too slow for."""
        self._pages += 1
        self._wanted.set()
        try:
            while not self._closing:
                async with self._looked:
                    await self._looked.wait()
                if not self._closing and self._latest is not None:
                    yield self._latest
        finally:
            self._pages -= 1
            if not self._pages and not self._closing:
                self._wanted.clear()

    async def _look(self) -> None:
        if self._closing:
            return
        try:
            snapshot = await asyncio.to_thread(self._observer.look)
        except Exception:
            # The pages say that nothing comes, which is true; the next look may succeed.
            logger.exception("the session could not be looked at")
            return
        if snapshot.log is not None:
            self._thumbnails.offer(snapshot.log)
        self._latest = snapshot
        async with self._looked:
            self._looked.notify_all()
