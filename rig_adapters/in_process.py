"""Both ends of the wire to a peer that is a thread of the daemon's own process.

The same messages in the same order as between processes, but nothing is encoded or copied: what one
side says is the very value that the other is given, and messages are frozen. A peer in here cannot
be silent, and its process cannot be lost, so there are no heartbeats and no deadlines; it is lost
by a fault that it tells. What the peer does is left to its thread (`controller.peer_thread`).
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from rig_adapters.errors import PeerLost, RemoteProtocolError, RigTimeout
from rig_adapters.link import Link, MessageT
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import Conversation, Script

_RINGS_EACH_S = 0.1


class Bell:
    """Tells the loop of a daemon that its peers in this process have said something.

    Not of each message: while one thread computes and the loop takes in what it has said, they
    only hold each other up. So it rings when a peer waits for the daemon, and now and then.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening: list[Callable[[], None]] = []
        self._unheard = False
        self._rang_s = time.monotonic()

    def listen(self, take: Callable[[], None]) -> None:
        """Have `take` called in the loop whenever it rings."""
        self._listening.append(take)

    def said(self) -> None:
        """Note that there is something to be heard."""
        self._unheard = True
        if time.monotonic() - self._rang_s > _RINGS_EACH_S:
            self.ring()

    def ring(self) -> None:
        """Have everything heard that was said until now."""
        if not self._unheard:
            return
        self._unheard, self._rang_s = False, time.monotonic()
        # A loop that has ended listens to nobody.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        for take in self._listening:
            take()


class InProcessLink(Link):
    """The daemon's end; `wire` is the peer's. All peers of one process share a `bell`."""

    def __init__(self, script: Script, bell: Bell) -> None:
        super().__init__(script)
        self.wire = InProcessWire(script, self, bell)
        self._bell = bell
        self._ended = False
        self._arrived: deque[m.Message] = deque()

    def start(self) -> None:
        """Begin to listen."""
        self._bell.listen(self._take_all)

    def watch(self) -> None:
        """Nothing to demand: a thread gives no signs of life."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def arrive(self, message: m.Message) -> None:
        """Take what the peer says, in whatever thread it does."""
        self._arrived.append(message)
        self._bell.said()

    def ended(self) -> None:
        """Note, in the peer's thread, that it has ended: a fault, unless it was asked to."""
        self._ended = True
        self._bell.said()
        self._bell.ring()

    async def receive_due(self, timeout_s: float) -> m.Message:
        """Return the next message, however long it takes: the peer computes, or tells a fault."""
        while True:
            with contextlib.suppress(RigTimeout):
                return await self.receive(timeout_s)

    async def expect_due(self, kind: type[MessageT], timeout_s: float) -> MessageT:
        """Return the next message of type `kind`, however long it takes."""
        while True:
            with contextlib.suppress(RigTimeout):
                return await self.expect(kind, timeout_s)

    async def _carry(self, message: m.Message) -> None:
        self.wire.commands.put(message)

    def _take_all(self) -> None:
        # Looked at first: what it said before it ended comes before its end.
        ended = self._ended
        while self._arrived and self.failure is None:
            self._take(self._arrived.popleft())
        if ended and self.conversation.state != "closed":
            self.fail(PeerLost(f"the {self._name} ended by itself (see daemon.log)"))

    def _take(self, message: m.Message) -> None:
        try:
            self.conversation.received(message)
        except RemoteProtocolError as error:
            self.refusals.add(error)
            what = f"the {self._name} broke the protocol, which is a fault in it: {error}"
            self.fail(RemoteProtocolError(what, error.reason))
        else:
            self._hear(message)


class InProcessWire:
    """The peer's end: what a `Listener` is between processes."""

    def __init__(self, script: Script, link: InProcessLink, bell: Bell) -> None:
        self.conversation = Conversation(script, "peer")
        self.commands: queue.SimpleQueue[m.Message] = queue.SimpleQueue()
        """What the daemon has said and nobody has received yet."""
        self._link = link
        self._bell = bell
        self._one_at_a_time = threading.Lock()
        """A rig speaks from the thread of the display whose light it sees, and hears in its own."""

    def receive(self, timeout_s: float) -> m.Message | None:
        """Return the daemon's next message, or None after `timeout_s` without one."""
        if self.commands.empty():
            if timeout_s <= 0:
                return None
            self._bell.ring()
        try:
            message = self.commands.get(timeout=timeout_s)
        except queue.Empty:
            return None
        with self._one_at_a_time:
            self.conversation.received(message)
        return message

    def send(self, message: m.Message) -> None:
        """Say something to the daemon."""
        with self._one_at_a_time:
            self.conversation.sending(message)
            self._link.arrive(message)
