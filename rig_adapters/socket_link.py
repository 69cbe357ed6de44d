"""The daemon's end of the wire to another process: an asyncio socket, with heartbeats.

Any traffic counts as a sign of life; when there is none, a ping is sent, and after three heartbeats
without any answer the peer is lost. So it is by a message that cannot be read or must not come now:
nobody but the process at that endpoint can have sent it, for a peer on another machine has proved
who it is by its key. A lost network is a lost peer.
"""

import asyncio
import contextlib
import time

import zmq
import zmq.asyncio

from rig_adapters.endpoints import to_connect_to
from rig_adapters.errors import PeerLost, RemoteProtocolError, RigError
from rig_adapters.handshakes import BROKEN_OFF, CONNECTED, MISMATCH, UNKNOWN_KEY, Handshakes
from rig_adapters.keys import ALLOWED, PUBLIC, Keys
from rig_adapters.link import Heartbeat, Link
from rig_adapters.peer_clock import N_READINGS
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import Script

_LOOK_S = 0.1
"""How often the state of a connection is looked at that does not come about."""
_ASK_AGAIN_S = 1.0
_MOST_BREAKS = 3
"""Connections that are broken off before it is no accident, such as an adapter's new beginning."""


class SocketLink(Link):
    """A DEALER socket connected to one peer. Use `start` inside a running event loop.

    EndpointRefused where the peer is on another machine and there are no `keys`, of which the one
    that is allowed is the peer's.
    """

    def __init__(
        self,
        context: zmq.asyncio.Context,
        endpoint: str,
        script: Script,
        heartbeat: Heartbeat,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(script)
        self.endpoint = to_connect_to(endpoint, has_keys=keys is not None)
        self._codec = Codec(script.vocabulary)
        self._heartbeat = heartbeat
        self._last_heard_s = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._keys = keys
        self._token = 0
        self._asked_s: dict[int, float] = {}
        self._answered = asyncio.Event()
        self._reaching = False
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        self._socket.setsockopt(zmq.IPV6, int("[" in self.endpoint))
        if keys is not None:
            self._socket.curve_publickey = keys.public
            self._socket.curve_secretkey = keys.secret
            self._socket.curve_serverkey = keys.other
        self._handshakes = Handshakes(self._socket, CONNECTED | UNKNOWN_KEY | MISMATCH | BROKEN_OFF)
        self._socket.connect(self.endpoint)

    @property
    def silence_s(self) -> float:
        """Since the peer last said anything."""
        return time.monotonic() - self._last_heard_s

    def start(self) -> None:
        """Begin to listen. Heartbeats begin with `watch`."""
        self._tasks.append(asyncio.create_task(self._read(), name=f"{self._name}: read"))

    def watch(self) -> None:
        """Begin to demand signs of life (once the peer has done its slow opening)."""
        self._last_heard_s = time.monotonic()
        self._tasks.append(asyncio.create_task(self._beat(), name=f"{self._name}: heartbeat"))

    async def reach(self, timeout_s: float) -> None:
        """Return when the peer answers, and its clock was read; else PeerLost says why it may be.

        For a peer that others have started: it may not be there, or refuse this machine.
        """
        deadline_s = time.monotonic() + timeout_s
        seen: list[zmq.Event] = []
        self._reaching = True
        for _ in range(N_READINGS):
            self._answered.clear()
            await self._ping()
            asked_s = time.monotonic()
            while not self._answered.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._answered.wait(), _LOOK_S)
                    break
                if time.monotonic() - asked_s > _ASK_AGAIN_S:
                    # An adapter that begins anew after another session has not heard it.
                    await self._ping()
                    asked_s = time.monotonic()
                seen += self._handshakes.take(_MOST_BREAKS)
                if _hopeless(seen) or time.monotonic() > deadline_s:
                    why = self._why(seen)
                    self.fail(PeerLost(f"no {self._name} answers at {self.endpoint}: {why}"))
            self._raise_failure()
        self._reaching = False
        self._handshakes.close()

    def fail(self, error: RigError) -> None:
        """Declare the peer lost; the first reason stays."""
        super().fail(error)
        self._answered.set()

    async def _carry(self, message: m.Message) -> None:
        frames = self._codec.encode(message)
        try:
            await self._socket.send_multipart(frames, flags=zmq.NOBLOCK, copy=True)
        except zmq.Again:
            # Any number of messages may wait here, so no queue is full: after a refused handshake
            # ZeroMQ gives the connection up, and would keep the sender waiting for ever.
            if self._reaching:
                return
            self.fail(
                PeerLost(
                    f"the {self._name} at {self.endpoint} refuses the connection that it had "
                    "before; see whether it was started again with other keys, or whether "
                    "another program has taken its place"
                )
            )
            self._raise_failure()

    async def close(self) -> None:
        """Stop listening and close the socket; never raises."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # Not awaited one by one: a caller that is cancelled meanwhile must be told.
            await asyncio.wait(self._tasks)
        self._handshakes.close()
        self._socket.close()

    def _why(self, events: list[zmq.Event]) -> str:
        """Return what was in the way of the connection, and what to do."""
        if UNKNOWN_KEY in events and self._keys is not None:
            return (
                f"it refuses the key {self._keys.name} of this machine; copy "
                f"{self._keys.folder / self._keys.name}{PUBLIC} to the folder {ALLOWED} of its "
                "keys, and start it again"
            )
        if MISMATCH in events:
            return "one side uses keys and the other does not; use them on both, or on neither"
        if BROKEN_OFF in events:
            mine = f", and the key in {self._keys.folder / ALLOWED}" if self._keys else ""
            return (
                "it breaks off every connection; check the address, that both sides use keys or "
                f"neither does{mine}"
            )
        if CONNECTED in events:
            return "something is there but stays silent; see what the adapter has written there"
        return "nothing is there; start the adapter, and check the address and any firewall"

    async def _read(self) -> None:
        while True:
            frames = await self._socket.recv_multipart()
            self._last_heard_s = time.monotonic()
            message = self._understand(frames)
            if message is None:
                return
            if isinstance(message, m.Pong):
                self._hear_pong(message)
            else:
                self._hear(message)
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

    async def _ping(self) -> None:
        self._token += 1
        self._asked_s[self._token] = time.monotonic()
        await self.send(m.Ping(token=self._token))

    def _hear_pong(self, pong: m.Pong) -> None:
        asked_s = self._asked_s.pop(pong.token, None)
        if asked_s is None:
            return
        # Answers come in order, so what was asked before is answered no more.
        self._asked_s = {t: s for t, s in self._asked_s.items() if t > pong.token}
        self.clock.add(asked_s, pong.host_time_s, self._last_heard_s)
        self._answered.set()

    async def _beat(self) -> None:
        limit_s = self._heartbeat.limit_s
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
            with contextlib.suppress(RigError):
                await self._ping()
            asleep_s = time.monotonic()
            await asyncio.sleep(self._heartbeat.interval_s)
            if time.monotonic() - asleep_s > limit_s:
                # It was this process that stood still; the peer gets the time to be heard.
                self._last_heard_s = time.monotonic()


def _hopeless(events: list[zmq.Event]) -> bool:
    """Whether what happened to a connection will happen to it again."""
    refused = UNKNOWN_KEY in events or MISMATCH in events
    return refused or events.count(BROKEN_OFF) >= _MOST_BREAKS
