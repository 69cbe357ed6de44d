"""Tells the ZMQ Interface that somebody listens, so that Open Ephys shows it among its clients.

Nothing depends on the answer. A request that is not answered is given up by closing its socket,
since a REQ socket can do nothing else (the lazy pirate of the ZeroMQ guide).
"""

import contextlib
import json
import time
import uuid

import zmq

EVERY_S = 2.0
GIVE_UP_S = 5.0


class Heartbeat:
    """Beats when it is asked to; never waits."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str) -> None:
        self._context, self._endpoint = context, endpoint
        self._uuid = str(uuid.uuid4())
        self._socket: zmq.Socket[bytes] | None = None
        self._sent_s = -EVERY_S
        self._awaited = False
        self.answered = 0

    def beat(self) -> None:
        """Take an answer that has come, and send what is due."""
        now_s = time.monotonic()
        if self._awaited and self._socket is not None:
            with contextlib.suppress(zmq.Again):
                self._socket.recv_multipart(zmq.NOBLOCK)
                self._awaited = False
                self.answered += 1
            if self._awaited and now_s - self._sent_s > GIVE_UP_S:
                self.close()
        if not self._awaited and now_s - self._sent_s >= EVERY_S:
            self._send(now_s)

    def close(self) -> None:
        """Forget what was asked."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._awaited = False

    def _send(self, now_s: float) -> None:
        if self._socket is None:
            self._socket = self._context.socket(zmq.REQ)
            self._socket.setsockopt(zmq.LINGER, 0)
            self._socket.setsockopt(zmq.MAXMSGSIZE, 64_000)
            self._socket.setsockopt(zmq.IPV6, int("[" in self._endpoint))
            self._socket.connect(self._endpoint)
        beat = {"application": "neuroloop", "uuid": self._uuid, "type": "heartbeat"}
        self._sent_s = now_s
        with contextlib.suppress(zmq.Again):
            self._socket.send(json.dumps(beat).encode(), zmq.NOBLOCK)
            self._awaited = True
