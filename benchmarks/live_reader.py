"""What another process that reads a running session costs the session, and what it meets.

Runs the same session again and again in virtual time, in turn without and with a process that
looks at the log twenty times a second, with plain h5py and with `sessions.reader` in turn, and
checks each time that the last generation is whole. Prints the time of a generation with and without
as a ratio for each pair of runs, their median, how often was looked, and what errors and torn
generations there were. Where cores are few, what the reader itself computes is part of the ratio;
the second ratio is of the time that the loop waits for its log.

    .venv/bin/python benchmarks/live_reader.py [--pairs 5] [--generations 40] [--images] [--real]

--images keeps the pixels of every image in the log; --real runs in real time, in a window.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from controller.cli.config_commands import template
from sessions.reader import open_log

VIRTUAL = ("session.time=virtual", "display.kind=virtual")
REAL = ("display.max_dropped_frames=30",)
EVERY_S = 0.05
DEADLINE_S = 3600.0


@dataclass(frozen=True)
class Run:
    """Milliseconds of a generation, of its log, and what the reader met, where there was one."""

    generation_ms: float
    log_ms: float
    size_mb: float
    tally: dict[str, object] | None


def run_session(folder: Path, overrides: tuple[str, ...], *, read: bool) -> Run:
    """Run one session to its end, with a reader beside it or without."""
    folder.mkdir()
    (folder / "session.toml").write_text(template(), encoding="utf-8")
    sets = [word for override in overrides for word in ("--set", override)]
    program = [sys.executable, "-c", "from controller.cli import main; main()"]
    command = [*program, "run", "session.toml", "--json", *sets]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, env=environment()
    ) as session:
        reader = start_reader(folder, session) if read else None
        if session.wait(DEADLINE_S):
            raise SystemExit(f"the session ended with exit status {session.returncode}")
        tally = None
        if reader is not None:
            told, _ = reader.communicate(timeout=60)
            tally = json.loads(told)
    (path,) = folder.glob("runs/*/session.h5")
    timing = open_log(path).timing
    # The first generation waits for what is loaded only once.
    total, log = timing.total[1:], timing.log[1:]
    size_mb = path.stat().st_size / 1e6
    return Run(1e3 * float(np.median(total)), 1e3 * float(np.median(log)), size_mb, tally)


def start_reader(folder: Path, session: subprocess.Popen[bytes]) -> subprocess.Popen[str]:
    """Start to look at the log of a session as soon as it has a folder."""
    while not list(folder.glob("runs/*")):
        if session.poll() is not None:
            raise SystemExit("the session ended before it began")
        time.sleep(0.01)
    (runs,) = folder.glob("runs/*")
    command = [sys.executable, "-m", "sessions.testing.live_reader", str(runs / "session.h5")]
    return subprocess.Popen(
        [*command, "--every-s", str(EVERY_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """Return the environment of the processes: this checkout, and no more threads than cores."""
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def main() -> None:
    """Run the pairs and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--generations", type=int, default=40)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--real", action="store_true")
    arguments = parser.parse_args()
    overrides = (
        *(REAL if arguments.real else VIRTUAL),
        f"stopping.max_generations={arguments.generations}",
        f"session.store_images={str(arguments.images).lower()}",
    )
    ratios, log_ratios, looks, errors, torn = [], [], 0, [], []
    print("pair  without ms  with ms  ratio  log without ms  with ms  ratio  log MB  looks")
    with tempfile.TemporaryDirectory(prefix="nl-") as place:
        for pair in range(arguments.pairs):
            # In turn first and second, so that what the machine does besides hits both alike.
            order = (False, True) if pair % 2 else (True, False)
            runs = {r: run_session(Path(place) / f"{pair}-{r}", overrides, read=r) for r in order}
            alone, read = runs[False], runs[True]
            tally = read.tally or {}
            ratios.append(read.generation_ms / alone.generation_ms)
            log_ratios.append(read.log_ms / alone.log_ms)
            looks += int(str(tally["looks"]))
            errors += list(tally["errors"])  # type: ignore[call-overload]
            torn += list(tally["torn"])  # type: ignore[call-overload]
            print(
                f"{pair:4}  {alone.generation_ms:10.1f}  {read.generation_ms:7.1f}"
                f"  {ratios[-1]:5.3f}  {alone.log_ms:14.2f}  {read.log_ms:7.2f}"
                f"  {log_ratios[-1]:5.2f}  {read.size_mb:6.1f}  {tally['looks']:5}",
                flush=True,
            )
    median, log_median = statistics.median(ratios), statistics.median(log_ratios)
    print(f"median ratio of a generation {median:.3f}, of its log {log_median:.2f}")
    print(f"{looks} looks, {len(errors)} errors, {len(torn)} torn generations")
    for what in (*errors[:5], *torn[:5]):
        print(f"  {what}")
    if errors or torn:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
