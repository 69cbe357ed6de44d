"""Asks the operating system to disturb the frame loop less: by priority, and by processors.

What is not permitted is not granted, and said; a session never fails by that. Only the thread that
asks is concerned, which is the one with the frame loop. Giving a user the right to ask (on Linux,
`rtprio` or `nice` in /etc/security/limits.d) and keeping other programs off a processor are the
administrator's.
"""

import os
from collections.abc import Sequence

REAL_TIME_PRIORITY = 1
"""The lowest: above all that is not real time, below what the system itself needs."""
NICENESS = -10


def raise_priority() -> str:
    """Ask for a higher priority; return in words what was granted."""
    if hasattr(os, "sched_setscheduler"):
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        try:
            os.sched_setscheduler(0, policy, os.sched_param(REAL_TIME_PRIORITY))
        except OSError:
            pass
        else:
            return "real time"
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        except OSError:
            return "normal: nothing higher is permitted"
        return f"niceness {NICENESS}: real time is not permitted"
    return "normal: this system has no way to ask"


def keep_to(cpus: Sequence[int]) -> str:
    """Ask to run on these processors only; return in words what was granted."""
    if not hasattr(os, "sched_setaffinity"):
        return "any: this system has no way to ask"
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError, OverflowError):
        return f"any: there is none of {list(cpus)}, or it is not permitted"
    return f"only {sorted(os.sched_getaffinity(0))}"
