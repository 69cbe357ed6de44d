"""The operator's mirror: what is on the animal's screen, told to whoever looks, without waiting.

The display publishes what a simulated rig would get as light: pixels when they are uploaded, then
changes. Nobody is waited for: what a slow mirror does not take is lost for it, and while nobody
looks nothing is sent. Whether somebody looks is only asked between blocks, when images are
uploaded; who comes late gets all that is loaded then.
"""

import numpy as np
import numpy.typing as npt
import zmq

from rig_adapters.endpoints import EndpointRefused, local
from rig_adapters.watching import Watcher
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.light import LIGHT_MESSAGES, ImagesForgotten, ImagesUploaded, LightChanged
from rig_adapters.wire.messages import Message

MOST_WAITING = 200
"""Messages that may wait for one mirror; beyond, they are lost for it."""
SENT_AT_ONCE = 16
"""Images in one message, to a mirror that came late."""


class MirrorSource:
    """The display's end; binds `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        endpoint = _on_this_machine(endpoint)
        self._codec = Codec(LIGHT_MESSAGES)
        self._loaded: dict[str, npt.NDArray[np.uint8]] = {}
        self._watched = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, MOST_WAITING)
        # A second mirror must be told of too, or it would not get what is loaded.
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._socket.bind(endpoint)

    def upload(self, message: ImagesUploaded | ImagesForgotten) -> None:
        """Tell of pixels that may appear, or will not any more; in between blocks."""
        if isinstance(message, ImagesUploaded):
            self._loaded.update(zip(message.sha256s, message.images, strict=False))
        else:
            for sha256 in message.sha256s:
                self._loaded.pop(sha256, None)
        if self._somebody_came():
            self._send_all()
        elif self._watched:
            self._send(message)

    def change(self, change: LightChanged) -> None:
        """Tell of one change; in the frame loop."""
        if self._watched:
            self._send(change)

    def close(self) -> None:
        """Close; nobody waits for what is still under way."""
        self._socket.close()
        self._context.term()

    def _send_all(self) -> None:
        by_shape: dict[tuple[int, ...], list[str]] = {}
        for sha256, image in self._loaded.items():
            by_shape.setdefault(image.shape, []).append(sha256)
        for sha256s in by_shape.values():
            for first in range(0, len(sha256s), SENT_AT_ONCE):
                some = tuple(sha256s[first : first + SENT_AT_ONCE])
                images = np.stack([self._loaded[sha256] for sha256 in some])
                self._send(ImagesUploaded(sha256s=some, images=images))

    def _somebody_came(self) -> bool:
        came = False
        while self._socket.poll(0):
            # A subscription begins with 1, its end with 0.
            self._watched = self._socket.recv()[:1] == b"\x01"
            came = came or self._watched
        return came

    def _send(self, message: Message) -> None:
        # A publisher never blocks; what is too much for a mirror is dropped for it.
        self._socket.send_multipart(self._codec.encode(message), zmq.NOBLOCK, copy=True)


class MirrorWatcher(Watcher):
    """The mirror's end; connects to `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(_on_this_machine(endpoint), zmq.SUB, "mirror", MOST_WAITING)


def _on_this_machine(endpoint: str) -> str:
    safe = local(endpoint)
    if safe is None:
        raise EndpointRefused(f"a mirror does not leave the machine, but is at {endpoint[:200]}")
    return safe
