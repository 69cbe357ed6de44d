"""The X screen that a window opens on: the one that is there, or a virtual one (Xvfb) of our own.

A virtual screen is a child of this process and ends with it, however it ends. Opening windows is
left to the display; systems without X (Windows, macOS) always have a screen.
"""

import ctypes
import logging
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rig_adapters.errors import DisplayError
from rig_adapters.peer_process import end_with_parent
from rig_adapters.stimulus.cover import CoverWatch
from rig_adapters.stimulus.desktop import (
    Levels,
    Monitor,
    compositor_runs,
    first_monitor,
    gamma_table,
    is_linear,
)

logger = logging.getLogger(__name__)

START_DEADLINE_S = 15.0
START_TRIES = 3
END_DEADLINE_S = 5.0


class Screen:
    """A screen held for one window; `virtual` where this process had to start it."""

    def __init__(self, connection: "_Connection | None", server: subprocess.Popen[bytes] | None):
        self._connection = connection
        self._server = server

    @property
    def virtual(self) -> bool:
        """Whether this is a virtual screen of our own."""
        return self._server is not None

    @property
    def composed(self) -> bool:
        """Whether a compositor shows what windows draw."""
        return self._connection is not None and self._connection.composed

    @property
    def gamma_is_linear(self) -> bool | None:
        """Whether the graphics card leaves levels as they are; None where it does not say."""
        table = self._connection.gamma_table if self._connection is not None else None
        return None if table is None else is_linear(table)

    @property
    def monitor(self) -> Monitor:
        """The monitor that the window opens on, as it describes itself."""
        return self._connection.monitor if self._connection is not None else Monitor("", None)

    def watch(self, window: int) -> CoverWatch | None:
        """Watch from now on whether anything covers an X window; None where nobody tells."""
        return None if self._connection is None else self._connection.watch(window)

    def close(self) -> None:
        """Let go of the screen, and end it if it was ours. No window may be open any more."""
        # Xlib ends the process when it talks to a server that is gone.
        server_is_gone = self._server is not None and self._server.poll() is not None
        if self._connection is not None and not server_is_gone:
            self._connection.close()
        self._connection = None
        if self._server is not None:
            _end(self._server)
            self._server = None
            os.environ.pop("DISPLAY", None)


def open_screen(size_px: tuple[int, int]) -> Screen:
    """Return the screen that DISPLAY names; where there is none, a virtual one of `size_px`.

    Sets DISPLAY to it. Raises DisplayError where there is no screen and none can be started.
    """
    if sys.platform != "linux":
        return Screen(None, None)
    name = os.environ.get("DISPLAY")
    connection = _connect(name) if name else None
    if connection is not None:
        return Screen(connection, None)
    if name:
        logger.warning("there is no screen %s (DISPLAY); a virtual one is started", name)
    server, name, connection = _start_and_connect(size_px)
    os.environ["DISPLAY"] = name
    connection.when_lost(lambda: _bury(server, name))
    return Screen(connection, server)


def _start_and_connect(
    size_px: tuple[int, int],
) -> "tuple[subprocess.Popen[bytes], str, _Connection]":
    for _ in range(START_TRIES):
        server, name = _start_xvfb(size_px)
        connection = _connect(name)
        if connection is not None:
            return server, name, connection
        # Another server that had this number, and was just ending, has taken its socket along.
        _end(server)
    raise DisplayError(f"the virtual screen {name} that was started takes no connections")


_IO_ERROR_HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Connection:
    """A connection of our own: a virtual screen ends when its last one does, so hold one."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle

    @property
    def composed(self) -> bool:
        return compositor_runs(self._library, self._handle)

    @property
    def gamma_table(self) -> tuple[Levels, Levels, Levels] | None:
        return gamma_table(self._library, self._handle)

    @property
    def monitor(self) -> Monitor:
        return first_monitor(self._library, self._handle)

    def watch(self, window: int) -> CoverWatch:
        return CoverWatch(self._library, self._handle, window)

    def close(self) -> None:
        self._library.XCloseDisplay(ctypes.c_void_p(self._handle))

    def when_lost(self, tidy_up: Callable[[], None]) -> None:
        """Call `tidy_up` when the server dies, before Xlib ends this process, as it then does."""

        def handle(_display: int) -> int:
            tidy_up()
            logger.error("the screen went away: its X server has ended")
            os._exit(1)

        self._handler = _IO_ERROR_HANDLER(handle)
        self._library.XSetIOErrorHandler(self._handler)


def _connect(name: str) -> _Connection | None:
    try:
        library = ctypes.CDLL("libX11.so.6")
    except OSError as error:
        raise DisplayError(
            "the X library is not installed; install the Debian packages libx11-6 and libgl1"
        ) from error
    library.XOpenDisplay.restype = ctypes.c_void_p
    handle = library.XOpenDisplay(name.encode())
    return _Connection(library, handle) if handle else None


def _start_xvfb(size_px: tuple[int, int]) -> tuple[subprocess.Popen[bytes], str]:
    program = shutil.which("Xvfb")
    if program is None:
        raise DisplayError(
            "there is no screen (DISPLAY), and Xvfb, which would stand in for one, is not "
            "installed; install the Debian package xvfb"
        )
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as answer, tempfile.TemporaryFile() as complaints:
        try:
            server = subprocess.Popen(
                _command(program, size_px, write_end),
                pass_fds=[write_end],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                # Out of reach of a terminal's Ctrl-C, but not of this process's death.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        finally:
            os.close(write_end)
        number = _read_line(answer.fileno())
        if number is None:
            _end(server)
            complaints.seek(0)
            reason = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
            raise DisplayError(f"the virtual screen (Xvfb) did not start: {' '.join(reason)}")
    return server, f":{number}"


def _read_line(fd: int) -> str | None:
    """Return the line that comes from `fd`; None where it ends, or the deadline comes, before.

    Xvfb writes its number and the line's end separately, and fails where nobody reads the second.
    """
    deadline_s = time.monotonic() + START_DEADLINE_S
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline_s - time.monotonic()))
        more = os.read(fd, 64) if ready else b""
        if not more:
            return None
        text += more
    return text.decode().strip()


def _command(program: str, size_px: tuple[int, int], answer_fd: int) -> list[str]:
    width, height = size_px
    # 24 bits per pixel, or the framebuffer would not keep what was drawn.
    screen = ["-screen", "0", f"{width}x{height}x24", "+extension", "GLX"]
    return [program, "-displayfd", str(answer_fd), *screen, "-nolisten", "tcp", "-terminate"]


def _bury(server: subprocess.Popen[bytes], name: str) -> None:
    """Remove what a virtual screen that was killed could not remove itself."""
    _end(server)
    number = name.removeprefix(":")
    for path in (Path(f"/tmp/.X11-unix/X{number}"), Path(f"/tmp/.X{number}-lock")):
        path.unlink(missing_ok=True)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
