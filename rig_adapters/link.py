"""The daemon's end of the wire: what it asks of a peer, and what becomes of that, with deadlines.

A peer that is lost (`fail`) makes every waiting and every later call raise. How messages come and
go is a subclass's: over a socket to another process (`socket_link`), or to a thread of this one
(`in_process`). What the messages mean is left to the callers, and restarting a peer to the
supervisor.
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from rig_adapters.errors import PeerFaulted, PeerLost, RigError, RigTimeout
from rig_adapters.peer_clock import PeerClock
from rig_adapters.refusals import Refusals
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import Conversation, Script

MessageT = TypeVar("MessageT", bound=m.Message)


@dataclass(frozen=True)
class Heartbeat:
    """A ping every `interval_s` of silence; lost after `liveness` of them unanswered."""

    interval_s: float = 1.0
    liveness: int = 3

    @property
    def limit_s(self) -> float:
        """Silence after which the peer is lost."""
        return self.interval_s * self.liveness


class Link(ABC):
    """A connection to one peer. Use `start` inside a running event loop."""

    def __init__(self, script: Script) -> None:
        self.conversation = Conversation(script, "daemon")
        self.clock = PeerClock()
        """How the clock of the peer's machine is related to that of this one."""
        self.failure: RigError | None = None
        """Why the peer cannot be talked to any more; None while it can."""
        self.failed = asyncio.Event()
        self.refusals = Refusals(f"link to the {script.peer}")
        """At most one: the first that is refused is the end of the peer."""
        self._name = script.peer
        self._inbox: asyncio.Queue[m.Message] = asyncio.Queue()

    @property
    def silence_s(self) -> float | None:
        """Since the peer last said anything; None where it cannot fall silent."""
        return None

    @abstractmethod
    def start(self) -> None:
        """Begin to listen."""

    @abstractmethod
    def watch(self) -> None:
        """Begin to demand signs of life (once the peer has done its slow opening)."""

    @abstractmethod
    async def close(self) -> None:
        """Stop listening and let go of the peer; never raises."""

    @abstractmethod
    async def _carry(self, message: m.Message) -> None:
        """Bring a message to the peer."""

    async def send(self, message: m.Message) -> None:
        """Send `message`; raises what became of the peer if it is lost."""
        self._raise_failure()
        self.conversation.sending(message)
        await self._carry(message)

    async def receive(self, timeout_s: float) -> m.Message:
        """Return the next message that is no heartbeat; RigTimeout when none comes in time."""
        if self._inbox.empty():
            self._raise_failure()
            getter = asyncio.ensure_future(self._inbox.get())
            failed = asyncio.ensure_future(self.failed.wait())
            try:
                await asyncio.wait(
                    {getter, failed}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
                )
                if getter.done():
                    return getter.result()
            finally:
                failed.cancel()
                if not getter.done():
                    getter.cancel()
            self._raise_failure()
            raise RigTimeout(
                f"the {self._name} sent nothing for {timeout_s:.1f} s although more was due"
            )
        return self._inbox.get_nowait()

    async def expect(self, kind: type[MessageT], timeout_s: float) -> MessageT:
        """Return the next message of type `kind`, dropping others that come before it."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            message = await self.receive(max(0.0, deadline_s - time.monotonic()))
            if isinstance(message, kind):
                return message

    async def receive_due(self, timeout_s: float) -> m.Message:
        """Return the next message, as `receive`; a peer that owes one for so long is lost."""
        with self._lost_when_late():
            return await self.receive(timeout_s)

    async def expect_due(self, kind: type[MessageT], timeout_s: float) -> MessageT:
        """Return the next message of a type, as `expect`; a peer that owes it so long is lost."""
        with self._lost_when_late():
            return await self.expect(kind, timeout_s)

    @contextlib.contextmanager
    def _lost_when_late(self) -> Iterator[None]:
        try:
            yield
        except RigTimeout as late:
            lost = PeerLost(str(late))
            self.fail(lost)
            raise lost from late

    def fail(self, error: RigError) -> None:
        """Declare the peer lost; the first reason stays."""
        if self.failure is None:
            self.failure = error
            self.failed.set()

    def _hear(self, message: m.Message) -> None:
        """Keep what the peer said for whoever waits for it; a fault that it tells is its end."""
        if isinstance(message, m.Faulted):
            advice = f" ({message.advice})" if message.advice else ""
            self.fail(PeerFaulted(f"the {self._name} cannot go on: {message.what}{advice}"))
        else:
            self._inbox.put_nowait(message)

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure
