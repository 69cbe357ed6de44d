"""The folder of a running session's sockets: private, short of name, and gone afterwards.

    $XDG_RUNTIME_DIR (else the temporary folder)/neuroloop-<uid>/<8 hex digits>/
        session.json      who runs here
        control, display, rig, light, mirror      sockets

Socket paths must stay under 108 bytes, so the folder is named by a hash of the session id. A folder
whose daemon is dead is swept away by the next session that starts. Nothing is read or removed in a
folder that others can enter.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from controller.errors import ControlError, SessionRefused

_CARD = "session.json"
_LONGEST_NAME = "display"
_MAX_SOCKET_BYTES = 107


@dataclass(frozen=True)
class RunningSession:
    """A live session, as its card in the runtime folder says."""

    session_id: str
    pid: int
    started_s: float
    """Creation time of the process, so that a re-used pid is not taken for it."""
    folder: str
    """Where its log is."""
    runtime: str

    @property
    def control_endpoint(self) -> str:
        """Where the daemon listens for commands."""
        return endpoint(Path(self.runtime), "control")

    @property
    def alive(self) -> bool:
        """Whether its daemon still runs."""
        try:
            process = psutil.Process(self.pid)
            # Where nobody waits for a dead daemon, it stays in the list of processes.
            dead = process.status() == psutil.STATUS_ZOMBIE
            return not dead and abs(process.create_time() - self.started_s) < 1.0
        except psutil.Error:
            return False


def endpoint(runtime: Path, name: str) -> str:
    """Return the ZeroMQ endpoint of one of the session's sockets."""
    return f"ipc://{runtime / name}"


def base_folder() -> Path:
    """Return the folder that holds the runtime folders of this user's sessions."""
    parent = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return parent / f"neuroloop-{os.getuid()}"


def create(session_id: str) -> Path:
    """Make the private runtime folder of a session; SessionRefused if it cannot be private."""
    base = base_folder()
    runtime = base / hashlib.sha256(session_id.encode()).hexdigest()[:8]
    if len(os.fsencode(runtime / _LONGEST_NAME)) > _MAX_SOCKET_BYTES:
        raise SessionRefused(
            f"{base} is too long a path for sockets; set XDG_RUNTIME_DIR to a shorter one"
        )
    _make(base)
    if not _is_private(base):
        raise SessionRefused(
            f"{base} must be a folder that only you can enter; remove it or set XDG_RUNTIME_DIR"
        )
    sweep()
    _make(base)
    try:
        runtime.mkdir(mode=0o700)
    except FileExistsError:
        raise SessionRefused(f"a session {session_id} is running already") from None
    return runtime


def register(session_id: str, folder: Path, runtime: Path, pid: int) -> RunningSession:
    """Leave the card by which other programs find the session's daemon, process `pid`."""
    started_s = psutil.Process(pid).create_time()
    card = RunningSession(session_id, pid, started_s, str(folder), str(runtime))
    temporary = runtime / f"{_CARD}.new"
    temporary.write_text(json.dumps(asdict(card)), encoding="utf-8")
    temporary.replace(runtime / _CARD)
    return card


def remove(runtime: Path) -> None:
    """Remove a session's runtime folder, and the one that holds it when it is the last."""
    shutil.rmtree(runtime, ignore_errors=True)
    # While other sessions run it is not empty, and stays.
    with contextlib.suppress(OSError):
        runtime.parent.rmdir()


def sweep() -> None:
    """Remove the folders of daemons that died without doing so."""
    for session in _cards():
        if not session.alive:
            remove(Path(session.runtime))


def running_sessions() -> list[RunningSession]:
    """Return the sessions of this user that are running now."""
    return [session for session in _cards() if session.alive]


def find_session(session_id: str | None) -> RunningSession:
    """Return the session of that id, or the only one there is; else ControlError."""
    running = running_sessions()
    if session_id is not None:
        running = [session for session in running if session.session_id == session_id]
        if not running:
            raise ControlError(f"no session {session_id} is running here")
    if not running:
        raise ControlError("no session is running here")
    if len(running) > 1:
        names = ", ".join(session.session_id for session in running)
        raise ControlError(f"several sessions are running; choose one with --session: {names}")
    return running[0]


def _make(base: Path) -> None:
    try:
        base.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise SessionRefused(
            f"{base} cannot be made ({error.strerror}); set XDG_RUNTIME_DIR to a folder of yours"
        ) from error


def _is_private(base: Path) -> bool:
    try:
        status = base.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return mine and not status.st_mode & 0o077


def _cards() -> list[RunningSession]:
    base = base_folder()
    if not _is_private(base):
        return []
    cards = []
    for path in sorted(base.glob(f"*/{_CARD}")):
        try:
            card = RunningSession(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            continue
        # Its folder is removed when it is dead, so where it lies counts, not what it says.
        cards.append(replace(card, runtime=str(path.parent)))
    return cards
