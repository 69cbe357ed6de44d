"""A higher priority and processors of one's own: what is said to be granted is what there is."""

import os
import subprocess
import sys

import pytest

from rig_adapters.stimulus.privileges import NICENESS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems keep it elsewhere")


def said_by(program: str) -> list[str]:
    """Run `program` in a process of its own, since what it asks for stays with it."""
    start = "import os; from rig_adapters.stimulus.privileges import keep_to, raise_priority;"
    done = subprocess.run(
        [sys.executable, "-c", start + program], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_the_priority_that_is_told_is_the_one_that_was_granted() -> None:
    told, scheduler, niceness = said_by(
        "print(raise_priority()); print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK);"
        "print(os.getpriority(os.PRIO_PROCESS, 0))"
    )

    assert (told == "real time") is (int(scheduler) == os.SCHED_RR)
    assert told.startswith(f"niceness {NICENESS}") is (int(niceness) == NICENESS)
    assert told.startswith(("real time", "niceness", "normal"))


def test_without_the_right_the_priority_stays_and_nothing_fails() -> None:
    limits = (
        "resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0));"
        "resource.setrlimit(resource.RLIMIT_NICE, (0, 0));"
    )
    told, scheduler = said_by(
        f"import resource; {limits} os.getuid() or os.setuid(65534);"
        "print(raise_priority()); print(os.sched_getscheduler(0))"
    )

    assert told == "normal: nothing higher is permitted"
    assert int(scheduler) == os.SCHED_OTHER


def test_a_processor_of_ones_own_is_kept_to_and_one_that_is_not_there_is_said() -> None:
    own = max(os.sched_getaffinity(0))
    told, there, nowhere, still = said_by(
        f"print(keep_to([{own}])); print(sorted(os.sched_getaffinity(0)));"
        "print(keep_to([100_000])); print(sorted(os.sched_getaffinity(0)))"
    )

    assert told == f"only [{own}]"
    assert there == still == f"[{own}]"
    assert nowhere.startswith("any: there is none of [100000]")
