"""How often the audit of responses alarms without a cause, and how soon when there is one.

False alarms: sessions drawn by `sessions.testing.responses`, block by block, in three kinds. Power:
virtual sessions of the simulated rig with the settings of `neuroloop init`; in each, from one block
on everything is delivered one presentation late, and it is counted how many blocks the alarm takes.

    .venv/bin/python benchmarks/audit_of_responses.py [--minutes 5] [--sessions 8]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from controller.cli.config_commands import template
from sessions.audit.block import LoggedBlock
from sessions.audit.lags import ResponseMemory, Responses
from sessions.reader import open_log
from sessions.testing.responses import any_conditions, blocks_of_responses, shifted

NEUROLOOP = str(Path(sys.executable).with_name("neuroloop"))
KINDS = ("usual", "flat", "overlap")
BEGINNINGS = (0, 1, 2, 4, 6, 8, 12)
BLOCKS = 16


def false_alarms(minutes: float) -> None:
    """Print the alarms in sessions without a fault."""
    blocks: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    rng = np.random.default_rng(1)
    end_s = time.monotonic() + 60 * minutes
    while time.monotonic() < end_s:
        for kind in KINDS:
            memory = ResponseMemory()
            for responses in blocks_of_responses(any_conditions(kind, rng), rng):
                blocks[kind] += 1
                alarms[kind] += bool(memory.judge(responses).difference)
    for kind in KINDS:
        print(f"  {kind:<8} {alarms[kind]} alarms in {blocks[kind]} blocks")


def session(folder: Path, seed: int) -> list[Responses]:
    """Run one virtual session on one of the four default units and return its responses."""
    config = folder / "session.toml"
    config.write_text(template(), encoding="utf-8")
    unit = 100 * (1 + seed % 4) + 1
    settings = [
        "session.time=virtual",
        "display.kind=virtual",
        f"session.seed={seed}",
        f"threads.0.driver_units=[{unit}]",
        f"stopping.max_generations={BLOCKS}",
    ]
    sets = [word for setting in settings for word in ("--set", setting)]
    command = [NEUROLOOP, "run", str(config), "--json", *sets]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    reader = open_log(json.loads(done.stdout)["log"])
    return [
        Responses.of(LoggedBlock(reader.start, reader.block(k), reader.path.parent))
        for k in range(BLOCKS)
    ]


def blocks_until_alarm(blocks: list[Responses], begins: int) -> int | None:
    """Return how many shifted blocks it took: 1 is the very first; None for no alarm at all."""
    memory = ResponseMemory()
    for number, responses in enumerate(blocks):
        late = number >= begins
        if memory.judge(shifted(responses) if late else responses).difference and late:
            return number - begins + 1
    return None


def power(sessions: list[list[Responses]]) -> None:
    """Print in how many sessions the alarm came within so many blocks."""
    for begins in BEGINNINGS:
        took = [blocks_until_alarm(blocks, begins) for blocks in sessions]
        within = [sum(t is not None and t <= n for t in took) for n in (1, 2, 3, 4, BLOCKS)]
        print(
            f"  shifted from block {begins:>2}: alarm within 1, 2, 3, 4 blocks in "
            f"{within[0]}, {within[1]}, {within[2]}, {within[3]}, ever in {within[4]} "
            f"of {len(sessions)} sessions"
        )


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--sessions", type=int, default=8)
    chosen = parser.parse_args()
    print("Sessions without a fault:")
    false_alarms(chosen.minutes)
    print("The simulated rig, everything one presentation late:")
    with tempfile.TemporaryDirectory() as place:
        power([session(Path(place), seed) for seed in range(1, chosen.sessions + 1)])


if __name__ == "__main__":
    main()
