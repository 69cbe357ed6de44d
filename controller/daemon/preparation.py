"""From the config to everything that the loop works with, and the reasons not to start.

Processes are started by the caller; here they are configured, checked against the config, and put
together with generators, threads, references and a new log.
"""

import asyncio
import json
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from controller import assembly
from controller.block import BlockPresenter
from controller.branching import inherit
from controller.clock import wall_time
from controller.config.tables import SessionConfig
from controller.daemon.rig_processes import RigProcesses
from controller.drivers import driver_unit_ids
from controller.errors import SessionRefused
from controller.experiments.evolution import EvolutionThread
from controller.folder_block import FolderPresenter
from controller.logbook import Logbook
from controller.preflight.findings import Finding, Report, report, require
from controller.preflight.machine import machine_findings
from controller.preflight.rig import unit_findings
from controller.preflight.screen import screen_findings
from controller.presenting import Counters, Presenter
from controller.progress import Progress
from controller.recorder import NothingRecorded, Recorder
from controller.recording_notes import RecordingNotes
from controller.replies import ReplyStore
from controller.resume import (
    CLOCK_BEGAN_ANEW,
    GoOn,
    tell_again,
    where_a_branch_begins,
    where_to_go_on,
    without_responses,
)
from controller.running import Session
from controller.screen import Screen
from controller.stopwatch import Stopwatch
from generators.base import Generator
from generators.settings import GeneratorSettings
from rig_adapters.wire import messages as m
from sessions.analysis.responses import ScoringRule, driver_columns
from sessions.log import SessionLog
from sessions.records import (
    BaselineMode,
    Lineage,
    ReferenceImages,
    SessionStart,
    ThreadInfo,
    UnitInfo,
    image_sha256,
)
from sessions.recover import CutOff

RECORDING_DEADLINE_S = 10.0
PACKAGES = ("neuroloop", "numpy", "torch", "psychopy-lib", "pyzmq", "h5py", "pydantic", "scipy")


async def prepare(
    config: SessionConfig,
    config_toml: str,
    session_id: str,
    folder: Path,
    processes: RigProcesses,
    logbook: Logbook,
    progress: Progress,
    cut_off: CutOff | None = None,
    recorder: Recorder | NothingRecorded | None = None,
    lineage: Lineage | None = None,
) -> Session:
    """Configure the rig, build all parts, open the log; SessionRefused where that is no use.

    `lineage` is that of a new branch; one that goes on has it in its log.

    `cut_off` is the session to go on with; without one, a new log is begun. Within a session that
    was interrupted the log stays open, and `recorder` is the one that goes on, if it does.
    """
    if not logbook.is_open:
        progress.message = "opening the screen and the rig"
    going_on = None
    if cut_off is not None:
        going_on = await asyncio.to_thread(where_to_go_on, cut_off, config)
        lineage = cut_off.reader.start.lineage
    elif lineage is not None:
        going_on = where_a_branch_begins(lineage, config.references.count)
    configured = asyncio.ensure_future(processes.configure(going_on))
    try:
        generators = await asyncio.to_thread(assembly.build_generators, config)
        render_s = await asyncio.to_thread(assembly.warm_up, generators)
        threads = await asyncio.to_thread(assembly.build_threads, config, generators)
        differing: list[str] = []
        if lineage is not None:
            threads, differing = await asyncio.to_thread(
                inherit, config, threads, generators, lineage
            )
        names, images = await asyncio.to_thread(assembly.load_references, config.references)
        display, rig = await configured
    finally:
        configured.cancel()
    found = await _preflight(
        config, threads, generators, render_s, display, rig, None if logbook.is_open else folder
    )
    progress.label = display.label
    if cut_off is not None and going_on is not None:
        start = cut_off.reader.start
        _refuse_another_setup(start, threads, generators, rig)
    else:
        references = _references(names, images)
        start = _session_start(
            session_id, config, config_toml, threads, generators, references, display, rig, found
        )
        start = replace(start, lineage=lineage)
        await logbook.opened(await asyncio.to_thread(SessionLog.create, folder, start))
    session = await _assemble(
        config,
        start,
        threads,
        generators,
        render_s,
        processes,
        (display, rig),
        logbook,
        progress,
        folder,
        recorder,
    )
    if cut_off is not None and going_on is not None:
        await _go_on(session, cut_off, going_on, folder)
    elif lineage is not None and going_on is not None:
        await _branch_off(session, lineage, going_on, differing)
    return session


async def _branch_off(
    session: Session, lineage: Lineage, going_on: GoOn, differing: Sequence[str]
) -> None:
    """Let ids of a new branch go on from those of its session, and say in its log what it is."""
    await session.logbook.event(
        "branch", f"goes on from generation {lineage.generation} of session {lineage.session_id}"
    )
    if differing:
        await session.logbook.event("branch", _other_codes(differing))
    session.next_image_id = going_on.next_image_id
    session.presenter.go_on_counting(_counters(going_on))


def _counters(going_on: GoOn) -> Counters:
    return Counters(going_on.next_presentation_id, going_on.next_trial_id, going_on.parts_planned)


def _other_codes(differing: Sequence[str]) -> str:
    return (
        "the codes of these generations come out otherwise on this machine, so the session "
        f"goes on from the logged ones: {', '.join(differing[:20])}"
    )


def _session_start(
    session_id: str,
    config: SessionConfig,
    config_toml: str,
    threads: tuple[EvolutionThread, ...],
    generators: Mapping[str, Generator],
    references: ReferenceImages,
    display: m.DisplayConfigured,
    rig: m.RigConfigured,
    found: Report,
) -> SessionStart:
    return SessionStart(
        session_id=session_id,
        subject_id=config.subject.id,
        started_at=wall_time(),
        config_toml=config_toml,
        config_json=config.model_dump_json(),
        seed=config.session.seed,
        time=config.session.time,
        rig_adapter=rig.adapter,
        rig_simulated=rig.simulated,
        display_label=display.label,
        control=config.session.control,
        response_window_s=_response_window(config),
        baseline_window_s=_baseline_window(config),
        baseline_mode=_baseline_mode(config),
        threads=tuple(_thread_info(config, thread, generators, rig) for thread in threads),
        units=tuple(UnitInfo(u.unit_id, u.channel_id, u.label) for u in rig.units),
        references=references,
        versions=_versions(display.versions, rig.versions),
        extra={
            "display": display.model_dump_json(),
            "rig": rig.model_dump_json(),
            "preflight": json.dumps(found.as_json()),
        },
    )


async def _go_on(session: Session, cut_off: CutOff, going_on: GoOn, folder: Path) -> None:
    """Bring a session to where it was cut off, and say so in its log."""
    logbook = session.logbook
    if not logbook.is_open:
        session.progress.message = "telling the optimizers what is in the log"
    differing = await asyncio.to_thread(tell_again, session.threads, cut_off.reader)
    if not logbook.is_open:
        await logbook.opened(await asyncio.to_thread(SessionLog.resume, folder, session.start))
    shown = sum(len(part.presentations.outcome) for part in going_on.earlier)
    await logbook.event(
        "resume",
        f"goes on with block {going_on.block}, of which {shown} presentations were planned before",
    )
    if differing:
        await logbook.event("resume", _other_codes(differing))
    clock = session.recorder.clock
    real = session.config.session.time == "real"
    if real and clock is not None and clock.to_rig(time.monotonic()) < going_on.last_rig_s:
        await logbook.event(
            "resume", "the rig's clock began anew, so responses of the open block are not used"
        )
        going_on = replace(going_on, earlier=without_responses(going_on.earlier, CLOCK_BEGAN_ANEW))
    elif np.isfinite(going_on.last_rig_s):
        session.spikes_from_rig_s = going_on.last_rig_s
    spikes = cut_off.reader.spikes
    session.silent_units.recall(spikes.block, spikes.unit_id, session.unit_ids)
    session.block = going_on.block
    session.next_image_id = going_on.next_image_id
    session.presenter.go_on_counting(_counters(going_on))
    session.going_on = going_on


def _refuse_another_setup(
    start: SessionStart,
    threads: tuple[EvolutionThread, ...],
    generators: Mapping[str, Generator],
    rig: m.RigConfigured,
) -> None:
    for thread in threads:
        generator = generators[thread.generator_name]
        logged = start.threads[thread.thread_id]
        if generator.weights_sha256 != logged.generator_sha256:
            raise SessionRefused(
                f"the generator of thread {thread.thread_id} has other weights than in the log; "
                "restore the weights file that the session began with"
            )
    if [unit.unit_id for unit in rig.units] != [unit.unit_id for unit in start.units]:
        raise SessionRefused(
            "the rig has other units than when the session began; restore the sorting, or start a "
            "new session"
        )


async def _assemble(
    config: SessionConfig,
    start: SessionStart,
    threads: tuple[EvolutionThread, ...],
    generators: Mapping[str, Generator],
    render_s: Mapping[str, float],
    processes: RigProcesses,
    configured: tuple[m.DisplayConfigured, m.RigConfigured],
    logbook: Logbook,
    progress: Progress,
    folder: Path,
    recorder: Recorder | NothingRecorded | None = None,
) -> Session:
    screen = Screen(processes.display, config.display, config.behaviour.waits_s)
    references = start.references
    if len(references.image_ids):
        pixels = np.stack(references.images)
        placements = dict.fromkeys(thread.placement for thread in threads)
        await screen.start_loading(references.image_ids, pixels, placements=placements, keep=True)
        await screen.loaded()

    hears, presenter = await _presenter(
        config, start, processes, configured, screen, logbook, progress, folder, recorder
    )
    return Session(
        config=config,
        start=start,
        threads=threads,
        generators=generators,
        render_s=render_s,
        screen=screen,
        recorder=hears,
        presenter=presenter,
        logbook=logbook,
        rule=ScoringRule(
            _response_window(config), _baseline_window(config), _baseline_mode(config)
        ),
        progress=progress,
        stopwatch=Stopwatch(),
        next_image_id=len(references.image_ids),
    )


async def _presenter(
    config: SessionConfig,
    start: SessionStart,
    processes: RigProcesses,
    configured: tuple[m.DisplayConfigured, m.RigConfigured],
    screen: Screen,
    logbook: Logbook,
    progress: Progress,
    folder: Path,
    recorder: Recorder | NothingRecorded | None,
) -> tuple[Recorder | NothingRecorded, Presenter]:
    """Return what records and what presents; `recorder` is one that goes on, if any does."""
    display, rig = configured
    if processes.through_folders:
        unit_ids = [unit.unit_id for unit in start.units]
        drivers = {
            thread.thread_id: driver_columns(unit_ids, thread.driver_unit_ids).tolist()
            for thread in start.threads
        }
        store = ReplyStore(folder)
        presenter = FolderPresenter(
            config, processes.rig, screen.sha256, store, drivers, progress.set_part
        )
        return NothingRecorded(), presenter
    if not isinstance(recorder, Recorder):
        notes = RecordingNotes(logbook, [unit.unit_id for unit in rig.units])
        recorder = Recorder(processes.rig, notes.gap, notes.step, notes.batch)
        await recorder.start(RECORDING_DEADLINE_S)
    return recorder, BlockPresenter(
        config,
        screen,
        recorder,
        "sync" in rig.capabilities,
        display.waits_for_vertical_blank,
        progress.set_part,
    )


async def _preflight(
    config: SessionConfig,
    threads: tuple[EvolutionThread, ...],
    generators: Mapping[str, Generator],
    render_s: Mapping[str, float],
    display: m.DisplayConfigured,
    rig: m.RigConfigured,
    folder: Path | None,
) -> Report:
    """Return what of pre-flight needs no image to be shown; SessionRefused where that is bad.

    folder: where the log will be; None for a session that goes on, whose log is there.
    """
    machine: list[Finding] = []
    if folder is not None:
        machine += await asyncio.to_thread(
            lambda: list(machine_findings(config, threads, generators, render_s, folder))
        )
    found = report(
        screen_findings(config, display, simulated=rig.simulated),
        unit_findings(config, rig),
        machine,
    )
    require(found)
    return found


def _response_window(config: SessionConfig) -> tuple[float, float] | None:
    window = config.scoring.response_window_s
    return None if window == "as_reported" else window


def _baseline_window(config: SessionConfig) -> tuple[float, float] | None:
    window = config.scoring.baseline_window_s
    return None if window == "none" else window


def _baseline_mode(config: SessionConfig) -> BaselineMode:
    return "none" if config.scoring.baseline_window_s == "none" else config.scoring.baseline


def _thread_info(
    config: SessionConfig,
    thread: EvolutionThread,
    generators: Mapping[str, Generator],
    rig: m.RigConfigured,
) -> ThreadInfo:
    table = config.threads[thread.thread_id]
    generator = generators[thread.generator_name]
    return ThreadInfo(
        thread_id=thread.thread_id,
        name=thread.name,
        optimizer=table.optimizer.kind,
        optimizer_settings_json=table.optimizer.model_dump_json(),
        generator=generator.name,
        generator_sha256=generator.weights_sha256,
        generator_provenance=_provenance(generator, config.generators[table.generator]),
        code_dim=generator.code_dim,
        image_shape=generator.image_shape,
        driver_unit_ids=driver_unit_ids(table, rig.units),
        direction=table.direction,
        position_deg=table.position_deg,
        size_deg=table.size_deg,
    )


def _provenance(generator: Generator, settings: GeneratorSettings) -> str:
    terms = f" License: {settings.terms.rstrip('.')}." if settings.terms else ""
    return generator.provenance + terms


def _references(names: tuple[str, ...], images: npt.NDArray[np.uint8]) -> ReferenceImages:
    return ReferenceImages(
        image_ids=np.arange(len(images), dtype=np.int64),
        names=names,
        sha256s=tuple(image_sha256(image) for image in images),
        images=tuple(images),
    )


def _versions(*reported: Mapping[str, str]) -> dict[str, str]:
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for more in reported:
        versions.update(more)
    commit = _git_commit()
    return {**versions, "git": commit} if commit else versions


def _git_commit() -> str:
    """Return the commit of a source checkout, with "+" where files were changed; else nothing."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return commit + ("+" if _git(here, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=5,
    )
    return done.stdout.strip()
