"""Opens what a session would open, shows a few images, listens, and closes everything again.

The same processes, messages and alignment as in a session; only the images are noise, and nothing
is logged. Whatever happens, also when it is cancelled, no process, socket or file stays behind.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from controller import assembly
from controller.block import BlockPresenter
from controller.config.tables import SessionConfig
from controller.daemon.daemon import STOPPING_DEADLINE_S
from controller.daemon.preparation import RECORDING_DEADLINE_S
from controller.daemon.rig_processes import RigProcesses
from controller.drivers import driver_unit_ids
from controller.errors import ControllerError
from controller.experiments.blocks import ImageToShow
from controller.experiments.evolution import EvolutionThread, Placement
from controller.preflight.findings import Finding, Report, report
from controller.preflight.machine import block_seconds, machine_findings
from controller.preflight.opened import opened, without_animal
from controller.preflight.rig import rehearsal_findings, unit_findings
from controller.preflight.screen import screen_findings
from controller.presenting import Shown
from controller.recorder import Recorder
from controller.screen import Screen
from generators.base import Generator
from generators.errors import GeneratorError
from rig_adapters.errors import RigError
from rig_adapters.wire.messages import RigConfigured

PRESENTATIONS = 20
LOADED_AT_ONCE = 8
"""As many as a session sends at once."""
SLOW_UPLOAD = 0.1
"""Uploads longer than this share of their block are worth a warning."""
_Kind = tuple[tuple[int, int, int], tuple[Placement, ...]]
"""Shape of an image, and where it is shown."""


@dataclass(frozen=True)
class Parts:
    """What the config names, built as for a session."""

    generators: Mapping[str, Generator]
    render_s: Mapping[str, float]
    threads: tuple[EvolutionThread, ...]
    n_references: int

    @property
    def n_images(self) -> int:
        """Images of one block."""
        return self.n_references + sum(t.optimizer.population_size for t in self.threads)


async def preflight(config: SessionConfig, tell: Callable[[str], None]) -> Report:
    """Look at everything; `tell` is told what is being done. Raises nothing that a rig can do.

    The images are shown to nobody, so nobody's fixation is waited for and nobody is rewarded.
    """
    config = without_animal(config)
    folder = _existing(config.session.folder)
    try:
        tell("building generators and optimizers")
        parts = await asyncio.to_thread(_build, config)
    except (ControllerError, GeneratorError) as error:
        return report([Finding("session", "refuse", str(error))])
    machine = await asyncio.to_thread(
        lambda: report(
            machine_findings(config, parts.threads, parts.generators, parts.render_s, folder)
        )
    )
    async with opened(config) as there:
        rehearsed = await _rehearse(config, parts, there.processes, there.folder, tell)
    return report(rehearsed, machine.findings)


async def _rehearse(
    config: SessionConfig,
    parts: Parts,
    processes: RigProcesses,
    folder: Path,
    tell: Callable[[str], None],
) -> list[Finding]:
    found: list[Finding] = []
    try:
        tell("opening the screen and the rig")
        await processes.start(folder)
        display, rig = await processes.configure(None)
        found += screen_findings(config, display, simulated=rig.simulated)
        units = list(unit_findings(config, rig))
        found += units
        if any(finding.state == "refuse" for finding in units):
            return found
        if processes.through_folders:
            # Whatever lay there would be shown, and counted as a block.
            told = "both folders are there, and hold nothing of another session"
            return [*found, Finding("folders", "pass", told)]
        screen = Screen(processes.display, config.display, config.behaviour.waits_s)
        tell("uploading a block of images")
        found += await _upload(config, parts, screen)
        recorder = Recorder(processes.rig, _ignore, _ignore, _ignore)
        await recorder.start(RECORDING_DEADLINE_S)
        tell(f"showing {PRESENTATIONS} images and listening")
        has_sync = "sync" in rig.capabilities
        presenter = BlockPresenter(
            config, screen, recorder, has_sync, display.waits_for_vertical_blank, _ignore
        )
        shown = await _show(config, parts, presenter)
        spikes = driver_spikes(config, rig, recorder)
        found += rehearsal_findings(
            shown, presenter.clock, spikes, has_sync=has_sync, simulated=rig.simulated
        )
        await screen.go_blank()
        await recorder.stop(STOPPING_DEADLINE_S)
    except RigError as error:
        found.append(Finding("rehearsal", "refuse", str(error)))
    return found


async def _upload(config: SessionConfig, parts: Parts, screen: Screen) -> Iterator[Finding]:
    rng = np.random.default_rng(config.session.seed)
    size_px = config.references.image_size_px
    everywhere = tuple(dict.fromkeys(thread.placement for thread in parts.threads))
    kinds: list[_Kind] = [((size_px, size_px, 3), everywhere)] * parts.n_references
    for thread in parts.threads:
        shape = parts.generators[thread.generator_name].image_shape
        kinds += [(shape, (thread.placement,))] * thread.optimizer.population_size
    took_s = 0.0
    for first in range(0, len(kinds), LOADED_AT_ONCE):
        for (shape, placements), ids in _alike(kinds, first):
            images = rng.integers(0, 256, (len(ids), *shape), dtype=np.uint8)
            began_s = time.perf_counter()
            await screen.start_loading(np.array(ids, np.int64), images, placements=placements)
            await screen.loaded()
            took_s += time.perf_counter() - began_s
    return _upload_findings(config, len(kinds), took_s)


def _alike(kinds: Sequence[_Kind], first: int) -> Iterator[tuple[_Kind, list[int]]]:
    """Yield the kinds of images of one load with the ids that are of each."""
    ids = range(first, min(first + LOADED_AT_ONCE, len(kinds)))
    for kind in dict.fromkeys(kinds[k] for k in ids):
        yield kind, [k for k in ids if kinds[k] == kind]


def _upload_findings(config: SessionConfig, n_images: int, took_s: float) -> Iterator[Finding]:
    if config.display.kind == "virtual":
        return
    block_s = block_seconds(config, n_images)
    slow = took_s > SLOW_UPLOAD * block_s
    yield Finding(
        "upload",
        "warn" if slow else "pass",
        f"{n_images} images of a block in {took_s:.2f} s ({1e3 * took_s / n_images:.1f} ms each, "
        "hashes and transport included)",
        "the animal waits for them between two blocks: take smaller images" if slow else "",
    )


async def _show(config: SessionConfig, parts: Parts, presenter: BlockPresenter) -> list[Shown]:
    """Show images of every thread in turn, each once, whatever becomes of it."""
    next_id, by_thread = parts.n_references, []
    for thread in parts.threads:
        ids = range(next_id, next_id + thread.optimizer.population_size)
        next_id = ids.stop
        by_thread.append((thread, ids))
    last = config.scoring.attempts - 1
    waiting = []
    for k in range(PRESENTATIONS):
        thread, ids = by_thread[k % len(by_thread)]
        image_id = ids[k // len(by_thread) % len(ids)]
        waiting.append((ImageToShow(image_id, thread.thread_id, thread.placement), last))
    shown: list[Shown] = []
    rng = np.random.default_rng(config.session.seed)
    await presenter.present(0, waiting, rng, _ignore, lambda _part, rows, _: shown.extend(rows))
    return shown


def driver_spikes(config: SessionConfig, rig: RigConfigured, recorder: Recorder) -> dict[int, int]:
    """Return how many spikes of each driver unit were recorded."""
    units = {unit_id for thread in config.threads for unit_id in driver_unit_ids(thread, rig.units)}
    fired = recorder.recording.spikes().unit_ids
    return {unit_id: int(np.count_nonzero(fired == unit_id)) for unit_id in sorted(units)}


def _build(config: SessionConfig) -> Parts:
    generators = assembly.build_generators(config)
    threads = assembly.build_threads(config, generators)
    names, _ = assembly.load_references(config.references)
    return Parts(generators, assembly.warm_up(generators), threads, len(names))


def _existing(folder: Path) -> Path:
    """Return `folder`, or where it would be made."""
    resolved = folder.resolve()
    return next(path for path in (resolved, *resolved.parents) if path.is_dir())


def _ignore(*_: object) -> None:
    return None
