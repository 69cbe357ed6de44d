"""The record of a session: the log, its reader, analysis, checks and report.

`sessions.open(path)` reads a log. The file format is described in `sessions.schema`. Imports no
other package of this project.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessions.reader import LogReader


def open(path: Path | str) -> LogReader:
    """Open the log of a session, given its folder or file: live, finished or cut off.

    `open(path).scores.score` is a NumPy array, `open(path).tables.scores` a pandas frame. What is
    read are the generations that are in the log; a warning tells of one that is not there yet.

    Raises:
        FileNotFoundError: there is none.
        LogFormatError: it is no session log, was cut short, or is newer than this program.

    """
    # Imported here because the package's other parts need no HDF5.
    from sessions.opening import open_and_tell

    return open_and_tell(path)
