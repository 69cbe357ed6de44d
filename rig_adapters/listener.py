"""The peer's end of the wire: a stimulus process or rig adapter listens for its daemon.

One owner thread, no hidden ones: a frame loop polls it with a time-out of zero. It answers
heartbeats by itself, keeps the conversation's order, serves one daemon only, and raises `PeerLost`
when that daemon has been silent for too long, so that no orphan stays behind. What cannot be read,
and what others say, is refused and counted; only the daemon's own words out of order raise. Without
keys it can be reached from this machine only. What the messages mean is left to the caller, and who
is let in to `admission`.
"""

import math
import time
from types import TracebackType
from typing import Self

import zmq

from rig_adapters.admission import Admission
from rig_adapters.endpoints import to_listen_at
from rig_adapters.errors import PeerLost, Reason, RemoteProtocolError
from rig_adapters.keys import Keys
from rig_adapters.refusals import Refusals
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import Conversation, Script

MOST_AT_ONCE = 64
"""Messages that are read in one call: a flood costs a frame loop a fraction of a frame at most."""

MOST_TURNED_AWAY = 64
"""Strangers that are told so in one conversation: whoever floods gets no flood of answers."""

_STRANGER = RemoteProtocolError(
    "it did not come from the daemon that is being served", Reason.STRANGER
)
_TAKEN = m.Faulted(
    what="it is connected to another session, or to this one by a connection that has broken",
    advice="end the other session, or wait until its silence has been noticed, and start again",
)


class Listener:
    """A bound ROUTER socket that talks with one daemon.

    `silence_limit_s` is how long the daemon may be silent before it is taken for dead; where
    `waits`, it may take any time to speak first. EndpointRefused where other machines could connect
    and there are no `keys`.
    """

    def __init__(
        self,
        endpoint: str,
        script: Script,
        silence_limit_s: float,
        keys: Keys | None = None,
        *,
        waits: bool = False,
    ) -> None:
        endpoint = to_listen_at(endpoint, has_keys=keys is not None)
        self.conversation = Conversation(script, "peer")
        self.refusals = Refusals(script.peer)
        """Messages that were no messages, or came from somebody other than the daemon."""
        self._codec = Codec(script.vocabulary)
        self._silence_limit_s = silence_limit_s
        self._waits = waits
        self._turned_away = 0
        self._daemon: bytes | None = None
        self._last_heard_s = self._last_looked_s = time.monotonic()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.IPV6, int("[" in endpoint))
        self._admission: Admission | None = None
        try:
            if keys is not None:
                self._admission = Admission(self._context, self._socket, keys, self.refusals)
            self._socket.bind(endpoint)
        except zmq.ZMQError:
            self.close()
            raise
        self._poller = zmq.Poller()
        for socket in (self._socket, *(self._admission.sockets if self._admission else ())):
            self._poller.register(socket, zmq.POLLIN)

    @property
    def endpoint(self) -> str:
        """Where it listens, with the port that was found where `*` was asked for."""
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """For a `zmq.Poller` that waits for several sockets at once; only `receive` reads it."""
        return self._socket

    def receive(self, timeout_s: float) -> m.Message | None:
        """Return the daemon's next message, or None after `timeout_s` without one.

        Raises PeerLost when the daemon has been silent for longer than the limit, and
        RemoteProtocolError when it says what it must not say now. The daemon is the first who says
        what opens the conversation; nobody else can make this raise.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            remaining_ms = math.ceil(max(0.0, deadline_s - time.monotonic()) * 1000)
            ready = dict(self._poller.poll(remaining_ms))
            if self._admission is not None:
                self._admission.attend()
            if self._socket in ready:
                message = self._read_some()
                if message is not None:
                    return message
            # Also while others keep the socket busy: they are no sign of life.
            self._check_silence(remaining_ms / 1000)
            if time.monotonic() >= deadline_s:
                return None

    def send(self, message: m.Message) -> None:
        """Send `message` to the daemon; a daemon that is gone is noticed by its silence."""
        if self._daemon is None:
            raise PeerLost(f"no daemon has spoken yet, so {message.wire_name} has no receiver")
        self.conversation.sending(message)
        self._socket.send_multipart([self._daemon, *self._codec.encode(message)], copy=True)

    def close(self) -> None:
        """Send what is still queued (for half a second at most), close, write what was refused."""
        if self._admission is not None:
            self._admission.attend()
            self._admission.close()
        self._socket.close()
        try:
            self._context.term()
        finally:
            # Also where a signal ends the waiting.
            self.refusals.write_total()

    def _read_some(self) -> m.Message | None:
        """Read what has come, up to a limit, or to the first message that is for the caller."""
        for _ in range(MOST_AT_ONCE):
            try:
                # ZeroMQ takes from its connections in turn, so no flood keeps the daemon waiting.
                sender, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return None
            message = self._understand(sender, frames)
            if message is not None:
                return message
        return None

    def _understand(self, sender: bytes, frames: list[bytes]) -> m.Message | None:
        if self._daemon not in (None, sender):
            self.refusals.add(_STRANGER)
            self._turn_away(sender, frames)
            return None
        try:
            message = self._codec.decode(frames)
        except RemoteProtocolError as error:
            self.refusals.add(error)
            return None
        if self._daemon is None and not isinstance(message, m.Ping):
            if not self.conversation.opens_with(message):
                what = f"{message.wire_name} cannot be the first that a daemon says"
                self.refusals.add(RemoteProtocolError(what, Reason.NOT_NOW))
                return None
            self._daemon = sender
        self.conversation.received(message)
        self._last_heard_s = time.monotonic()
        if isinstance(message, m.Ping):
            # Whoever asks before there is a daemon gets an answer, and is not the daemon for it.
            pong = m.Pong(token=message.token, host_time_s=time.monotonic())
            self._socket.send_multipart([sender, *self._codec.encode(pong)], copy=True)
            return None
        return message

    def _turn_away(self, sender: bytes, frames: list[bytes]) -> None:
        """Tell a stranger who wants to begin a session that there is one, instead of nothing."""
        if self._turned_away >= MOST_TURNED_AWAY:
            return
        try:
            message = self._codec.decode(frames)
        except RemoteProtocolError:
            return
        if isinstance(message, m.Ping) or self.conversation.opens_with(message):
            self._turned_away += 1
            self._socket.send_multipart([sender, *self._codec.encode(_TAKEN)], copy=True)

    def _check_silence(self, waited_s: float) -> None:
        now_s = time.monotonic()
        looked_away_s, self._last_looked_s = now_s - self._last_looked_s, now_s
        if self._waits and self._daemon is None:
            return
        if looked_away_s - waited_s > self._silence_limit_s:
            # It was this process that stood still; the daemon gets the time to be heard.
            self._last_heard_s = now_s
        silence_s = now_s - self._last_heard_s
        if silence_s > self._silence_limit_s:
            raise PeerLost(
                f"the daemon has been silent for {silence_s:.1f} s, so it is taken for dead"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
