"""One ZMQ Interface: the sockets that it binds, and the way on which its messages go.

It takes the next port but one where its own is taken, and says so to nobody.
"""

import contextlib
import json

import numpy as np
import zmq

from rig_adapters.emulators.mischief import Mischief, Unreliable
from rig_adapters.emulators.open_ephys.encode import Frames
from rig_adapters.emulators.open_ephys.losses import Losses, Numbered

STEP = 2
_TRIES = 200


class Plugin:
    """Publishes at a port, answers heartbeats at the next one. `port` is where it is."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", port: int, queue: int) -> None:
        self._publishing = context.socket(zmq.PUB)
        self._publishing.setsockopt(zmq.LINGER, 0)
        self._publishing.setsockopt(zmq.SNDHWM, queue)
        self._listening = context.socket(zmq.REP)
        self._listening.setsockopt(zmq.LINGER, 0)
        self.heartbeats = 0
        try:
            self.port = self._bound(port)
        except BaseException:
            self.close()
            raise

    def _bound(self, port: int) -> int:
        for n in range(_TRIES):
            try:
                # Port 0 is any that is free; the next one must be free as well.
                self._publishing.bind(f"tcp://127.0.0.1:{port + STEP * n if port else '*'}")
            except zmq.ZMQError:
                continue
            endpoint = self._publishing.getsockopt_string(zmq.LAST_ENDPOINT)
            found = int(endpoint.rpartition(":")[2])
            with contextlib.suppress(zmq.ZMQError):
                self._listening.bind(f"tcp://127.0.0.1:{found + 1}")
                return found
            self._publishing.unbind(endpoint)
        raise OSError(f"there are no two free ports from {port} on")

    def attend(self) -> None:
        """Answer those who say that they are there."""
        with contextlib.suppress(zmq.Again):
            while True:
                text = self._listening.recv(zmq.NOBLOCK)
                self._listening.send(self._answer(text), zmq.NOBLOCK)

    def _answer(self, text: bytes) -> bytes:
        try:
            asked = json.loads(text)
        except ValueError:
            return b"JSON message could not be read"
        if isinstance(asked, dict) and asked.get("type") == "event":
            return b"message correctly parsed"
        self.heartbeats += 1
        return b"heartbeat received"

    def send(self, frames: Frames) -> None:
        """Publish, to whoever listens."""
        self._publishing.send_multipart(frames)

    def close(self) -> None:
        """Close both sockets."""
        self._publishing.close()
        self._listening.close()


class Way:
    """How the messages of one acquisition reach their clients: more or less."""

    def __init__(self, mischief: Mischief, rng: np.random.Generator, losses: Losses) -> None:
        self._mischief = mischief
        self._rng = rng
        self._losses = losses
        self._unreliable: Unreliable[tuple[Numbered, Frames]] = Unreliable(mischief, rng)

    def carry(self, messages: list[tuple[Numbered, Frames]], plugin: Plugin) -> None:
        """Send the messages of a block, and say which of them did not arrive."""
        harmed: dict[int, str] = {}
        whole = []
        for about, frames in messages:
            if self._mischief.half and self._rng.random() < self._mischief.half:
                harmed[about.number] = "cut off"
                frames = _cut(frames, self._rng)
            whole.append((about, frames))
        for (about, frames), fate in self._unreliable.carry(whole):
            if fate == "dropped":
                harmed[about.number] = fate
            else:
                plugin.send(frames)
        for about, _ in messages:
            self._losses.follow(about, harmed.get(about.number, ""))


def _cut(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return a message without its last frame, or without the end of that."""
    if rng.random() < 0.5:
        return frames[:-1]
    return [*frames[:-1], frames[-1][: int(rng.integers(0, len(frames[-1])))]]
