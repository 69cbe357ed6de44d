"""One TCP server of RHX: it takes one client, then listens no more until it is told to again."""

import socket
from typing import Literal

MOST_UNSENT = 1 << 26
"""Bytes; a client that lets more pile up is disconnected."""
_READ = 65536

Status = Literal["Disconnected", "Pending", "Connected"]


class OneClientPort:
    """Never waits; what cannot be sent at once is kept."""

    def __init__(self, host: str, port: int) -> None:
        self.status: Status = "Disconnected"
        self._host = host
        # Holds the number while nobody listens: without it another program could get it.
        self._reserved = _bound(host, port)
        self.port = int(self._reserved.getsockname()[1])
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None
        self._unsent = bytearray()

    def listen(self) -> None:
        """Wait for a client, as Connect in RHX does."""
        if self._server is None:
            self._server = _bound(self._host, self.port)
            self._server.listen(1)
            self._server.setblocking(False)
        self.status = "Pending"

    def attend(self) -> bytes:
        """Take a client, send what is left, and return what the client says."""
        if self._server is not None:
            self._accept(self._server)
        self._flush()
        if self._client is None:
            return b""
        try:
            data = self._client.recv(_READ)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.disconnect()
        return data

    def write(self, data: bytes) -> None:
        """Send where there is a client."""
        if self.status == "Connected":
            self._unsent += data
            self._flush()

    def disconnect(self) -> None:
        """Close the connection, and listen no more."""
        for each in (self._client, self._server):
            if each is not None:
                each.close()
        self._client = self._server = None
        self._unsent.clear()
        self.status = "Disconnected"

    def close(self) -> None:
        """Close everything."""
        self.disconnect()
        self._reserved.close()

    def _accept(self, server: socket.socket) -> None:
        try:
            client, _ = server.accept()
        except BlockingIOError:
            return
        self.disconnect()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client, self.status = client, "Connected"

    def _flush(self) -> None:
        if self._client is None or not self._unsent:
            return
        try:
            del self._unsent[: self._client.send(self._unsent)]
        except BlockingIOError:
            if len(self._unsent) > MOST_UNSENT:
                self.disconnect()
        except OSError:
            self.disconnect()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound
