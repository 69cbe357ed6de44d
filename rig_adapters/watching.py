"""What every watcher of light does: connects, and takes in what is light; all else is refused.

What is left out: who may watch, and where; and what becomes of the light.
"""

import zmq

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.refusals import Refusals
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, Codec
from rig_adapters.wire.light import LIGHT_MESSAGES
from rig_adapters.wire.messages import Message


class Watcher:
    """Connects a socket of `kind` to `endpoint`, which is a safe one.

    refusals: what came and was no light; they are counted under `name`.
    most_waiting: messages that may wait here; 0 for any number.
    """

    def __init__(self, endpoint: str, kind: int, name: str, most_waiting: int) -> None:
        self.refusals = Refusals(name)
        self._codec = Codec(LIGHT_MESSAGES)
        self._context = zmq.Context()
        self._socket = self._context.socket(kind)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, most_waiting)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        if kind == zmq.SUB:
            self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._socket.connect(endpoint)

    def receive(self, timeout_ms: int) -> Message | None:
        """Return the next message; None after `timeout_ms` without one, or for what was none."""
        if not self._socket.poll(timeout_ms):
            return None
        try:
            return self._codec.decode(self._socket.recv_multipart())
        except RemoteProtocolError as error:
            self.refusals.add(error)
            return None

    def close(self) -> None:
        """Stop watching."""
        self._socket.close()
        self._context.term()
