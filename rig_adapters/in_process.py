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
from collections import deque

from rig_adapters.errors import PeerLost, RemoteProtocolError, RigTimeout
from rig_adapters.link import Link, MessageT
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import Conversation, Script


class InProcessLink(Link):
    """The daemon's end; `wire` is the peer's."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.wire = InProcessWire(script, self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: deque[m.Message] = deque()
        self._will_look = False

    def start(self) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()

    def watch(self) -> None:
        """Nothing to demand: a thread gives no signs of life."""

    async def close(self) -> None:
        """Hear no more."""
        self._loop = None

    def arrive(self, message: m.Message) -> None:
        """Take what the peer says, in its thread; the loop is woken once for many."""
        self._arrived.append(message)
        if not self._will_look and self._loop is not None:
            self._will_look = True
            # A loop that has ended listens to nobody.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take_all)

    def ended(self) -> None:
        """Note, in the peer's thread, that it has ended: a fault, unless it was asked to."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._note_end)

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
        # First: what arrives from now on may not be among those that are taken here.
        self._will_look = False
        while self._arrived and self.failure is None:
            message = self._arrived.popleft()
            try:
                self.conversation.received(message)
            except RemoteProtocolError as error:
                self.refusals.add(error)
                what = f"the {self._name} broke the protocol, which is a fault in it: {error}"
                self.fail(RemoteProtocolError(what, error.reason))
                return
            self._hear(message)

    def _note_end(self) -> None:
        self._take_all()
        if self.conversation.state != "closed":
            self.fail(PeerLost(f"the {self._name} ended by itself (see daemon.log)"))


class InProcessWire:
    """The peer's end: what a `Listener` is between processes."""

    def __init__(self, script: Script, link: InProcessLink) -> None:
        self.conversation = Conversation(script, "peer")
        self.commands: queue.SimpleQueue[m.Message] = queue.SimpleQueue()
        """What the daemon has said and nobody has received yet."""
        self._link = link
        self._one_at_a_time = threading.Lock()
        """A rig speaks from the thread of the display whose light it sees, and hears in its own."""

    def receive(self, timeout_s: float) -> m.Message | None:
        """Return the daemon's next message, or None after `timeout_s` without one."""
        if timeout_s <= 0 and self.commands.empty():
            return None
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
