"""What every process at the rig does at its start and end: command line, logging, signals.

A peer is started as `python -m rig_adapters.<which> --endpoint ENDPOINT`. It serves one daemon and
then ends: asked by `Shutdown`, by SIGTERM, or because the daemon fell silent. It ignores SIGINT,
since Ctrl-C in a terminal reaches all processes of the session at once and it is the daemon who
decides what is to happen then. A rig adapter that was started with `--stay`, by hand or as a
service, belongs to no daemon: it waits for the next one after each session, whichever way that
ended, until Ctrl-C or SIGTERM. What a peer does in between is its own module's business.
"""

import argparse
import contextlib
import ctypes
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol, TypeVar

import zmq

from rig_adapters.endpoints import EndpointRefused
from rig_adapters.errors import PeerLost, RigError
from rig_adapters.keys import Keys, KeysRefused, listening_keys
from rig_adapters.listener import Listener
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG, Script

_PR_SET_PDEATHSIG = 1

logger = logging.getLogger(__name__)


class Says(Protocol):
    """The part of a peer's end of the wire that it speaks through."""

    def send(self, message: m.Message) -> None:
        """Send `message` to the daemon."""
        ...


WireT = TypeVar("WireT", bound=Says)


class Terminated(BaseException):
    """SIGTERM came; unwinds to the end of the process, through every `finally`."""


def serve(script: Script, description: str, run: Callable[[Listener], None]) -> int:
    """Listen where the command line says and call `run` until it returns; return an exit status.

    0 after an orderly end, 1 after a fault (which was reported to the daemon first), 2 when it
    cannot listen there, 3 when the daemon was lost.
    """
    arguments = _parse(script, description)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s {script.peer}: %(message)s",
    )
    signal.signal(signal.SIGTERM, _terminate)
    if arguments.stay:
        signal.signal(signal.SIGINT, _terminate)
    else:
        end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        keys = listening_keys(arguments.keys) if arguments.keys else None
        return _serve(script, arguments, keys, run)
    except Terminated:
        return 0
    except (KeysRefused, EndpointRefused) as refused:
        logger.error("%s", refused)
    except zmq.ZMQError as error:
        logger.error("it cannot listen at %s: %s", arguments.endpoint, error.strerror)
    return 2


def _serve(
    script: Script,
    arguments: argparse.Namespace,
    keys: Keys | None,
    run: Callable[[Listener], None],
) -> int:
    """Serve one daemon, or one after the other; return how the last one went."""
    endpoint, limit_s = arguments.endpoint, arguments.silence_limit_s
    while True:
        with Listener(endpoint, script, limit_s, keys, waits=arguments.stay) as listener:
            # Of a port that was found the first time, the next daemon must know too.
            endpoint = listener.endpoint
            if endpoint.startswith("tcp:"):
                # Others have to be told; where there is a file, the daemon has chosen it.
                who = f" for {', '.join(sorted(keys.allowed))}" if keys else ""
                logger.info("listening at %s%s", endpoint, who)
            status = run_reporting_faults(listener, run)
            served = listener.conversation.state != "connected"
        # What fails before anybody has spoken would fail for ever.
        if not arguments.stay or not served:
            return status


def end_with_parent() -> None:
    """Ask Linux to send SIGTERM when the process that started this one dies.

    Elsewhere the daemon's silence does the same, a few seconds later.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_reporting_faults(wire: WireT, run: Callable[[WireT], None]) -> int:
    """Call `run`, tell the daemon of a fault in it, and return an exit status."""
    try:
        run(wire)
    except PeerLost as error:
        logger.error("%s", error)
        return 3
    except RigError as error:
        logger.error("%s", error)
        _report(wire, str(error))
        return 1
    except Exception as error:
        logger.exception("unexpected error")
        _report(wire, f"unexpected {type(error).__name__}: {error}")
        return 1
    return 0


def _report(wire: Says, what: str) -> None:
    with contextlib.suppress(RigError):
        wire.send(m.Faulted(what=what[:4000]))


def _parse(script: Script, description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--endpoint",
        required=True,
        help="where to listen: ipc:///PATH, or tcp://HOST:PORT, which needs --keys unless only "
        "this machine can reach it; as PORT, * finds a free one",
    )
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FOLDER",
        help="folder of keys of this machine; only whose keys are in FOLDER/allowed can connect",
    )
    if script is RIG:
        # A stimulus process opens its window once.
        parser.add_argument(
            "--stay", action="store_true", help="wait for another session after each, until Ctrl-C"
        )
    parser.set_defaults(stay=False)
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
