"""RHX's command connection: text both ways, without framing, numbers or acknowledgements.

A `set` that succeeds is answered by nothing, one that fails by a sentence. So each transmission
ends in a question whose answers are known (`get runmode`); what comes before that answer is what
the rest of the transmission gave. There is never more than one under way. Which commands there are
is left to `rhx`.
"""

import contextlib
import logging
import re
import socket
import time

from rig_adapters.acquisition.source import RecorderError

ANSWER_S = 1.0
"""How long RHX may take to answer; longer is a program that hangs."""
START_S = 2.0
"""How long it may take to begin to run."""
SETTLING_S = 0.2
"""How long RHX is left alone after it was told to run: what it reads together with that it would
not answer before the next stop."""
_RETRY_S = 0.2
_SENTINEL = "get runmode"
_RUN_MODE = re.compile(r"Return: RunMode (Stop|Run|Record|Trigger)")
_ANSWER = re.compile(_RUN_MODE.pattern + r"\Z")
_VALUE = re.compile(r"Return: (?:\S+ )?(.*)", re.DOTALL)
logger = logging.getLogger(__name__)

WHERE = "the Commands tab of Network → Remote TCP Control"


class NoAnswer(RecorderError):
    """RHX did not answer in time."""


class CommandConnection:
    """The one connection that RHX accepts for commands."""

    def __init__(self, host: str, port: int, patience_s: float) -> None:
        """Connect, waiting for `patience_s` until RHX listens.

        Raises RecorderError where it does not.
        """
        self.run_mode = "Stop"
        """What RHX said last: Stop, Run, Record or Trigger."""
        self._unasked = ""
        """What RHX said last without being asked."""
        self._socket = _connected(host, port, patience_s)

    def ask(self, *commands: str) -> str:
        """Send commands in one transmission; return all that they are answered by.

        Raises RecorderError when RHX has gone, or does not answer.
        """
        self._send(*commands, _SENTINEL)
        deadline_s, heard = time.monotonic() + ANSWER_S, ""
        while (answer := _ANSWER.search(heard)) is None:
            self._socket.settimeout(max(1e-3, deadline_s - time.monotonic()))
            try:
                heard += self._read()
            except TimeoutError as error:
                about = f'; it said "{heard[:200]}"' if heard else ""
                raise NoAnswer(
                    f"RHX did not answer {_SENTINEL!r} within {ANSWER_S:g} s{about}: it hangs, "
                    "or a dialog of it is open; close that"
                ) from error
        self.run_mode = answer[1]
        # A question that was put off until RHX stopped is answered here, too.
        return _RUN_MODE.sub("", heard)

    def get(self, parameter: str) -> str:
        """Return the value of a parameter. Raises RecorderError where RHX does not tell it."""
        said = self.ask(f"get {parameter}")
        value = _VALUE.fullmatch(said)
        if value is None:
            raise RecorderError(
                f"RHX does not tell {parameter}; it says: {said[:300] or 'nothing'}"
            )
        return value[1].strip()

    def do(self, *commands: str) -> None:
        """Send commands that are answered by nothing.

        Raises RecorderError with what RHX objects to.
        """
        said = self.ask(*commands)
        if said.strip():
            raise RecorderError(f"RHX refuses {'; '.join(commands)}: {said.strip()[:300]}")

    def set(self, parameter: str, value: object) -> None:
        """Set a parameter, and see that RHX has taken it. Raises RecorderError where it has not."""
        said = self.ask(f"set {parameter} {value}", f"get {parameter}")
        taken = _VALUE.fullmatch(said)
        if taken is None or taken[1].strip().casefold() != str(value).casefold():
            raise RecorderError(
                f"RHX does not set {parameter} to {value}; it says: {said.strip()[:300]}"
            )

    def start(self, mode: str) -> None:
        """Set the run mode to run or record, and see that RHX has taken it.

        It travels alone: nothing behind it in a transmission would be done before the next stop.
        Raises RecorderError where RHX refuses.
        """
        self._send(f"set runmode {mode}")
        self._unasked, deadline_s, said = "", time.monotonic() + START_S, ""
        while time.monotonic() < deadline_s:
            time.sleep(SETTLING_S)
            with contextlib.suppress(NoAnswer):
                # Where RHX was so slow that it read this together with the other, it answers none.
                said += self.ask()
            if self.run_mode.casefold() == mode:
                return
        why = (self._unasked or said).strip()[:300]
        raise RecorderError(
            f"RHX does not change to {mode}, but stays at {self.run_mode}: "
            f"{why or 'it does not say why; is an upload or a dialog open there?'}"
        )

    def see_that_it_is_there(self) -> None:
        """See that the connection is there, without waiting. Raises RecorderError where not.

        What RHX has said unasked is read, so that no later answer begins with it.
        """
        self._socket.settimeout(0)
        try:
            while said := self._read():
                self._unasked = said[:300]
                logger.warning("RHX says, unasked: %s", self._unasked)
        except BlockingIOError:
            return

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._socket.fileno()

    def close(self) -> None:
        """Disconnect; RHX listens again when Connect is pressed."""
        self._socket.close()

    def _send(self, *commands: str) -> None:
        self.see_that_it_is_there()
        self._socket.settimeout(ANSWER_S)
        # Ended by a semicolon: RHX may read the next transmission together with this one.
        text = ";".join(commands) + ";"
        try:
            self._socket.sendall(text.encode("latin-1", errors="replace"))
        except OSError as error:
            raise _gone() from error

    def _read(self) -> str:
        try:
            data = self._socket.recv(65536)
        except (TimeoutError, BlockingIOError):
            raise
        except OSError as error:
            raise _gone() from error
        if not data:
            raise _gone()
        return data.decode("latin-1")


def _gone() -> RecorderError:
    return RecorderError(
        f"RHX has closed the command connection: press Connect on {WHERE}, on which it listens for "
        "one connection each time"
    )


def _connected(host: str, port: int, patience_s: float) -> socket.socket:
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=ANSWER_S)
        except OSError as error:
            if time.monotonic() + _RETRY_S > deadline_s:
                raise RecorderError(
                    f"RHX does not listen for commands at {host}:{port} ({error}): start it, and "
                    f"press Connect on {WHERE}, anew after each session, and while no other "
                    "program is connected there"
                ) from error
            time.sleep(_RETRY_S)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
