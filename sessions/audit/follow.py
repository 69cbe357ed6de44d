"""Following the log of a running session: each committed block is audited once, as it appears.

The log is replaced at every commit, so its inode and time say whether there is news; it is opened
only then, and only for as long as the rows of one block take to read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sessions.audit.auditor import Auditor, BlockAudit
from sessions.errors import LogBusyError
from sessions.reader import open_log
from sessions.schema import FILE_NAME

POLL_S = 0.05


def follow(folder: Path, is_over: Callable[[], bool]) -> Iterator[BlockAudit]:
    """Audit the log in `folder` from its first block on, until it has an end or `is_over`.

    Raises:
        LogFormatError: it is no session log, or was damaged.

    """
    path = folder / FILE_NAME
    auditor: Auditor | None = None
    seen: tuple[int, int] | None = None
    next_block = 0
    while not is_over():
        found = _state(path)
        if found != seen and found is not None:
            try:
                reader = open_log(path)
                auditor = auditor or Auditor(reader.start, folder)
                while next_block < reader.generations_committed and not is_over():
                    yield auditor.audit(reader.block(next_block))
                    next_block += 1
            except LogBusyError:
                # Somebody writes into it; it is looked at again.
                found = None
            else:
                if reader.end is not None:
                    return
            seen = found
        time.sleep(POLL_S)


def _state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a log is replaced; None while there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    # A new session takes the name first, with an empty file.
    return (status.st_mtime_ns, status.st_ino) if status.st_size else None
