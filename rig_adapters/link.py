"""The daemon's end of the wire: an asyncio connection to one peer, with deadlines and heartbeats.

Any traffic counts as a sign of life; when there is none, a ping is sent, and after three heartbeats
without any answer the peer is lost. A peer that is lost, by silence or because its process ended
(`fail`), makes every waiting and every later call raise. So does a message that cannot be read or
must not come now: nobody but the process that was started at that endpoint can have sent it. What
the messages mean is left to the callers, and restarting a peer to the supervisor.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TypeVar

import zmq
import zmq.asyncio

from rig_adapters.errors import (
    PeerFaulted,
    PeerLost,
    RemoteProtocolError,
    RigError,
    RigTimeout,
)
from rig_adapters.refusals import Refusals
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import Conversation, Script

MessageT = TypeVar("MessageT", bound=m.Message)


@dataclass(frozen=True)
class Heartbeat:
    """A ping every `interval_s` of silence; lost after `liveness` of them unanswered."""

    interval_s: float = 1.0
    liveness: int = 3


class Link:
    """A DEALER socket connected to one peer. Use `start` inside a running event loop."""

    def __init__(
        self, context: zmq.asyncio.Context, endpoint: str, script: Script, heartbeat: Heartbeat
    ) -> None:
        self.conversation = Conversation(script, "daemon")
        self.failure: RigError | None = None
        """Why the peer cannot be talked to any more; None while it can."""
        self.failed = asyncio.Event()
        self.refusals = Refusals(f"link to the {script.peer}")
        """At most one: the first that is refused is the end of the peer."""
        self._name = script.peer
        self._codec = Codec(script.vocabulary)
        self._heartbeat = heartbeat
        self._inbox: asyncio.Queue[m.Message] = asyncio.Queue()
        self._last_heard_s = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self._socket.connect(endpoint)

    def start(self) -> None:
        """Begin to listen. Heartbeats begin with `watch`."""
        self._tasks.append(asyncio.create_task(self._read(), name=f"{self._name}: read"))

    def watch(self) -> None:
        """Begin to demand signs of life (once the peer has done its slow opening)."""
        self._last_heard_s = time.monotonic()
        self._tasks.append(asyncio.create_task(self._beat(), name=f"{self._name}: heartbeat"))

    async def send(self, message: m.Message) -> None:
        """Send `message`; raises what became of the peer if it is lost."""
        self._raise_failure()
        self.conversation.sending(message)
        await self._socket.send_multipart(self._codec.encode(message), copy=True)

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

    def fail(self, error: RigError) -> None:
        """Declare the peer lost; the first reason stays."""
        if self.failure is None:
            self.failure = error
            self.failed.set()

    async def close(self) -> None:
        """Stop listening and close the socket; never raises."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._socket.close()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def _read(self) -> None:
        while True:
            frames = await self._socket.recv_multipart()
            self._last_heard_s = time.monotonic()
            message = self._understand(frames)
            if message is None:
                return
            if isinstance(message, m.Faulted):
                advice = f" ({message.advice})" if message.advice else ""
                self.fail(PeerFaulted(f"the {self._name} stopped: {message.what}{advice}"))
            elif not isinstance(message, m.Pong):
                self._inbox.put_nowait(message)
            # What is there is read without waiting, and everything else has to run in between.
            await asyncio.sleep(0)

    def _understand(self, frames: list[bytes]) -> m.Message | None:
        """Return the message, or fail the peer that sent what is none."""
        try:
            message = self._codec.decode(frames)
            self.conversation.received(message)
        except RemoteProtocolError as error:
            self.refusals.add(error)
            what = f"the {self._name} broke the protocol, which is a fault in it: {error}"
            self.fail(RemoteProtocolError(what, error.reason))
            return None
        return message

    async def _beat(self) -> None:
        limit_s = self._heartbeat.interval_s * self._heartbeat.liveness
        token = 0
        while self.failure is None and self.conversation.state != "closed":
            silence_s = time.monotonic() - self._last_heard_s
            if silence_s > limit_s:
                self.fail(
                    PeerLost(
                        f"the {self._name} gave no sign of life for {silence_s:.1f} s "
                        f"({self._heartbeat.liveness} heartbeats)"
                    )
                )
                return
            token += 1
            with contextlib.suppress(RigError):
                await self.send(m.Ping(token=token))
            asleep_s = time.monotonic()
            await asyncio.sleep(self._heartbeat.interval_s)
            if time.monotonic() - asleep_s > limit_s:
                # It was this process that stood still; the peer gets the time to be heard.
                self._last_heard_s = time.monotonic()
