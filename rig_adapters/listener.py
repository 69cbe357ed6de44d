"""The peer's end of the wire: a stimulus process or rig adapter listens for its daemon.

One owner thread, no hidden ones: a frame loop polls it with a time-out of zero. It answers
heartbeats by itself, keeps the conversation's order, serves one daemon only, and raises `PeerLost`
when that daemon has been silent for too long, so that no orphan stays behind. What the messages
mean is left to the caller; encryption and remote access are left to a later transport.
"""

import logging
import math
import time
from types import TracebackType
from typing import Self

import zmq

from rig_adapters.errors import PeerLost, RemoteProtocolError
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.conversation import Conversation, Script

logger = logging.getLogger(__name__)


class Listener:
    """A bound ROUTER socket that talks with one daemon.

    `silence_limit_s` is how long the daemon may be silent before it is taken for dead.
    """

    def __init__(self, endpoint: str, script: Script, silence_limit_s: float) -> None:
        self.conversation = Conversation(script, "peer")
        self.refused = 0
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
        RemoteProtocolError when it says what it must not say now.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            remaining_ms = math.ceil(max(0.0, deadline_s - time.monotonic()) * 1000)
            if not self._socket.poll(remaining_ms):
                self._check_silence()
                return None
            message = self._read()
            if message is not None:
                return message
            if time.monotonic() >= deadline_s:
                return None

    def send(self, message: m.Message) -> None:
        """Send `message` to the daemon; a daemon that is gone is noticed by its silence."""
        if self._daemon is None:
            raise PeerLost(f"no daemon has spoken yet, so {message.wire_name} has no receiver")
        self.conversation.sending(message)
        self._socket.send_multipart([self._daemon, *self._codec.encode(message)], copy=True)

    def close(self) -> None:
        """Send what is still queued (for half a second at most) and close."""
        self._socket.close()
        self._context.term()

    def _read(self) -> m.Message | None:
        sender, *frames = self._socket.recv_multipart()
        if self._daemon not in (None, sender):
            self._refuse("it did not come from the daemon that is being served")
            return None
        try:
            message = self._codec.decode(frames)
        except RemoteProtocolError as error:
            self._refuse(str(error))
            return None
        self.conversation.received(message)
        self._daemon = sender
        self._last_heard_s = time.monotonic()
        if isinstance(message, m.Ping):
            self.send(m.Pong(token=message.token, host_time_s=time.monotonic()))
            return None
        return message

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        logger.warning("refused a message: %s", reason)

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
