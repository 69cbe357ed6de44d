"""Finds the ZMQ Interface that sends a stream, and what it sends: rate, channels, size of a block.

Each plugin in the chain of Open Ephys sends one stream, and where a port is taken it takes the
second next without saying so. So the one that is wanted is known by what it sends.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import zmq

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.open_ephys.wire import Continuous, Other, Unreadable, decode

PORTS = 6
"""How many plugins are looked for from the first port on."""
STEP = 2
PATIENCE_S = 3.0
"""Blocks last some 20 ms; who says nothing for so long is not acquiring."""
EARLIER_PORT_S = 0.5
"""How long an earlier port may take to be heard when a later one sends a stream of that name."""
LARGEST_MESSAGE = 64 * 2**20
KERNEL_BUFFER = 8 * 2**20


@dataclass
class Heard:
    """What is known of a ZMQ Interface. `values`: what has come so far, by channel (from 0)."""

    endpoint: str
    stream: str
    sample_rate_hz: float
    block_samples: int
    channel_names: dict[int, str | None] = field(default_factory=dict)
    values: dict[int, list[npt.NDArray[np.float32]]] = field(default_factory=dict)
    n_blocks: int = 0

    def take_in(self, message: Continuous) -> None:
        """Learn from one more message."""
        if message.channel in self.channel_names and message.channel == min(self.channel_names):
            self.n_blocks += 1
        self.channel_names[message.channel] = message.channel_name
        self.block_samples = max(self.block_samples, message.n_samples)
        self.values.setdefault(message.channel, []).append(message.values())

    def channel_called(self, name: str) -> int:
        """Return the channel (from 0) of a name; a number counts from 1. Raises RecorderError."""
        for channel, known in self.channel_names.items():
            if name == known:
                return channel
        if name.isdecimal() and int(name) - 1 in self.channel_names:
            return int(name) - 1
        sent = ", ".join(known or str(n + 1) for n, known in sorted(self.channel_names.items()))
        raise RecorderError(
            f"the ZMQ Interface of stream {self.stream} sends no channel {name}, but {sent}: "
            "select it there, or correct [rig.settings]"
        )


def subscriber(context: "zmq.Context[zmq.Socket[bytes]]") -> "zmq.Socket[bytes]":
    """Return a socket that keeps all that comes while nobody looks, and listens to all."""
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.RCVBUF, KERNEL_BUFFER)
    socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
    socket.setsockopt(zmq.RECONNECT_IVL, 50)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    return socket


def find(host: str, first_port: int, stream: str, listen_s: float) -> Heard:
    """Return what the interface that sends `stream` sends, after listening to `listen_s` of it.

    Raises RecorderError where none does, and says what there is instead.
    """
    ports = [port for port in range(first_port, first_port + PORTS * STEP, STEP) if port < 65536]
    with listening(host, ports) as sockets:
        search = _Search(stream, list(sockets), listen_s)
        while not search.is_over():
            for endpoint, frames in received(sockets):
                search.take_in(endpoint, frames)
            found = search.found()
            if found is not None:
                return found
    if search.heard:
        raise RecorderError(
            f"Open Ephys at {', '.join(search.heard)} has stopped sending: start its acquisition"
        )
    raise RecorderError(search.others.sentence(host, ports, stream))


class _Search:
    """What was heard at some ports, in their order."""

    def __init__(self, stream: str, endpoints: list[str], listen_s: float) -> None:
        self._stream, self._endpoints, self._listen_s = stream, endpoints, listen_s
        self.heard: dict[str, Heard] = {}
        self.others = _Others()
        self._came = True
        self._last_s = time.monotonic()
        self._found_s: float | None = None

    def is_over(self) -> bool:
        """Whether nothing of the stream comes any more; said of what was received last."""
        # Silence is believed only after a look at what had come: it may be we who were held up.
        came, self._came = self._came, False
        return not came and time.monotonic() - self._last_s > PATIENCE_S

    def take_in(self, endpoint: str, frames: list[bytes]) -> None:
        """Learn from one message."""
        message = self.others.judge(frames)
        if not isinstance(message, Continuous):
            return
        if message.stream != self._stream:
            self.others.streams[message.stream] = endpoint
            return
        self._came, self._last_s = True, time.monotonic()
        if endpoint not in self.heard:
            rate_hz = message.sample_rate_hz
            self.heard[endpoint] = Heard(endpoint, self._stream, rate_hz, message.n_samples)
        self.heard[endpoint].take_in(message)

    def found(self) -> Heard | None:
        """Return the first interface of which enough was heard, once no earlier one may follow."""
        enough = [each for each in self._endpoints if self._is_enough(each)]
        if not enough:
            return None
        if self._found_s is None:
            self._found_s = time.monotonic()
        # Another Open Ephys may send a stream of that name at a later port.
        if enough[0] != self._endpoints[0] and time.monotonic() - self._found_s < EARLIER_PORT_S:
            return None
        return self.heard[enough[0]]

    def _is_enough(self, endpoint: str) -> bool:
        heard = self.heard.get(endpoint)
        if heard is None:
            return False
        # Three blocks, since the first one may have begun before anybody listened.
        samples = min(sum(map(len, parts)) for parts in heard.values.values())
        return heard.n_blocks >= 3 and samples >= self._listen_s * heard.sample_rate_hz


class _Others:
    """What else was heard, for whoever has to mend it."""

    def __init__(self) -> None:
        self.streams: dict[str, str] = {}
        self._unreadable = ""
        self._without_channels: set[str] = set()

    def judge(self, frames: list[bytes]) -> object:
        try:
            message = decode(frames)
        except Unreadable as error:
            self._unreadable = str(error)
            return None
        if not isinstance(message, Continuous | Other):
            self._without_channels.add(message.stream)
        return message

    def sentence(self, host: str, ports: list[int], stream: str) -> str:
        where = f"the ports {ports[0]} to {ports[-1]} of {host}"
        if stream in self._without_channels:
            return (
                f"Open Ephys sends spikes or events of stream {stream}, but no continuous channel, "
                "so nobody can tell silence from a loss: select one channel in the ZMQ Interface"
            )
        if self.streams:
            found = ", ".join(f"{name} ({at})" for name, at in sorted(self.streams.items()))
            return (
                f"Open Ephys does not send the stream {stream} at {where}, but {found}: correct "
                "rig.settings.stream, or choose the stream in the ZMQ Interface"
            )
        if self._unreadable:
            return (
                f"what comes from {where} cannot be read ({self._unreadable}): update the ZMQ "
                "Interface plugin, or correct rig.settings.data_port"
            )
        return (
            f"Open Ephys sends nothing at {where}: start its acquisition (the play button), and "
            "see that a ZMQ Interface is in the signal chain, and that it shows that port"
        )


@contextlib.contextmanager
def listening(host: str, ports: list[int]) -> "Iterator[Mapping[str, zmq.Socket[bytes]]]":
    """Subscribe to all these ports of a host; yields the sockets by their endpoints."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = {}
    try:
        for port in ports:
            endpoint = f"tcp://{host}:{port}"
            sockets[endpoint] = subscriber(context)
            connect_to(sockets[endpoint], endpoint)
        yield sockets
    finally:
        for socket in sockets.values():
            socket.close()
        context.term()


def connect_to(socket: "zmq.Socket[bytes]", endpoint: str) -> None:
    """Connect; RecorderError where that is no address."""
    try:
        socket.setsockopt(zmq.IPV6, int("[" in endpoint))
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise RecorderError(
            f"{endpoint} is no address of Open Ephys ({error.strerror}): correct rig.settings.host"
        ) from error


def received(sockets: "Mapping[str, zmq.Socket[bytes]]") -> Iterator[tuple[str, list[bytes]]]:
    """Yield what has come, each with whence it comes; waits for a moment where nothing has."""
    poller = zmq.Poller()
    for socket in sockets.values():
        poller.register(socket, zmq.POLLIN)
    ready = dict(poller.poll(100))
    for endpoint, socket in sockets.items():
        if socket in ready:
            with contextlib.suppress(zmq.Again):
                for _ in range(1000):
                    yield endpoint, socket.recv_multipart(zmq.NOBLOCK)
