"""Brings into the log, in order and in a thread of its own, what is durable in the journal already.

So the loop never waits for HDF5 but only for the journal. A change that fails is kept and tried
again with the next one; whoever waits for the log to catch up is told of the fault.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Change = Callable[[], None]
ResultT = TypeVar("ResultT")


class Projector:
    """Makes changes to a log, one after the other. `add` may be called from any thread."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()
        self._thread = ThreadPoolExecutor(1, "projector")
        self._faulted = False

    @property
    def behind(self) -> int:
        """Changes that are not in the log yet."""
        return len(self._changes)

    def add(self, change: Change) -> None:
        """Make a change as soon as those before it are made."""
        self._changes.append(change)
        self._thread.submit(self._work)

    async def caught_up(self, at_most: int = 0) -> None:
        """Return when no more than `at_most` changes are behind.

        Raises:
            OSError: the disk does not take a change; it is tried again at the next call.

        """
        if self._faulted or self.behind > at_most:
            await to_its_end(self._thread, self._work)

    def close(self) -> None:
        """Wait for what is under way, and end the thread."""
        self._thread.shutdown()

    def _work(self) -> None:
        try:
            while self._changes:
                self._changes[0]()
                self._changes.popleft()
        except BaseException:
            self._faulted = True
            raise
        self._faulted = False


async def to_its_end(thread: ThreadPoolExecutor, work: Callable[[], ResultT]) -> ResultT:
    """Return what `work` does in a thread; where the task is cancelled, wait for it all the same.

    So nothing is written behind the back of whoever closes the files.
    """
    working = asyncio.get_running_loop().run_in_executor(thread, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        if not working.cancelled():
            working.exception()
        raise
