"""The peer's end of the wire: a stimulus process or rig adapter listens for its daemon.

One owner thread, no hidden ones: a frame loop polls it with a time-out of zero. It answers
heartbeats by itself, keeps the conversation's order, serves one daemon only, and raises `PeerLost`
when that daemon has been silent for too long, so that no orphan stays behind. What cannot be read,
and what others say, is refused and counted; only the daemon's own words out of order raise. What
the messages mean is left to the caller; encryption and remote access are left to a later transport.
"""

import math
import time
from types import TracebackType
from typing import Self

import zmq

from rig_adapters.errors import PeerLost, Reason, RemoteProtocolError
from rig_adapters.refusals import Refusals
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import Conversation, Script

MOST_AT_ONCE = 64
"""Messages that are read in one call: a flood costs a frame loop a fraction of a frame at most."""

_STRANGER = RemoteProtocolError(
    "it did not come from the daemon that is being served", Reason.STRANGER
)


class Listener:
    """A bound ROUTER socket that talks with one daemon.

    `silence_limit_s` is how long the daemon may be silent before it is taken for dead.
    """

    def __init__(self, endpoint: str, script: Script, silence_limit_s: float) -> None:
        self.conversation = Conversation(script, "peer")
        self.refusals = Refusals(script.peer)
        """Messages that were no messages, or came from somebody other than the daemon."""
        self._codec = Codec(script.vocabulary)
        self._silence_limit_s = silence_limit_s
        self._daemon: bytes | None = None
        self._last_heard_s = time.monotonic()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError:
            self.close()
            raise

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
            if self._socket.poll(remaining_ms):
                message = self._read_some()
                if message is not None:
                    return message
            # Also while others keep the socket busy: they are no sign of life.
            self._check_silence()
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
        self._socket.close()
        self._context.term()
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

    def _check_silence(self) -> None:
        silence_s = time.monotonic() - self._last_heard_s
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
