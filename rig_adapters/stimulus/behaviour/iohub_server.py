"""Runs PsychoPy's ioHub server, the process of the eye tracker, as a session can have it.

By itself ioHub listens on every network interface to anybody and does what it is told, starting
programs included; it outlives the process it works for; and it needs a module that a lean PsychoPy
cannot import. `iohub` runs this file as a script, with ioHub's own script and its arguments. It
imports nothing of ours.
"""

import importlib
import os
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
GRACE_S = 2.0
"""How long it has to let go of its devices once nobody needs it."""
LOOK_S = 0.2


def stay_on_loopback() -> None:
    """Have every datagram server of this process listen on loopback only."""
    server: Any = importlib.import_module("gevent.server").DatagramServer
    listen = server.__init__

    def listen_here(self: Any, listener: str, *more: Any, **named: Any) -> None:
        port = int(listener.rpartition(":")[2])
        listen(self, (LOOPBACK, port), *more, **named)

    server.__init__ = listen_here


def lend_units() -> None:
    """Give `psychopy.misc` to ioHub, which takes only the conversion of units from it."""
    import psychopy

    psychopy.misc = importlib.import_module("psychopy.tools.monitorunittools")


def end_with(parent_pid: int) -> None:
    """End this process when its parent has ended; ioHub lets go of its devices first."""
    while os.getppid() == parent_pid:
        time.sleep(LOOK_S)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    # The last argument says for which process ioHub works.
    threading.Thread(target=end_with, args=(int(sys.argv[-1]),), daemon=True).start()
    stay_on_loopback()
    lend_units()
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
