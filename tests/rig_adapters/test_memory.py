"""Memory that is free is given back, whatever sizes were freed before."""

import platform
import subprocess
import sys

import pytest

CHURN = """
import sys
from rig_adapters.memory import give_memory_back

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

# What raises the thresholds of glibc for good: one large block that is freed.
block = bytearray(24 * 2**20)
del block
if sys.argv[1] == "given back":
    give_memory_back()
before = resident_mb()
large, small = [], []
for n in range(40):
    large.append(bytearray(2**20))
    small.append(bytearray(2000))
large.clear()
print(resident_mb() - before)
"""


def grown_mb(how: str) -> float:
    command = [sys.executable, "-c", CHURN, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is free")
def test_blocks_that_are_free_leave_no_holes() -> None:
    assert grown_mb("kept") > 20
    assert grown_mb("given back") < 5
