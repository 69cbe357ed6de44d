"""A disk that fails on purpose: system calls of a running process fail, or wait, before the disk.

It is strace (Debian package strace) that meddles, so the faults reach exactly the calls that a real
disk would fail, in a program that knows nothing of it. Only calls on a session's own files are
touched; sockets and pipes go on working.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SYNCS = "fsync,fdatasync"
WRITES = "write,pwrite64,ftruncate,mkdir,link,linkat,rename,renameat,renameat2"
LET_GO_S = 10.0
BLOCKS = 200
"""So many journals from block 0 on can fail."""


def delay(seconds: float) -> str:
    """Return what makes a call wait before it is carried out."""
    return f"delay_enter={int(seconds * 1e6)}"


def error(name: str) -> str:
    """Return what makes a call fail with an errno, such as EIO, without being carried out."""
    return f"error={name}"


def slowed(command: Sequence[str], seconds: float) -> list[str]:
    """Return a command whose process waits at every sync, from its start on.

    It stays the child of whoever starts it; strace watches from aside and ends with it.
    """
    calls = ["-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:{delay(seconds)}"]
    return ["strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", *calls, *command]


@contextmanager
def faulty_disk(pid: int, folder: Path, calls: str, fault: str) -> Iterator[None]:
    """Let `calls` of a process on the session in `folder` meet `fault` while the context lasts.

    Raises:
        RuntimeError: strace could not be attached; its words are in the message.

    """
    paths = [word for path in _files_of(folder) for word in ("-P", str(path))]
    meddle = ["-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"]
    strace = subprocess.Popen(
        ["strace", "-f", "-o", "/dev/null", *paths, *meddle, "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_attached(strace)
        yield
    finally:
        _let_go(strace)


def _let_go(strace: subprocess.Popen[str]) -> None:
    """End strace; the process goes on as if nothing had been."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        strace.send_signal(number)
        # It may wait for ever for a thread of a process that was killed at this very moment.
        with suppress(subprocess.TimeoutExpired):
            strace.communicate(timeout=LET_GO_S)
            return


def _wait_until_attached(strace: subprocess.Popen[str]) -> None:
    said = []
    for line in strace.stderr or ():
        if "attached" in line:
            return
        said.append(line)
    raise RuntimeError(f"strace could not meddle: {''.join(said)}")


def _files_of(folder: Path) -> list[Path]:
    journal = folder / "journal"
    names = [journal / f"block-{block:06d}" for block in range(BLOCKS)]
    segments = [name.with_suffix(suffix) for name in names for suffix in (".nlj", ".new")]
    log = [folder / f for f in ("session.h5", ".session.h5.twin", ".session.h5.aside")]
    return [folder, journal, *log, *segments]
