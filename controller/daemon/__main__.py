"""`python -m controller.daemon`: the process of a session daemon.

Started by `neuroloop run`, which has validated the config; can be started by hand. The last line on
standard output says how the session ended, as JSON. Exit status: 0 success, 3 aborted, 4 failed.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from pathlib import Path

EXIT_CODES = {"success": 0, "abort": 3, "fail": 4}


def main() -> int:
    """Run the session that the command line describes."""
    # Until the loop can abort a session in order, whoever interrupts has to wait (neuroloop run
    # starts this process so): an exception thrown into the middle of an import may be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    arguments = _parse()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s daemon: %(message)s"
    )
    # Nothing of what is imported is garbage, and to look for some takes a tenth of the time.
    gc.disable()
    # Not before the signals are held back: the imports take a second or two.
    from controller import runtime
    from controller.branching import lineage_of
    from controller.config.tables import SessionConfig
    from controller.daemon.daemon import Daemon
    from controller.errors import SessionRefused
    from sessions.errors import SessionLogError
    from sessions.reader import open_log
    from sessions.recover import recover

    gc.freeze()
    gc.enable()
    config = SessionConfig.model_validate_json(arguments.config.read_text(encoding="utf-8"))
    toml = arguments.toml.read_text(encoding="utf-8") if arguments.toml else ""
    try:
        place = runtime.create(arguments.session_id)
    except SessionRefused as refused:
        _tell("fail", str(refused))
        return EXIT_CODES["fail"]
    try:
        runtime.register(arguments.session_id, arguments.folder, place, os.getpid())

        async def run() -> tuple[str, str]:
            cut_off = recover(arguments.folder) if arguments.resume else None
            lineage = None
            if arguments.branch_of is not None:
                lineage = lineage_of(
                    open_log(arguments.branch_of), arguments.from_generation, config
                )
            daemon = Daemon(
                config, toml, arguments.session_id, arguments.folder, place, cut_off, lineage
            )
            return await daemon.run()

        status, reason = asyncio.run(run())
    except (SessionLogError, SessionRefused) as error:
        status, reason = "fail", str(error)
    finally:
        runtime.remove(place)
    _tell(status, reason)
    return EXIT_CODES[status]


def _tell(status: str, reason: str) -> None:
    try:
        print(json.dumps({"exit_status": status, "reason": reason}), flush=True)  # noqa: T201 - the interface
    except BrokenPipeError:
        # Whoever started the session is gone; the log says how it ended.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m controller.daemon", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="validated config, as JSON")
    parser.add_argument("--toml", type=Path, help="the config as the user wrote it, for the log")
    parser.add_argument("--session-id", required=True)
    parser.add_argument("--folder", type=Path, required=True, help="existing session folder")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the session in the folder"
    )
    parser.add_argument("--branch-of", type=Path, help="log of the session to branch off from")
    parser.add_argument("--from-generation", type=int, help="its generation to go on from")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
