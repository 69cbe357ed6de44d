"""What comes into the places that a whole machine shares, and whether these tests brought it.

Shared-memory blocks and the sockets of X servers bear no name of who made them, and other tests run
at the same time, in this run and in others. So whatever appears is looked at while its maker lives.
What is to be done about it is the caller's business.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")
X_SOCKETS = Path("/tmp/.X11-unix")
LOOK_EVERY_S = 0.02
MARK = "NEUROLOOP_TESTED_BY"
"""Variable that every process inherits which these tests start: the id of this process."""


@dataclass(frozen=True)
class Newcomer:
    """A block or a socket; a name that is given anew is another one."""

    path: Path
    inode: int


class Newcomers:
    """Watches the shared places from the first test of this process to its last."""

    def __init__(self) -> None:
        self._decided: set[Newcomer] = set()
        self._of_others: set[Newcomer] = set()
        self._looking = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="newcomers", daemon=True)
        # Here and not later: environments are copied when test files are imported.
        os.environ[MARK] = str(os.getpid())

    def start(self) -> None:
        """Begin to watch."""
        # Whoever was there before the first test is nobody's of these.
        self._of_others |= all_there(SHARED_MEMORY) | all_there(X_SOCKETS)
        self._decided |= self._of_others
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join()

    def of_others(self, found: set[Newcomer]) -> set[Newcomer]:
        """Return those that only processes of others have been seen with."""
        self._look()
        return found & self._of_others

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        with self._looking:
            there = all_there(SHARED_MEMORY) | all_there(X_SOCKETS)
            self._decided &= there
            self._of_others &= there
            for newcomer in there - self._decided:
                families = {_is_ours(pid) for pid in _users(newcomer)} - {None}
                if True in families:
                    self._decided.add(newcomer)
                elif False in families:
                    self._decided.add(newcomer)
                    self._of_others.add(newcomer)


def all_there(place: Path) -> set[Newcomer]:
    """Return what there is in one of the shared places."""
    found: set[Newcomer] = set()
    with suppress(OSError):
        for entry in os.scandir(place):
            with suppress(OSError):
                found.add(Newcomer(Path(entry.path), entry.inode()))
    return found


def x_servers(path: Path) -> set[int | None]:
    """Return the processes that hold the socket of an X server; None for one that is hidden.

    Nobody is called: a virtual screen may end when its only caller hangs up.
    """
    held = psutil.net_connections("unix")
    return {connection.pid for connection in held if connection.laddr == str(path)}


def _users(newcomer: Newcomer) -> Iterator[int | None]:
    if newcomer.path.parent == X_SOCKETS:
        yield from x_servers(newcomer.path)
        return
    for pid in psutil.pids():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
            # A semaphore is mapped by the name that it had while it was made, so names differ.
            mapped = (line.split()[4] for line in lines if f" {SHARED_MEMORY}/" in line)
            if str(newcomer.inode) in mapped:
                yield pid


def _is_ours(pid: int | None) -> bool | None:
    """Whether these tests started a process, or a process of theirs did; None if it is gone."""
    us = os.getpid()
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        # One whose parent has ended is known by its mark alone.
        return us in (pid, *(p.pid for p in process.parents())) or (
            process.environ().get(MARK) == str(us)
        )
    except psutil.AccessDenied:
        return False
    except psutil.Error:
        return None


NEWCOMERS = Newcomers()
"""The one of this process."""
