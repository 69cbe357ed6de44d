"""A peer of the session that is a thread of the daemon, in place of a process.

So it is where nothing real is at stake: in virtual time, with a virtual display and simulated
neurons (`controller.config.checks.in_one_process`). A thread cannot be killed: it ends when it is
asked to, or by a fault of its own, which it tells like a process.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from controller.processes import GRACE_S
from rig_adapters.in_process import InProcessLink, InProcessWire
from rig_adapters.peer_process import run_reporting_faults
from rig_adapters.wire import messages as m

logger = logging.getLogger(__name__)


class PeerThread:
    """Runs one peer at the other end of `link`."""

    def __init__(
        self, name: str, link: InProcessLink, serve: Callable[[InProcessWire], None]
    ) -> None:
        self._name = name
        self._link = link
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        # One that does not end must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def end(self, *, asked: bool) -> None:
        """Wait for the thread to end. `asked`: it has been told to shut down, or has a fault."""
        if not asked:
            self._link.wire.commands.put(m.Shutdown())
        try:
            await asyncio.wait_for(self._ended.wait(), GRACE_S)
        except TimeoutError:
            logger.warning("the %s is still computing; nobody waits for it", self._name)
        else:
            # It has nothing more to do.
            self._thread.join()

    async def kill(self) -> None:
        """End it as soon as it listens."""
        await self.end(asked=False)

    def _run(self) -> None:
        run_reporting_faults(self._link.wire, self._serve)
        self._link.ended()
        # A loop that has ended waits for nobody.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended.set)
