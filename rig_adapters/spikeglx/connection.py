"""One connection to SpikeGLX's command server, which never waits; and one that asks and does wait.

SpikeGLX closes a connection that has been idle for 10 s, or after five errors in a row.
"""

import contextlib
import os
import select
import socket
import time

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.spikeglx.wire import Answer, Block, Refused, Replies, Reply, Unreadable

DEADLINE_S = 5.0
"""How long an answer may take: SpikeGLX answers some questions from the thread of its windows."""
_PIECE = 2**20
_MOST_CONNECTIONS = 5
"""On which a question is asked, one after the other, before SpikeGLX counts as gone."""
_MOST_PIECES = 64


class Broken(Exception):
    """The connection is no more, and why."""


class NotDone(RecorderError):
    """SpikeGLX refuses what was asked of it."""


def address_of(host: str, port: int) -> tuple[int, tuple[str, int]]:
    """Return the family and the address of a server. Raises RecorderError for unknown names."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise RecorderError(
            f"no machine is called {host!r} ({error.strerror}); correct rig.settings.host"
        ) from error
    return family, (str(address[0]), port)


class Connection:
    """Sends commands and takes replies; it connects in the background. No method waits."""

    def __init__(self, family: int, address: tuple[str, int]) -> None:
        self._replies = Replies()
        self._out = b""
        self._connected = False
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(address)
        except BlockingIOError:
            pass  # it is under way
        except OSError as error:
            self._socket.close()
            raise Broken(error.strerror or str(error)) from error

    def send(self, command: str) -> None:
        """Have a command sent as soon as it can be. Raises Broken."""
        self._out += command.encode() + b"\n"
        try:
            if self._is_connected():
                self._flush()
        except OSError as error:
            raise Broken(error.strerror or str(error)) from error

    def receive(self) -> Reply | None:
        """Return the next reply, if it is there. Raises Broken."""
        try:
            if self._is_connected():
                self._flush()
                self._drain()
            return self._replies.next()
        except OSError as error:
            raise Broken(error.strerror or str(error)) from error
        except Unreadable as error:
            raise Broken(f"what answers is not SpikeGLX: {error}") from error

    def wait(self, seconds: float) -> None:
        """Wait until something may have come, or the connection is made."""
        wanted = [self._socket]
        select.select(wanted, wanted if self._out else [], wanted, max(0.0, seconds))

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()

    def _is_connected(self) -> bool:
        if not self._connected:
            _, writable, failed = select.select([], [self._socket], [self._socket], 0)
            if not writable and not failed:
                return False
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))
            self._connected = True
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return True

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST_PIECES):
                data = self._socket.recv(_PIECE)
                if not data:
                    raise OSError(0, "SpikeGLX closed it")
                self._replies.feed(data)


class Questioner:
    """Asks one question after the other, and waits for each answer."""

    def __init__(self, host: str, port: int) -> None:
        self._where = f"{host}:{port}"
        self._address = address_of(host, port)
        try:
            self.connection = Connection(*self._address)
        except Broken as error:
            raise self._unreachable(error) from error

    def ask(self, command: str) -> tuple[str, ...]:
        """Return the lines of an answer. Raises NotDone where it is refused."""
        reply = self.reply(command)
        if isinstance(reply, Answer):
            return reply.lines
        raise NotDone(f"SpikeGLX refuses {command.split()[0]}: {_advised(reply)}")

    def number(self, command: str) -> float:
        """Return the number that is an answer."""
        (number,) = self.numbers(command)[:1] or (float("nan"),)
        return number

    def numbers(self, command: str) -> tuple[float, ...]:
        """Return the numbers that are an answer."""
        lines = self.ask(command)
        try:
            return tuple(float(word) for line in lines[:1] for word in line.split())
        except ValueError:
            raise RecorderError(
                f"SpikeGLX answers {command.split()[0]} with {lines[0][:60]!r}, which is no number"
            ) from None

    def reply(self, command: str) -> Reply:
        """Return what is replied to a command, if need be on another connection.

        Raises RecorderError where nothing is.
        """
        for left in reversed(range(_MOST_CONNECTIONS)):
            try:
                return self._asked(command)
            except Broken as error:
                self.connection.close()
                if not left:
                    raise self._unreachable(error) from error
            try:
                self.connection = Connection(*self._address)
            except Broken as error:
                raise self._unreachable(error) from error
        raise AssertionError("the last connection was answered or refused")

    def _asked(self, command: str) -> Reply:
        deadline_s = time.monotonic() + DEADLINE_S
        self.connection.send(command)
        while (reply := self.connection.receive()) is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise RecorderError(
                    f"SpikeGLX at {self._where} has not answered {command.split()[0]} within "
                    f"{DEADLINE_S:g} s: close any dialog that it has open"
                )
            self.connection.wait(left_s)
        return reply

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()

    def _unreachable(self, error: Broken) -> RecorderError:
        return RecorderError(
            f"nobody answers as SpikeGLX at {self._where} ({error}): start SpikeGLX, and enable "
            "its server in Options > Command Server Settings"
        )


def _advised(reply: Reply) -> str:
    if isinstance(reply, Block):
        return "it sends samples instead"
    why = reply.why if isinstance(reply, Refused) else ""
    if "never validated" in why:
        return f"{why} Press Verify | Save in its dialog Configure Acquisition, once"
    return why
