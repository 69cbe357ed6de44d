"""Measures and judges this machine: its disk, its clock, and how fast it renders.

Whatever is written for measuring is never visible in the folder, and gone when it is closed.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from controller.config.tables import SessionConfig
from controller.experiments.evolution import EvolutionThread
from controller.preflight.findings import Finding
from generators.base import Generator

MAX_GENERATIONS_ASSUMED = 100
"""For the estimate of disk space of sessions that end by the clock."""
COPIES = 2
"""Whatever is kept is in the journal first, and in the log later."""
MOST_WRITTEN_BYTES = 16 * 2**20
CLOCK_READINGS = 2000
COARSE_CLOCK_S = 1e-4
SLOW_RENDERING = 0.25
"""Rendering longer than this share of its block is worth a warning."""


def generation_bytes(
    config: SessionConfig,
    threads: tuple[EvolutionThread, ...],
    generators: Mapping[str, Generator],
) -> int:
    """Return what one generation of all threads adds to the log: codes, and pixels if stored."""
    total = 0
    for thread in threads:
        generator = generators[thread.generator_name]
        pixels = int(np.prod(generator.image_shape)) if config.session.store_images else 0
        total += thread.optimizer.population_size * (4 * generator.code_dim + pixels)
    return total


def disk_space(config: SessionConfig, per_generation: int, folder: Path) -> Finding:
    """Judge whether the session fits on the disk of `folder`."""
    generations = config.stopping.max_generations or MAX_GENERATIONS_ASSUMED
    needed, free = COPIES * generations * per_generation, shutil.disk_usage(folder).free
    if needed > free:
        return Finding(
            "disk space",
            "refuse",
            f"{folder} has {free / 1e9:.1f} GB free, but this session needs {needed / 1e9:.1f} GB",
            "make room, choose another session.folder, or set session.store_images = false",
        )
    return Finding(
        "disk space",
        "pass",
        f"{free / 1e9:.1f} GB free, {needed / 1e9:.2f} GB needed for {generations} generations",
    )


def disk_speed(per_generation: int, block_s: float, folder: Path) -> Finding:
    """Judge how fast the disk of `folder` takes one generation, beside a block of `block_s`."""
    size = min(max(per_generation, 1), MOST_WRITTEN_BYTES)
    try:
        speed = size / _seconds_to_write(size, folder)
    except OSError as error:
        return Finding(
            "disk speed",
            "refuse",
            f"{folder} cannot be written ({error.strerror})",
            "choose another session.folder, or mend this one",
        )
    needed_s = COPIES * per_generation / speed
    found = f"{speed / 1e6:.0f} MB/s synced; a generation of {per_generation / 1e6:.1f} MB takes "
    found += f"{needed_s:.2f} s of a block of {block_s:.1f} s"
    if needed_s > block_s:
        return Finding(
            "disk speed",
            "warn",
            found,
            "the log will fall behind the session: use a local disk, or "
            "session.store_images = false",
        )
    return Finding("disk speed", "pass", found)


def block_seconds(config: SessionConfig, n_images: int) -> float:
    """Return how long `n_images` take when each is shown `repeats` times and none fails."""
    display = config.display
    shown = n_images * config.scoring.repeats
    trials = -(-shown // display.presentations_per_trial)
    frames = shown * (display.on_frames + display.off_frames)
    frames += trials * (display.fixation_frames + display.inter_trial_frames)
    return frames / display.refresh_hz


def host_clock() -> Finding:
    """Judge the clock that flips are timed by, from a run of readings."""
    readings = np.array([time.monotonic() for _ in range(CLOCK_READINGS)])
    steps = np.diff(readings)
    if (steps < 0).any():
        return Finding(
            "host clock",
            "refuse",
            f"it went back by {-steps.min():.2g} s",
            "this machine keeps no monotonic time (a fault of its kernel or virtual machine)",
        )
    finest_s = float(steps[steps > 0].min()) if (steps > 0).any() else float("inf")
    if finest_s > COARSE_CLOCK_S:
        return Finding(
            "host clock",
            "warn",
            f"it only goes on in steps of {1e3 * finest_s:.1f} ms",
            "flip times are no better than that: set the system's high-resolution timer",
        )
    return Finding("host clock", "pass", f"monotonic, in steps of {1e6 * finest_s:.2f} µs or less")


def _seconds_to_write(size: int, folder: Path) -> float:
    with tempfile.TemporaryFile(dir=folder) as file:
        data = os.urandom(size)
        began_s = time.perf_counter()
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        return max(time.perf_counter() - began_s, 1e-6)


def rendering(
    config: SessionConfig, threads: tuple[EvolutionThread, ...], render_s: Mapping[str, float]
) -> Finding:
    """Judge how long the animal waits for the images of a block, by what one image takes."""
    each_s = [render_s[t.generator_name] * t.optimizer.population_size for t in threads]
    n_images = config.references.count + sum(t.optimizer.population_size for t in threads)
    took_s, block_s = sum(each_s), block_seconds(config, n_images)
    slow = took_s > SLOW_RENDERING * block_s
    slowest_ms = 1e3 * max(render_s[thread.generator_name] for thread in threads)
    return Finding(
        "rendering",
        "warn" if slow else "pass",
        f"{took_s:.2f} s for the images of a block that takes {block_s:.1f} s (at most "
        f"{slowest_ms:.1f} ms each)",
        "the animal waits for them between two blocks: render on a GPU (generators.NAME.device), "
        "or take a smaller generator"
        if slow
        else "",
    )


def machine_findings(
    config: SessionConfig,
    threads: tuple[EvolutionThread, ...],
    generators: Mapping[str, Generator],
    render_s: Mapping[str, float],
    folder: Path,
) -> Iterator[Finding]:
    """Judge disk, clock and rendering for a session whose log will be in `folder`.

    render_s: what one image takes each generator, by its name.
    """
    if config.session.time == "real":
        yield rendering(config, threads, render_s)
    size = generation_bytes(config, threads, generators)
    n_images = config.references.count + sum(t.optimizer.population_size for t in threads)
    space = disk_space(config, size, folder)
    yield space
    if space.state == "pass":
        yield disk_speed(size, block_seconds(config, n_images), folder)
    yield host_clock()
