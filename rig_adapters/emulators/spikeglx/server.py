"""The emulated command server: lines in, replies out, to as many clients as come; never waits.

A client that is silent for too long, or errs five times in a row, is disconnected. Mischief with
replies happens here: they come late, in two pieces, or break off in the middle.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rig_adapters.emulators.mischief import Mischief
from rig_adapters.emulators.spikeglx.table import SpikeGlxTable

Answering = Callable[[list[str], bool], bytes | None]
"""Called with a command's words, and whether it must be answered now; None: it can wait."""

MOST_CLIENTS = 32
LONGEST_LINE = 65_536
MOST_ERRORS = 5
PATIENCE_S = 0.006
"""How long SpikeGLX waits for samples before it replies that there are none."""
PIECE_S = 0.004


@dataclass
class _Client:
    heard_s: float
    received: bytes = b""
    asked_s: float | None = None
    """When the command came that is not answered yet."""
    words: list[str] = field(default_factory=list)
    out: deque[tuple[float, bytes]] = field(default_factory=deque)
    """What is sent, and not before when."""
    errors: int = 0
    ends: bool = False
    """It is disconnected once all has been sent."""


class CommandServer:
    """Listens on loopback. `on_leave` is called whenever a client has gone."""

    def __init__(
        self,
        table: SpikeGlxTable,
        mischief: Mischief,
        rng: np.random.Generator,
        answer: Answering,
        on_leave: Callable[[], None],
    ) -> None:
        self._table, self._mischief, self._rng = table, mischief, rng
        self._answer, self._on_leave = answer, on_leave
        self._listening = socket.create_server(("127.0.0.1", table.port))
        self._listening.setblocking(False)
        self._clients: dict[socket.socket, _Client] = {}

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def attend(self) -> None:
        """Let clients in, answer them, and send what is due."""
        with contextlib.suppress(BlockingIOError):
            while len(self._clients) < MOST_CLIENTS:
                new, _ = self._listening.accept()
                new.setblocking(False)
                new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients[new] = _Client(time.monotonic())
        for connection, client in list(self._clients.items()):
            try:
                self._read(connection, client)
                self._work(client)
                self._write(connection, client)
            except OSError:
                self._dismiss(connection)
                continue
            idle_s = time.monotonic() - client.heard_s
            if idle_s > self._table.idle_s or (client.ends and not client.out):
                self._dismiss(connection)

    def close(self) -> None:
        """Close all."""
        for connection in self._clients:
            connection.close()
        self._listening.close()

    def _read(self, connection: socket.socket, client: _Client) -> None:
        with contextlib.suppress(BlockingIOError):
            data = connection.recv(LONGEST_LINE)
            if not data:
                raise ConnectionResetError
            client.heard_s = time.monotonic()
            client.received += data

    def _work(self, client: _Client) -> None:
        if client.asked_s is None:
            line, end, rest = client.received.partition(b"\n")
            if not end or client.ends:
                return
            client.received, client.words = rest, line.decode("latin-1").split()
            if not client.words:
                return
            client.asked_s = time.monotonic()
        must = time.monotonic() > client.asked_s + PATIENCE_S
        reply = self._answer(client.words, must)
        if reply is not None:
            client.asked_s = None
            self._reply(client, reply)

    def _reply(self, client: _Client, reply: bytes) -> None:
        due_s = time.monotonic() + self._table.slow_s
        client.errors = client.errors + 1 if reply.startswith(b"ERROR") else 0
        client.ends = client.errors >= MOST_ERRORS or not reply
        if self._rng.random() < self._table.closes:
            client.ends = True
            return
        if self._rng.random() < self._mischief.half:
            cut = int(self._rng.integers(0, len(reply)))
            client.out.append((due_s, reply[:cut]))
            if self._rng.random() < 0.5:
                client.ends = True
                return
            reply, due_s = reply[cut:], due_s + PIECE_S
        client.out.append((due_s, reply))

    def _write(self, connection: socket.socket, client: _Client) -> None:
        with contextlib.suppress(BlockingIOError):
            while client.out and client.out[0][0] <= time.monotonic():
                due_s, data = client.out[0]
                sent = connection.send(data) if data else 0
                if sent == len(data):
                    client.out.popleft()
                else:
                    client.out[0] = (due_s, data[sent:])

    def _dismiss(self, connection: socket.socket) -> None:
        del self._clients[connection]
        connection.close()
        self._on_leave()
