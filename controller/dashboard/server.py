"""The dashboard's process: a port of this machine, a server on it, and an orderly end."""

import signal
import socket
from dataclasses import dataclass

import psutil
import uvicorn

from controller.dashboard import DEFAULT_PORT
from controller.dashboard.app import make_app
from controller.dashboard.hub import Hub
from controller.dashboard.security import new_token
from controller.dashboard.state import Observer
from controller.dashboard.thumbnails import Thumbnails
from controller.errors import ControllerError

HOST = "127.0.0.1"
GRACE_S = 2
"""How long a page may take to let go of its stream."""


class PortTaken(ControllerError):
    """Another program listens there."""


@dataclass(frozen=True, eq=False)
class Dashboard:
    """A dashboard that listens and does not answer yet; `serve` does, until it is interrupted."""

    listening: socket.socket
    token: str
    observer: Observer

    @property
    def port(self) -> int:
        """The port that it has."""
        return int(self.listening.getsockname()[1])

    @property
    def address(self) -> str:
        """What a browser opens; what follows # stays in the browser."""
        return f"http://{HOST}:{self.port}/#token={self.token}"

    def serve(self) -> None:
        """Answer until SIGINT or SIGTERM; nothing stays behind."""
        thumbnails = Thumbnails()
        hub = Hub(self.observer, thumbnails)
        config = uvicorn.Config(
            make_app(hub, thumbnails, self.token),
            lifespan="on",
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE_S,
            ws="none",
        )
        # Once it has ended in order, uvicorn passes the signal on; then there is nothing to do.
        former = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            _Server(config, hub).run(sockets=[self.listening])
        finally:
            self.listening.close()
            for number, handler in former.items():
                signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Ends the streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._hub.close()
        await super().shutdown(sockets)


def open_dashboard(observer: Observer, port: int = DEFAULT_PORT) -> Dashboard:
    """Take a port, 0 for any that is free; PortTaken where another program has it."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"port {port} cannot be used ({error.strerror}){_holder(port)}; if it is an earlier "
            "dashboard, use its page or end it, else choose another port with --port, 0 for any"
        ) from error
    return Dashboard(listening, new_token(), observer)


def _holder(port: int) -> str:
    """Return who listens on a port, as the end of half a sentence; empty where that is hidden."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    return ": a program of another user has it"
                process = psutil.Process(connection.pid)
                return f": {process.name()} has it, process {connection.pid}"
    except psutil.Error:
        pass
    return ""
