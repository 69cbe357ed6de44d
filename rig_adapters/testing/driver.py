"""Starts a rig process and talks with it as the daemon does, but blocking: for tests only."""

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import zmq

from rig_adapters.errors import PeerFaulted, RigTimeout
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.conversation import Conversation, Script

MessageT = TypeVar("MessageT", bound=m.Message)
DEADLINE_S = 20.0


class Driver:
    """The daemon's end of one conversation; every wait has a deadline."""

    def __init__(self, endpoint: str, script: Script, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.conversation = Conversation(script, "daemon")
        self._codec = Codec(script.vocabulary)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)

    def send(self, message: m.Message) -> None:
        """Send `message`, which the conversation must allow."""
        self.conversation.sending(message)
        self._socket.send_multipart(self._codec.encode(message))

    def receive(self, timeout_s: float = DEADLINE_S) -> m.Message:
        """Return the next message, heartbeats included; RigTimeout when none comes."""
        if not self._socket.poll(math.ceil(timeout_s * 1000)):
            raise RigTimeout(f"nothing came from the adapter within {timeout_s} s")
        message = self._codec.decode(self._socket.recv_multipart())
        self.conversation.received(message)
        return message

    def expect(self, kind: type[MessageT], timeout_s: float = DEADLINE_S) -> MessageT:
        """Return the next message of type `kind`, dropping others that come before it.

        Raises PeerFaulted with the adapter's own sentence where it gives up instead.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            message = self.receive(max(0.0, deadline_s - time.monotonic()))
            if isinstance(message, kind):
                return message
            if isinstance(message, m.Faulted):
                raise PeerFaulted(f"the adapter gave up: {message.what}")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        self._context.term()


@contextmanager
def started(module: str, script: Script) -> Iterator[Driver]:
    """Run `python -m module` on a private ipc endpoint until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="rig-") as folder:
        endpoint = f"ipc://{Path(folder) / 'rig'}"
        process = subprocess.Popen([sys.executable, "-m", module, "--endpoint", endpoint])
        driver = Driver(endpoint, script, process)
        try:
            yield driver
        finally:
            driver.close()
            process.terminate()
            process.wait(DEADLINE_S)
