"""The other end of the control socket: for the command line and for scripts."""

from types import TracebackType
from typing import Self

import zmq

from controller.control.messages import (
    COMMANDS,
    REPLIES,
    CommandRefused,
    GetStatus,
    SessionStatus,
    StatusReported,
)
from controller.errors import ControlError
from rig_adapters.errors import RemoteProtocolError
from rig_adapters.wire.codec import MAX_HEADER_BYTES, Codec
from rig_adapters.wire.messages import Message


class ControlClient:
    """Talks to the daemon at `endpoint`; use as a context manager."""

    def __init__(self, endpoint: str, deadline_s: float = 5.0) -> None:
        self._commands = Codec(COMMANDS)
        self._replies = Codec(REPLIES)
        self._deadline_ms = round(deadline_s * 1000)
        self._endpoint = endpoint
        self._context = zmq.Context()
        self._socket = self._connected()

    def request(self, command: Message) -> Message:
        """Send `command` and return the answer.

        Raises ControlError when the daemon refuses, does not answer in time, or says what is no
        answer.
        """
        if self._socket.poll(0):
            # An answer that nobody asked for; it must not be taken for that to this command.
            self._reconnect()
        self._socket.send_multipart(self._commands.encode(command))
        if not self._socket.poll(self._deadline_ms):
            # On a new connection a late answer cannot be taken for that to the next command.
            self._reconnect()
            raise ControlError(
                f"the session did not answer {command.wire_name} within "
                f"{self._deadline_ms / 1000:g} s; look at daemon.log in its folder"
            )
        try:
            reply = self._replies.decode(self._socket.recv_multipart())
        except RemoteProtocolError as error:
            raise ControlError(
                f"the session gave no answer that can be understood: {error}"
            ) from error
        if isinstance(reply, CommandRefused):
            raise ControlError(reply.why)
        return reply

    def status(self) -> SessionStatus:
        """Return how the session is going."""
        reply = self.request(GetStatus())
        if not isinstance(reply, StatusReported):
            raise ControlError(f"the session answered {reply.wire_name} to GetStatus")
        return reply.status

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
        self._context.term()

    def _reconnect(self) -> None:
        self._socket.close()
        self._socket = self._connected()

    def _connected(self) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_HEADER_BYTES)
        socket.connect(self._endpoint)
        return socket

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
