"""What the loop waits for durability, beside the cost of writing and syncing the same bytes once.

For each kind of generation (40 codes of 4096 numbers with their counts and spikes; the same with 40
images of 256 x 256) it prints the median and the 99th percentile of what the loop waits when a
block is opened and when it is committed, of one `write` + `fdatasync` of as many bytes, and the
ratios; and, for comparison, of bringing the generation into the log, which happens while the next
block is shown. All are taken in turn in one run, because the machine's disk is shared.

    .venv/bin/python benchmarks/durability.py [--generations 40] [--block-s 0.5]
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.logbook import Logbook
from sessions.log import SessionLog
from sessions.open_block import FinishedPart, OpenedBlock, RenderedImages
from sessions.records import GenerationRecord, SessionStart, image_sha256
from sessions.testing.synthetic import (
    SyntheticSession,
    facts_of,
    synthetic_record,
    synthetic_start,
)

IMAGE_PX = 256
CODE_DIM = 4096


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()

    def ms(self) -> float:
        """Return how long ago that was."""
        return 1000 * (time.perf_counter() - self._began_s)


class TimedLog:
    """A session log that notes how long each generation took it."""

    def __init__(self, log: SessionLog) -> None:
        self.times_ms: list[float] = []
        self._log = log

    def commit_generation(self, record: GenerationRecord) -> None:
        """As the log does."""
        watch = Stopwatch()
        self._log.commit_generation(record)
        self.times_ms.append(watch.ms())

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


def sized(record: GenerationRecord, rng: np.random.Generator, *, images: bool) -> GenerationRecord:
    """Return the record with codes, and images or none, of the size of a real session."""
    threads = []
    for thread in record.threads:
        n = len(thread.image_ids)
        pixels = rng.integers(0, 256, (n, IMAGE_PX, IMAGE_PX, 3), dtype=np.uint8)
        threads.append(
            replace(
                thread,
                codes=rng.standard_normal((n, CODE_DIM), dtype=np.float32),
                images=pixels if images else None,
                image_sha256s=tuple(image_sha256(image) for image in pixels)
                if images
                else thread.image_sha256s,
            )
        )
    return replace(record, threads=tuple(threads))


def start_of(start: SessionStart) -> SessionStart:
    """Return the session with threads of that size."""
    shape = (IMAGE_PX, IMAGE_PX, 3)
    threads = tuple(replace(t, code_dim=CODE_DIM, image_shape=shape) for t in start.threads)
    return replace(start, threads=threads)


async def measure(
    folder: Path, generations: int, block_s: float, *, images: bool
) -> dict[str, list[float]]:
    """Return milliseconds of each kind of wait, generation by generation."""
    rng = np.random.default_rng(0)
    wanted = SyntheticSession(generations=generations, population_size=20)
    small = synthetic_start(wanted)
    log = TimedLog(SessionLog.create(folder, start_of(small)))
    logbook = Logbook(fail)
    await logbook.opened(log)  # type: ignore[arg-type]  # it passes everything on
    times: dict[str, list[float]] = {"open block": [], "commit": [], "floor": []}
    for block in range(generations):
        record = sized(synthetic_record(wanted, small, block, rng), rng, images=images)
        facts = facts_of(record)
        opened = next(fact for fact in facts if isinstance(fact, OpenedBlock))
        pixels = [fact for fact in facts if isinstance(fact, RenderedImages)]
        part = next(fact for fact in facts if isinstance(fact, FinishedPart))
        watch = Stopwatch()
        await logbook.open_block(opened, pixels)
        times["open block"].append(watch.ms())
        await asyncio.sleep(block_s)
        payload = os.urandom(n_bytes(record))
        watch = Stopwatch()
        write_once(folder / "floor", payload)
        times["floor"].append(watch.ms())
        watch = Stopwatch()
        logbook.part_ended(part)
        await logbook.commit(record)
        times["commit"].append(watch.ms())
    await logbook.finish("success", "measured")
    return {**times, "log behind": log.times_ms}


async def fail(error: OSError) -> None:
    """End the measurement on a disk that takes nothing."""
    raise error


def n_bytes(record: GenerationRecord) -> int:
    """Return how many bytes the codes and images of a generation have."""
    pixels = sum(0 if t.images is None else t.images.nbytes for t in record.threads)
    return pixels + sum(thread.codes.nbytes for thread in record.threads)


def write_once(path: Path, payload: bytes) -> None:
    """Append the bytes to a file and wait for the disk."""
    with path.open("ab", buffering=0) as file:
        file.write(payload)
        os.fdatasync(file.fileno())


def main() -> None:
    """Print medians, 99th percentiles and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=40)
    parser.add_argument("--block-s", type=float, default=0.5, help="how long a block is shown")
    chosen = parser.parse_args()
    for images in (False, True):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
            times = asyncio.run(
                measure(Path(place), chosen.generations, chosen.block_s, images=images)
            )
        floor = statistics.median(times["floor"])
        print("40 codes and counts" + (f", 40 images of {IMAGE_PX} px" if images else ""))
        for name, values in times.items():
            median, worst = statistics.median(values), float(np.percentile(values, 99))
            print(
                f"  {name:<11} median {median:7.1f} ms   p99 {worst:7.1f} ms   "
                f"{median / floor:5.2f} x floor"
            )


if __name__ == "__main__":
    main()
