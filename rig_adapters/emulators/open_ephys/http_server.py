"""The HTTP server of the emulated Open Ephys, as far as anybody asks it; never waits.

One request for each connection. What is done about a request is the emulator's.
"""

import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

Answer = tuple[int, Any]
"""Status, and what is said: a table, which goes as JSON, or a text."""
Answering = Callable[[str, str, Any], Answer]
"""Called with verb, path and the table that came with it, which is None without one."""

MOST_CLIENTS = 32
LARGEST_REQUEST = 64_000
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found"}


class HttpServer:
    """Listens on loopback."""

    def __init__(self, port: int, answer: Answering) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", port))
        self._listening.setblocking(False)
        self._clients: dict[socket.socket, bytes] = {}

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def attend(self) -> None:
        """Let clients in, and answer those who have asked."""
        with contextlib.suppress(BlockingIOError):
            while len(self._clients) < MOST_CLIENTS:
                client, _ = self._listening.accept()
                client.setblocking(False)
                self._clients[client] = b""
        for client in list(self._clients):
            with contextlib.suppress(BlockingIOError):
                self._read(client)

    def close(self) -> None:
        """Close all."""
        for client in self._clients:
            client.close()
        self._listening.close()

    def _read(self, client: socket.socket) -> None:
        try:
            more = client.recv(LARGEST_REQUEST)
        except ConnectionError:
            more = b""
        request = self._clients[client] = self._clients[client] + more
        whole = _body(request)
        if whole is not None:
            self._reply(client, request, whole)
        elif not more or len(request) > LARGEST_REQUEST:
            self._dismiss(client)

    def _reply(self, client: socket.socket, request: bytes, body: bytes) -> None:
        verb, path, *_ = [*request.split(b"\r\n", 1)[0].decode("latin-1").split(), "", ""]
        try:
            status, said = self._answer(verb, path, json.loads(body) if body else None)
        except ValueError:
            status, said = 400, "Request body could not be parsed as JSON"
        plain = isinstance(said, str)
        kind, text = ("text/plain", said) if plain else ("application/json", json.dumps(said))
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(text.encode())}\r\nConnection: close\r\n\r\n"
        )
        # A few hundred bytes fit into what any kernel keeps for a new connection.
        with contextlib.suppress(OSError):
            client.sendall((head + text).encode())
        self._dismiss(client)

    def _dismiss(self, client: socket.socket) -> None:
        del self._clients[client]
        client.close()


def _body(request: bytes) -> bytes | None:
    """Return what came with a request; None while that is not whole."""
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            length = int(value)
    return body[:length] if len(body) >= length else None
