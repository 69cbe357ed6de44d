"""`python -m sessions.audit FOLDER`: the process that audits a session while it runs.

Started by the session daemon, with which it shares nothing but the log; can be started by hand. One
JSON line for each block goes to standard output:

    {"block": 3, "tested": true, "fit_z": 6.1,
     "findings": [{"check": …, "message": …, "remedy": …}]}

It ends when the log has an end, with its parent, and on SIGTERM. Exit status: 0, or 1 when the log
cannot be read.
"""

import argparse
import contextlib
import ctypes
import json
import math
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from sessions.audit.auditor import BlockAudit
from sessions.audit.follow import follow
from sessions.errors import SessionLogError

NICENESS = 10
"""Every other process of a session comes first."""
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Audit the log that the command line names."""
    arguments = _parse()
    os.nice(NICENESS)
    over: list[str] = []
    # Not an Event: its lock may be held by the very thread that is interrupted here.
    signal.signal(signal.SIGTERM, lambda *_: over.append("asked to end"))
    # Ctrl-C may reach all processes of a session; the daemon says when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent(over, arguments.parent or os.getppid())
    try:
        for audited in follow(arguments.folder, lambda: bool(over)):
            if audited.block >= arguments.first_block:
                print(line(audited), flush=True)  # noqa: T201 - the interface
    except BrokenPipeError:
        # Whoever listened is gone; what is left in the buffer is nobody's.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SessionLogError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the log file of this process
        return 1
    return 0


def line(audited: BlockAudit) -> str:
    """Return what is said of one block."""
    fit_z = audited.responses.fit_z
    return json.dumps(
        {
            "block": audited.block,
            "findings": [asdict(difference) for difference in audited.differences],
            "tested": audited.responses.tested,
            "fit_z": fit_z if math.isfinite(fit_z) else None,
        }
    )


def _end_with_parent(over: list[str], parent: int) -> None:
    """Have Linux send SIGTERM when the parent dies; elsewhere, look every second."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def watch() -> None:
        # First of all at once: it may have died before this process could ask for any signal.
        while os.getppid() == parent:
            time.sleep(1.0)
        over.append("the parent died")

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sessions.audit", description=__doc__)
    parser.add_argument("folder", type=Path, help="session folder")
    parser.add_argument(
        "--first-block",
        type=int,
        default=0,
        help="first block to report; earlier ones are only learned from",
    )
    parser.add_argument(
        "--parent", type=int, help="process with which to end; default: whoever started this one"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
