"""What the loop waits for durability, beside the cost of writing and syncing the same bytes once.

For each kind of generation (40 codes of 4096 numbers with their counts and spikes; the same with 40
images of 256 x 256) it prints the median and the 99th percentile of a commit to the session log, of
opening a block in the journal, and of one `write` + `fdatasync` of as many bytes, and the ratios.
All are taken in turn in one run, because the machine's disk is shared.

    .venv/bin/python benchmarks/durability.py [--generations 40]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sessions.journal import Journal
from sessions.log import SessionLog
from sessions.open_block import AskedGeneration, OpenedBlock
from sessions.records import GenerationRecord, SessionStart, image_sha256
from sessions.testing.synthetic import SyntheticSession, synthetic_record, synthetic_start

IMAGE_PX = 256
CODE_DIM = 4096


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds `work` took."""
    began_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began_s)


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


def measure(folder: Path, generations: int, *, images: bool) -> dict[str, list[float]]:
    """Return milliseconds of each kind of write, generation by generation."""
    rng = np.random.default_rng(0)
    wanted = SyntheticSession(generations=generations, population_size=20)
    start = start_of(synthetic_start(wanted))
    log = SessionLog.create(folder, start)
    times: dict[str, list[float]] = {"commit": [], "open block": [], "floor": []}
    small = synthetic_start(wanted)
    for block in range(generations):
        record = sized(synthetic_record(wanted, small, block, rng), rng, images=images)
        n_bytes = sum(
            thread.codes.nbytes + (0 if thread.images is None else thread.images.nbytes)
            for thread in record.threads
        )
        asked = tuple(
            AskedGeneration(t.thread_id, block, t.image_ids, t.codes, t.image_sha256s, {})
            for t in record.threads
        )
        opened = OpenedBlock(block, 0.0, "", asked)
        times["open block"].append(timed(lambda opened=opened: open_block(folder, opened)))
        times["commit"].append(timed(lambda record=record: log.commit_generation(record)))
        payload = os.urandom(n_bytes)
        times["floor"].append(timed(lambda payload=payload: write_once(folder / "floor", payload)))
    return times


def open_block(folder: Path, opened: OpenedBlock) -> None:
    """Journal what a block is about to show, as the loop does."""
    journal = Journal(folder, opened.block)
    journal.append(opened)
    journal.sync()
    journal.remove()


def write_once(path: Path, payload: bytes) -> None:
    """Append the bytes to a file and wait for the disk."""
    with path.open("ab", buffering=0) as file:
        file.write(payload)
        os.fdatasync(file.fileno())


def main() -> None:
    """Print medians, 99th percentiles and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=40)
    chosen = parser.parse_args()
    for images in (False, True):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
            times = measure(Path(place), chosen.generations, images=images)
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
