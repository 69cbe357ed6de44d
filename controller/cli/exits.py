"""What `neuroloop` exits with. Part of the interface: scripts rely on it.

0  done, nothing wrong
1  an error inside neuroloop: please report
2  wrong usage, or a config that cannot be used; nothing was started
3  the session was aborted by the operator
4  the session ended by a fault
5  the session could not be reached, or refused the command
6  the log has problems (inspect, or the audit of run), the replay differs (replay exact), or a
   session would not be safe to start (preflight)
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses."""

    DONE = 0
    BUG = 1
    USAGE = 2
    ABORTED = 3
    FAULTED = 4
    UNREACHABLE = 5
    PROBLEMS = 6


HELP = """Exit status: 0 done; 1 an error inside neuroloop; 2 wrong usage or config, nothing was
started; 3 session aborted by the operator; 4 session ended by a fault; 5 session not reached or
command refused; 6 inspect or the audit of a run found problems, a replay differs, or preflight
refuses."""
"""As every help page shows it."""
