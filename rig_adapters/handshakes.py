"""What ZeroMQ tells of the connections of one socket while they open.

A connection that fails before its first message is seen nowhere else. Events wait in memory until
they are taken, so whoever makes one of these takes them regularly or closes it.
"""

import itertools
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

CONNECTED = zmq.Event.CONNECTED
SUCCEEDED = zmq.Event.HANDSHAKE_SUCCEEDED
UNKNOWN_KEY = zmq.Event.HANDSHAKE_FAILED_AUTH
MISMATCH = zmq.Event.HANDSHAKE_FAILED_PROTOCOL
BROKEN_OFF = zmq.Event.HANDSHAKE_FAILED_NO_DETAIL


_numbers = itertools.count()


class Handshakes:
    """Watches the handshakes of `socket`; make it before the socket binds or connects."""

    def __init__(self, socket: "zmq.Socket[Any]", events: zmq.Event) -> None:
        where = f"inproc://handshakes-{next(_numbers)}"
        self._watched = socket
        socket.monitor(where, events)
        self.socket: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR, socket_class=zmq.Socket)
        """For a poller; only `take` reads it."""
        self.socket.setsockopt(zmq.LINGER, 0)
        # With a limit, ZeroMQ itself would stand still in a flood that nobody takes.
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(where)

    def take(self, most: int) -> list[zmq.Event]:
        """Return what has happened since the last time, `most` events at most; never waits."""
        found: list[zmq.Event] = []
        while len(found) < most and self.socket.poll(0):
            found.append(zmq.Event(recv_monitor_message(self.socket)["event"]))
        return found

    def close(self) -> None:
        """Watch no more; can be called again."""
        if not self.socket.closed:
            self._watched.disable_monitor()
            self.socket.close()
