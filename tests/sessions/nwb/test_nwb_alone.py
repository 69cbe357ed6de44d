"""The program that the manual shows reads a file without neuroloop, and finds the log's scores."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Pair

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "export_nwb.md"
_AROUND = """
import sys
for name in ("sessions", "controller", "rig_adapters", "generators"):
    sys.modules[name] = None    # to import it fails
program = sys.argv[1]
for path in sys.argv[2:]:
    sys.argv = ["program", path]
    exec(program, {})
"""


def program() -> str:
    """Return the program of the manual."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    return found


@pytest.mark.system
def test_scores_follow_from_the_file_alone(pair_of: Callable[[str], Pair]) -> None:
    # The one subtracts each presentation's baseline, the other that of the block.
    pairs = [pair_of(kind) for kind in ("finished", "of hashes")]

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _AROUND, program(), *(str(p.nwb) for p in pairs)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{len(pair.log.scores.score)} scores recomputed, all equal" for pair in pairs
    ]
