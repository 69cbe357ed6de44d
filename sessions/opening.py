"""Opening a log for people: as `sessions.reader` does, and telling what is not in it yet.

A generation is durable in its journal a moment before it is in the log. A session that runs brings
it in by itself; one that was killed in that moment leaves it in the journal. Nothing here changes a
file: bringing it in is `neuroloop recover`.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from sessions.errors import JournalError, LogBehindJournal
from sessions.reader import LogReader, open_log
from sessions.recover import missing_from_log
from sessions.schema import FILE_NAME


def open_and_tell(path: Path | str) -> LogReader:
    """Open a log, and warn of durable generations that are in its journal alone.

    Raises:
        FileNotFoundError: there is none.
        LogFormatError: it is no session log, was cut short, or is newer than this program.

    """
    log = open_log(path)
    told = _not_read(log)
    if told:
        # Two levels up is the line that called `sessions.open`.
        warnings.warn(told, LogBehindJournal, stacklevel=3)
    return log


def _not_read(log: LogReader) -> str:
    """Say what the journals beside a log hold beyond it; empty when that is nothing."""
    folder = log.path.parent
    # A copy under another name has nothing to do with journals that may lie beside it.
    if log.path.name != FILE_NAME:
        return ""
    try:
        missing = missing_from_log(folder)
    except FileNotFoundError:
        # The session that runs took its journal away: it brought all of it into the log.
        return ""
    except JournalError as error:
        return f"What is in the log was read, and its journal cannot be: {error}"
    if not missing:
        return ""
    return (
        f"{missing} generation(s) of {log.path} are in its journal alone and were not read: a "
        f"session that runs brings them in by itself; after a crash, neuroloop recover {folder}."
    )
