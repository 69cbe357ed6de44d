"""What every process at the rig does at its start and end: command line, logging, signals.

A peer is started as `python -m rig_adapters.<which> --endpoint ENDPOINT`. It serves one daemon and
then ends: asked by `Shutdown`, by SIGTERM, or because the daemon fell silent. It ignores SIGINT,
since Ctrl-C in a terminal reaches all processes of the session at once and it is the daemon who
decides what is to happen then. What a peer does in between is its own module's business.
"""

import argparse
import contextlib
import ctypes
import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from rig_adapters.errors import PeerLost, RigError
from rig_adapters.listener import Listener
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import Script

_PR_SET_PDEATHSIG = 1


class Terminated(BaseException):
    """SIGTERM came; unwinds to the end of the process, through every `finally`."""


def serve(script: Script, description: str, run: Callable[[Listener], None]) -> int:
    """Listen where the command line says and call `run` until it returns; return an exit status.

    0 after an orderly end, 1 after a fault (which was reported to the daemon first), 3 when the
    daemon was lost.
    """
    arguments = _parse(description)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s {script.peer}: %(message)s",
    )
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with Listener(arguments.endpoint, script, arguments.silence_limit_s) as listener:
            return _run_reporting_faults(listener, run)
    except Terminated:
        return 0


def end_with_parent() -> None:
    """Ask Linux to send SIGTERM when the process that started this one dies.

    Elsewhere the daemon's silence does the same, a few seconds later.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _run_reporting_faults(listener: Listener, run: Callable[[Listener], None]) -> int:
    logger = logging.getLogger(__name__)
    try:
        run(listener)
    except PeerLost as error:
        logger.error("%s", error)
        return 3
    except RigError as error:
        logger.error("%s", error)
        _report(listener, str(error))
        return 1
    except Exception as error:
        logger.exception("unexpected error")
        _report(listener, f"unexpected {type(error).__name__}: {error}")
        return 1
    return 0


def _report(listener: Listener, what: str) -> None:
    with contextlib.suppress(RigError):
        listener.send(m.Faulted(what=what[:4000]))


def _parse(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--endpoint", required=True, help="where to listen, e.g. ipc:///run/x/rig")
    parser.add_argument(
        "--silence-limit-s",
        type=float,
        default=10.0,
        help="end when the daemon has been silent for this long (default: 10)",
    )
    arguments = parser.parse_args()
    # PsychoPy reads the command line of whoever imports it.
    del sys.argv[1:]
    return arguments


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    # A second SIGTERM must not interrupt the cleaning up after the first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
