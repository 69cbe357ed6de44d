"""Looks for Open Ephys on this machine: its HTTP server, and what its ZMQ Interfaces send.

It subscribes and asks for the mode, which changes nothing there.
"""

import time
from collections.abc import Iterator

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.open_ephys.control import Control
from rig_adapters.open_ephys.finding import PORTS, STEP, listening, received
from rig_adapters.open_ephys.wire import Continuous, Spike, Unreadable, decode
from rig_adapters.scanning import Answer, listening_ports

HOST = "127.0.0.1"
FIRST_PORT, HTTP_PORT = 5556, 37497
LISTEN_S, PATIENCE_S = 0.5, 2.0
"""How long every port is listened to once it says something, and how long that is waited for."""
MOST_NAMES = 16


def look(adapter: str) -> Iterator[Answer]:
    """Yield what is there."""
    open_ports = listening_ports()
    if HTTP_PORT in open_ports:
        try:
            mode = Control(HOST, HTTP_PORT).mode()
            yield Answer(adapter, f"http://{HOST}:{HTTP_PORT}", f"Open Ephys, {mode}")
        except RecorderError:
            # Somebody else's port.
            pass
    ports = [p for p in range(FIRST_PORT, FIRST_PORT + PORTS * STEP, STEP) if p in open_ports]
    heard: dict[str, _Heard] = {}
    until_s, all_heard = time.monotonic() + PATIENCE_S, False
    with listening(HOST, ports) as sockets:
        while ports and time.monotonic() < until_s:
            for endpoint, frames in received(sockets):
                heard.setdefault(endpoint, _Heard()).take_in(frames)
            if not all_heard and len(heard) == len(ports):
                until_s, all_heard = time.monotonic() + LISTEN_S, True
    for endpoint, each in sorted(heard.items()):
        if each.streams:
            yield Answer(adapter, endpoint, each.sentence())


class _Heard:
    """What came from one port."""

    def __init__(self) -> None:
        self.streams: set[str] = set()
        self._channels: set[str] = set()
        self._electrodes: set[str] = set()
        self._rate_hz = 0.0

    def take_in(self, frames: list[bytes]) -> None:
        try:
            message = decode(frames)
        except Unreadable:
            return
        if isinstance(message, Continuous):
            self._channels.add(message.channel_name or str(message.channel + 1))
            self._rate_hz = message.sample_rate_hz
        elif isinstance(message, Spike):
            self._electrodes.add(message.electrode)
        if message.stream:
            self.streams.add(message.stream)

    def sentence(self) -> str:
        rate = f" at {self._rate_hz:g} Hz" if self._channels else ""
        return (
            f"stream {', '.join(sorted(self.streams))}{rate}; channels: {_some(self._channels)}; "
            f"electrodes that fired: {_some(self._electrodes)}"
        )


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names, key=lambda name: (len(name), name))[:MOST_NAMES]) or "none"
    return f"{shown} …" if len(names) > MOST_NAMES else shown
