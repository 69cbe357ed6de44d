"""How long `neuroloop inspect` takes on a big log, beside reading that file from end to end.

Writes a log of a given size through the log's own writer, with images of random pixels, and
inspects it: first with nothing of the file in the page cache, then again. Beside it stand the time
to read the file whole, which is the least that a look at every pixel can take, and the time of
`neuroloop --help`, which is what the program takes to start. The log is removed afterwards.

    .venv/bin/python benchmarks/inspect_big_log.py [--gib 10] [--image-px 512] [--all-pixels]

While it is written the log takes twice its size. --all-pixels also times the comparison of all.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from sessions.log import SessionLog
from sessions.reader import open_log
from sessions.records import GenerationRecord, SessionStart, ThreadGeneration, image_sha256
from sessions.testing.synthetic import (
    ENDED,
    SyntheticSession,
    synthetic_record,
    synthetic_start,
)

POPULATION = 40
N_THREADS = 2
CODE_DIM = 4096
READ_BYTES = 8 * 2**20
NEUROLOOP = (sys.executable, "-c", "from controller.cli import main; main()")


def write_big_log(folder: Path, n_bytes: int, image_px: int) -> Path:
    """Write a log of at least so many bytes of pixels; return its path."""
    generations = -(-n_bytes // (N_THREADS * POPULATION * image_px**2 * 3))
    # Small images are drawn for the session, and random ones take their place.
    wanted = SyntheticSession(
        generations=generations, population_size=POPULATION, code_dim=CODE_DIM, keep_pixels=False
    )
    small = synthetic_start(wanted)
    shape = (image_px, image_px, 3)
    start = replace(small, threads=tuple(replace(t, image_shape=shape) for t in small.threads))
    rng = np.random.default_rng(wanted.seed)
    log = SessionLog.create(folder, start)
    for block in range(generations):
        log.commit_generation(with_pixels(synthetic_record(wanted, start, block, rng), start, rng))
        print(f"\rblock {block + 1} of {generations}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    log.finish(ENDED)
    return log.path


def with_pixels(
    record: GenerationRecord, start: SessionStart, rng: np.random.Generator
) -> GenerationRecord:
    """Return a generation with random images, their hashes, and presentations that showed them."""
    sent = dict(zip(start.references.image_ids.tolist(), start.references.sha256s, strict=True))
    threads: list[ThreadGeneration] = []
    for thread, info in zip(record.threads, start.threads, strict=True):
        shape = (len(thread.image_ids), *info.image_shape)
        images = np.frombuffer(rng.bytes(int(np.prod(shape))), dtype=np.uint8).reshape(shape)
        sha256s = tuple(image_sha256(image) for image in images)
        sent.update(zip(thread.image_ids.tolist(), sha256s, strict=True))
        threads.append(replace(thread, images=images, image_sha256s=sha256s))
    shown = record.presentations
    shown_sha256 = tuple(
        sent[image_id] if old else ""
        for image_id, old in zip(shown.image_id.tolist(), shown.shown_sha256, strict=True)
    )
    presentations = replace(shown, shown_sha256=shown_sha256)
    return replace(record, threads=tuple(threads), presentations=presentations)


def forget(path: Path) -> None:
    """Have the operating system drop what it keeps of a file in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_whole(path: Path) -> float:
    """Return the seconds that reading a file from end to end takes."""
    began_s = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(READ_BYTES):
            pass
    return time.perf_counter() - began_s


def timed(*arguments: str) -> tuple[float, float]:
    """Return the seconds that a neuroloop command takes, by the wall and of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    done = subprocess.run([*NEUROLOOP, *arguments], capture_output=True, text=True, check=False)
    wall_s = time.perf_counter() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"neuroloop {arguments[0]} exits with {done.returncode}: {done.stdout}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall_s, cpu_s


def report(path: Path, all_pixels: bool) -> None:
    """Print sizes, times and ratios."""
    reader = open_log(path)
    print(
        f"{path.stat().st_size / 2**30:.2f} GiB, {len(reader.images.image_id)} images, "
        f"{len(reader.presentations.block)} presentations, {len(reader.spikes.block)} spikes, "
        f"{reader.generations_committed} blocks"
    )
    forget(path)
    whole_s = read_whole(path)
    print(f"{'the file read whole':34s} {whole_s:8.2f} s")
    steps = [("neuroloop --help", ("--help",), False)]
    steps += [("inspect, nothing in memory", ("inspect", str(path)), True)]
    steps += [("inspect, once more", ("inspect", str(path)), False)]
    if all_pixels:
        steps += [("inspect --all-pixels", ("inspect", str(path), "--all-pixels"), True)]
    for name, arguments, cold in steps:
        if cold:
            forget(path)
        wall_s, cpu_s = timed(*arguments)
        print(
            f"{name:34s} {wall_s:8.2f} s, {cpu_s:6.2f} s of the processor, "
            f"{wall_s / whole_s:.3f} of reading it"
        )


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=10.0, help="pixels in the log")
    parser.add_argument("--image-px", type=int, default=512, help="width and height of an image")
    parser.add_argument("--all-pixels", action="store_true", help="time that, too")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if not")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        report(
            write_big_log(Path(folder), int(given.gib * 2**30), given.image_px), given.all_pixels
        )


if __name__ == "__main__":
    main()
