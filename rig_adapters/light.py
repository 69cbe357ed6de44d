"""The light between a display and a simulated rig: one sends, the other watches.

A display shines only where somebody is meant to watch (a session with a simulated rig). Uploads
wait for the watcher to come, because a session without eyes is a mistake. From then on, and in the
frame loop always, nobody waits: what cannot be sent at once is lost, counted, and ends as "not
heard". The two are an exclusive pair on one machine: whoever else connects is turned away, and gets
none of the light. For another watcher, the light is opened anew.
"""

from typing import Protocol

import zmq

from rig_adapters.endpoints import EndpointRefused, local
from rig_adapters.errors import RigTimeout
from rig_adapters.watching import Watcher
from rig_adapters.wire.codec import Codec
from rig_adapters.wire.light import LIGHT_MESSAGES, LightChanged
from rig_adapters.wire.messages import Message

WATCHER_DEADLINE_MS = 10_000


class Light(Protocol):
    """What a display tells whoever is meant to watch it."""

    def upload(self, message: Message) -> None:
        """Show pixels, or that they are forgotten."""
        ...

    def change(self, change: LightChanged) -> None:
        """Show one change of light without ever waiting."""
        ...

    def close(self) -> None:
        """Shine no more."""
        ...


class LightSource:
    """The display's end of a light between processes; binds `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        endpoint = _on_this_machine(endpoint)
        self.lost = 0
        """Changes of light that nobody was there to see."""
        self._watched = False
        self._codec = Codec(LIGHT_MESSAGES)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PAIR)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.SNDTIMEO, WATCHER_DEADLINE_MS)
        # A watcher says nothing; whoever speaks all the same is stopped after a few words.
        self._socket.setsockopt(zmq.RCVHWM, 1)
        self._socket.bind(endpoint)

    def upload(self, message: Message) -> None:
        """Send pixels (or that they are forgotten).

        Waits for a watcher who has not come yet, else RigTimeout; for one who left, nobody waits.
        """
        if self._watched:
            self._send_at_once(message)
            return
        try:
            self._socket.send_multipart(self._codec.encode(message), copy=True)
        except zmq.Again as error:
            raise RigTimeout("no simulated rig came to watch the screen within 10 s") from error
        self._watched = True

    def change(self, change: LightChanged) -> None:
        """Send one change of light without ever waiting."""
        self._send_at_once(change)

    def close(self) -> None:
        """Close; nobody waits for light that is still under way."""
        self._socket.close()
        self._context.term()

    def _send_at_once(self, message: Message) -> None:
        try:
            self._socket.send_multipart(self._codec.encode(message), zmq.NOBLOCK, copy=True)
        except zmq.Again:
            self.lost += 1


class LightWatcher(Watcher):
    """The simulated rig's end; connects to `endpoint`.

    What came and was no light is not seen, so it ends as "not heard"; `any_more` says whether to
    ask again where `receive` gave None.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(_on_this_machine(endpoint), zmq.PAIR, "light", most_waiting=0)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """For a `zmq.Poller` that waits for several sockets at once; only `receive` reads it."""
        return self._socket

    def any_more(self) -> bool:
        """Whether something has come that was not received yet."""
        return bool(self._socket.poll(0))

    def close(self) -> None:
        """Stop watching, and write what was refused."""
        super().close()
        self.refusals.write_total()


def _on_this_machine(endpoint: str) -> str:
    safe = local(endpoint)
    if safe is None:
        raise EndpointRefused(
            f"light does not leave the machine, but its endpoint is {endpoint[:200]}: show the "
            "images and run the simulated rig on one machine"
        )
    return safe
