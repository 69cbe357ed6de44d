"""`python -m sessions.read_reply FORMAT FILE`: reads one reply of an XDream rig, and ends.

A process of its own, with limits of time and memory, since a damaged HDF5 file may hang or crash
its reader. The names of the images that were shown come on standard input, as JSON; what the reply
says goes to standard output, as JSON.
"""

import json
import sys
from pathlib import Path

from sessions.xdream import told_of

MOST_MEMORY = 4 * 2**30
MOST_PROCESSOR_S = 50


def main() -> int:
    """Read the reply that the command line names."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_PROCESSOR_S, MOST_PROCESSOR_S))
    format, path = sys.argv[1:]
    asked = json.load(sys.stdin)
    data = Path(path).read_bytes()
    told = told_of(data, "mat" if format == "mat" else "h5", asked["names"], asked["channels"])
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
