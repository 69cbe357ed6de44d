"""The loop: one session, one generation after another, for real and simulated rigs alike.

Ask all threads, render, plan one interleaved block, present it, score, commit once, tell all. A
generation is on disk before any optimizer is told of it. Processes, signals and commands are the
daemon's; retries are in `controller.presenting`, outcomes in `controller.block`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.clock import wall_time
from controller.config.tables import SessionConfig
from controller.experiments.blocks import images_of_block
from controller.experiments.evolution import EvolutionThread
from controller.logbook import Logbook
from controller.optimizers.base import Population
from controller.presenting import Presenter, Shown
from controller.progress import Progress
from controller.randomness import Purpose, rng_for
from controller.recorder import NothingRecorded, Recorder
from controller.recording import (
    clock_fit,
    presentation_table,
    reply_table,
    reported_table,
    spike_table,
)
from controller.resume import OTHER_IMAGES, GoOn, same_codes, still_waiting, without_responses
from controller.screen import Screen
from controller.silence import require_heard
from controller.stopwatch import Stopwatch
from generators.base import Generator, render_stream
from sessions.analysis.responses import ScoringRule, score_references, score_thread
from sessions.committed import (
    join_parts,
    join_replies,
    join_reported,
    join_trials,
    trial_table,
)
from sessions.open_block import (
    AskedGeneration,
    FinishedPart,
    OpenedBlock,
    RenderedImages,
    TrialRow,
)
from sessions.records import (
    GenerationRecord,
    PresentationTable,
    ReportedTable,
    SessionStart,
    ThreadGeneration,
)

RENDER_BATCH = 8
"""Images that are rendered before they are sent on their way, while the next ones render."""

SLOW_DISK_S = 0.3
"""How long a commit may take before the operator is told; a healthy disk takes milliseconds."""

KEEP_SPIKES_S = 2.0
"""Recorded spikes that stay in memory after their block."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """What one thread is going to show: its codes, their images and hashes, row by row."""

    population: Population
    images: npt.NDArray[np.uint8]
    sha256s: tuple[str, ...]
    summary: Mapping[str, float]


@dataclass(eq=False)
class Session:
    """All that the loop works with; ids go on counting through the session."""

    config: SessionConfig
    start: SessionStart
    threads: tuple[EvolutionThread, ...]
    generators: Mapping[str, Generator]
    screen: Screen
    recorder: Recorder | NothingRecorded
    presenter: Presenter
    logbook: Logbook
    rule: ScoringRule
    progress: Progress
    stopwatch: Stopwatch
    next_image_id: int
    block: int = 0
    spikes_from_rig_s: float = -np.inf
    going_on: GoOn | None = None
    """Of a session that was cut off: where it goes on; None from its first block on."""

    @property
    def open_block(self) -> bool:
        """Whether a block that was begun before waits for its rest."""
        return self.going_on is not None and self.going_on.interrupted is not None

    @property
    def unit_ids(self) -> list[int]:
        """The rig's units, in the order of the columns of counts."""
        return [unit.unit_id for unit in self.start.units]


async def run_session(session: Session, may_go_on: Callable[[], Awaitable[bool]]) -> None:
    """Run generations until a stopping rule applies or `may_go_on` says no.

    `may_go_on` is asked before every block; it waits as long as the session is paused.

    Raises NothingHeard as soon as that is true of a block.
    """
    session.progress.begin()
    session.progress.outcomes = session.presenter.outcomes
    session.progress.trials = session.presenter.trials
    session.stopwatch.lap()
    while not is_complete(session) and await may_go_on():
        await run_generation(session)


def is_complete(session: Session) -> bool:
    """Whether a stopping rule of the config applies; what was begun is completed in any case."""
    if session.open_block:
        return False
    rule = session.config.stopping
    if rule.max_generations is not None and session.block >= rule.max_generations:
        return True
    minutes = session.progress.running_s() / 60.0
    return rule.max_minutes is not None and minutes >= rule.max_minutes


async def run_generation(session: Session) -> None:
    """Run one generation of every thread, as one block, and commit it."""
    started_host_s, started_wall = time.monotonic(), wall_time()
    going_on, session.going_on = session.going_on, None
    asked = {thread.thread_id: await ask(session, thread, going_on) for thread in session.threads}
    rendered = {
        thread.thread_id: await render(session, thread, *asked[thread.thread_id])
        for thread in session.threads
    }
    with session.stopwatch.measure("load"):
        await session.screen.loaded()
    earlier = await earlier_parts(session, rendered, going_on)
    with session.stopwatch.measure("log"):
        opened = opened_block(session, rendered, started_host_s, started_wall)
        await session.logbook.open_block(opened, images_to_keep(session, rendered))
        for part in earlier:
            session.logbook.fact(part)
    ahead = asyncio.gather(*(asyncio.to_thread(thread.work_ahead) for thread in session.threads))
    try:
        parts = await show(session, rendered, earlier)
    finally:
        await ahead
    presentations, spikes = join_parts(parts)
    reported = join_reported(parts)
    generations = tuple(
        score_generation(session, thread, rendered[thread.thread_id], presentations, reported)
        for thread in session.threads
    )
    record = GenerationRecord(
        block=session.block,
        started_host_s=started_host_s,
        ended_host_s=time.monotonic(),
        started_wall=started_wall,
        ended_wall=wall_time(),
        threads=generations,
        reference_scores=score_references(
            session.start, presentations, session.unit_ids, session.rule, reported
        ),
        presentations=presentations,
        spikes=spikes,
        clock=clock_fit(session.presenter.clock),
        timing=lap(session),
        trials=join_trials(parts),
        reported=reported,
        replies=join_replies(parts),
    )
    await commit(session, record)
    session.block += 1
    await tell(session, generations)
    await report(session, record)


async def ask(
    session: Session, thread: EvolutionThread, going_on: GoOn | None
) -> tuple[Population, Mapping[str, float]]:
    """Ask a thread for its next codes; returns them with the optimizer's figures before.

    In a block that was cut off they are known already, and shown whatever is asked now.
    """
    interrupted = going_on.interrupted if going_on else None
    known = next(
        (a for a in interrupted.opened.threads if a.thread_id == thread.thread_id)
        if interrupted
        else iter(()),
        None,
    )
    first_id = session.next_image_id if known is None else int(known.image_ids[0])
    size = None if known is None else len(known.image_ids)
    with session.stopwatch.measure("optimizer"):
        summary = thread.optimizer.summary()
        population = await asyncio.to_thread(thread.ask, first_id, size)
    if known is None:
        session.next_image_id += len(population.ids)
        return population, summary
    if not same_codes(population, known.image_ids, known.codes):
        await session.logbook.event(
            "resume",
            f"thread {thread.thread_id} asks other codes here than it did before; "
            "the session goes on with those that were logged",
        )
    return Population(known.image_ids, known.codes), known.optimizer_summary


async def render(
    session: Session,
    thread: EvolutionThread,
    population: Population,
    summary: Mapping[str, float],
) -> Rendered:
    """Render a thread's codes; images go on their way while others render."""
    generator = session.generators[thread.generator_name]
    images = np.empty((len(population.ids), *generator.image_shape), np.uint8)
    sha256s: tuple[str, ...] = ()
    stream = iter(render_stream(generator, population.codes, RENDER_BATCH))
    while True:
        with session.stopwatch.measure("render"):
            batch = await asyncio.to_thread(next, stream, None)
        if batch is None:
            return Rendered(population, images, sha256s, summary)
        rows, images[batch[0]] = batch[0], batch[1]
        with session.stopwatch.measure("load"):
            sha256s += await session.screen.start_loading(
                population.ids[rows], images[rows], placements=[thread.placement]
            )


async def earlier_parts(
    session: Session, rendered: Mapping[int, Rendered], going_on: GoOn | None
) -> tuple[FinishedPart, ...]:
    """Return the parts of this block that were shown before the session was cut off.

    Where images come out otherwise on this machine, the responses to the former ones do not count.
    """
    if going_on is None or going_on.interrupted is None:
        return ()
    asked = going_on.interrupted.opened.threads
    others = [a.thread_id for a in asked if rendered[a.thread_id].sha256s != a.image_sha256s]
    if not others:
        return going_on.earlier
    await session.logbook.event(
        "resume",
        f"threads {others} render other images here than before, from the same codes; all images "
        "of the open block are shown again",
    )
    return without_responses(going_on.earlier, OTHER_IMAGES)


def images_to_keep(session: Session, rendered: Mapping[int, Rendered]) -> list[RenderedImages]:
    """Return the pixels that the log is to keep, as the config says."""
    if not session.config.session.store_images:
        return []
    return [RenderedImages(thread_id, shown.images) for thread_id, shown in rendered.items()]


def opened_block(
    session: Session,
    rendered: Mapping[int, Rendered],
    started_host_s: float,
    started_wall: str,
) -> OpenedBlock:
    """Return what the block is about to show, for the journal."""
    threads = tuple(
        AskedGeneration(
            thread_id=thread.thread_id,
            generation=thread.generation,
            image_ids=shown.population.ids,
            codes=shown.population.codes,
            image_sha256s=shown.sha256s,
            optimizer_summary=shown.summary,
        )
        for thread in session.threads
        for shown in (rendered[thread.thread_id],)
    )
    return OpenedBlock(session.block, started_host_s, started_wall, threads)


async def show(
    session: Session, rendered: Mapping[int, Rendered], earlier: Sequence[FinishedPart]
) -> list[FinishedPart]:
    """Show the images of all threads and the references, interleaved; return what was recorded.

    `earlier` are parts of this block that were shown before the session was cut off.
    """
    parts = list(earlier)
    images = images_of_block(
        [
            (thread.thread_id, thread.placement, rendered[thread.thread_id].population.ids.tolist())
            for thread in session.threads
        ],
        session.start.references.image_ids.tolist(),
    )
    waiting = still_waiting(images, earlier, session.config.scoring)
    first_part = 1 + max((part.part for part in earlier), default=-1)
    seed, block = session.config.session.seed, session.block
    rng = rng_for(seed, Purpose.BLOCK_ORDER, thread_id=first_part, number=block)

    def keep(part: int, shown: Sequence[Shown], trials: Sequence[TrialRow]) -> None:
        parts.append(finish_part(session, part, shown, trials))
        session.logbook.part_ended(parts[-1])
        require_heard(block, parts, session.rule)

    with session.stopwatch.measure("present"):
        await session.presenter.present(block, waiting, rng, session.logbook.fact, keep, first_part)
    return parts


def finish_part(
    session: Session, part: int, shown: Sequence[Shown], trials: Sequence[TrialRow]
) -> FinishedPart:
    """Return the rows of a part that is over, with the spikes since the part before."""
    recording = session.recorder.recording
    onsets = [row.onset_rig_s for row in shown if np.isfinite(row.onset_rig_s)]
    through_rig_s = max(onsets, default=session.spikes_from_rig_s)
    through_rig_s += session.presenter.window_span_s[1]
    spikes = spike_table(recording, session.unit_ids, session.spikes_from_rig_s, through_rig_s)
    session.spikes_from_rig_s = through_rig_s
    table = presentation_table(shown, spikes, session.unit_ids, session.rule)
    recording.drop_before(through_rig_s - KEEP_SPIKES_S)
    clock = clock_fit(session.presenter.clock)
    return FinishedPart(
        session.block,
        part,
        table,
        spikes,
        clock,
        trials=trial_table(trials),
        reported=reported_table(shown, len(session.unit_ids)),
        replies=reply_table(shown),
    )


def score_generation(
    session: Session,
    thread: EvolutionThread,
    rendered: Rendered,
    presentations: PresentationTable,
    reported: ReportedTable,
) -> ThreadGeneration:
    """Score a thread's images, and decide what its optimizer will be told."""
    info = session.start.threads[thread.thread_id]
    ids = rendered.population.ids
    scored = score_thread(info, ids, presentations, session.unit_ids, session.rule, reported)
    shuffled = session.config.session.control == "shuffled"
    order = thread.told_order(len(ids), shuffled=shuffled)
    return ThreadGeneration(
        thread_id=thread.thread_id,
        generation=thread.generation,
        image_ids=ids,
        codes=rendered.population.codes,
        image_sha256s=rendered.sha256s,
        images=rendered.images if session.config.session.store_images else None,
        scores=scored.scores,
        told_scores=scored.scores[order],
        n_valid=scored.n_valid,
        optimizer_summary=rendered.summary,
    )


async def commit(session: Session, record: GenerationRecord) -> None:
    """Return when the generation is durable; tells the operator of a disk that takes long."""
    began_s = time.monotonic()
    with session.stopwatch.measure("log"):
        await session.logbook.commit(record)
    waited_s = time.monotonic() - began_s
    if waited_s > SLOW_DISK_S:
        session.progress.message = (
            f"the disk took {waited_s:.1f} s for block {record.block}; the session waits for it"
        )


async def tell(session: Session, generations: Sequence[ThreadGeneration]) -> None:
    """Tell every optimizer its scores; only what is on disk is ever told."""
    shuffled = session.config.session.control == "shuffled"
    with session.stopwatch.measure("optimizer"):
        for thread, told in zip(session.threads, generations, strict=True):
            order = thread.told_order(len(told.image_ids), shuffled=shuffled)
            await asyncio.to_thread(
                thread.optimizer.tell,
                told.image_ids,
                told.codes,
                told.told_scores,
                told.n_valid[order],
            )


def lap(session: Session) -> dict[str, float]:
    """Return where the time since the last record went, in the stages that the log keeps.

    Waiting for other processes is split by what they report: computing of the rig adapter is
    `neuron`; showing is `display` (in virtual time the display's own work, in real time all of the
    time on screen); what is left of the waiting is `wire`.
    """
    stages = session.stopwatch.lap()
    waiting_s = stages.pop("load", 0.0) + stages.pop("present", 0.0)
    neuron_s, session.recorder.busy_s = session.recorder.busy_s, 0.0
    display_s, session.screen.busy_s = session.screen.busy_s, 0.0
    if session.config.session.time == "real":
        stages["display"] = waiting_s
    else:
        stages["neuron"] = min(neuron_s, waiting_s)
        stages["display"] = min(display_s, waiting_s - stages["neuron"])
        stages["wire"] = waiting_s - stages["neuron"] - stages["display"]
    return stages


async def report(session: Session, record: GenerationRecord) -> None:
    """Bring the monitors up to date after a committed generation, and log new advice."""
    session.progress.block_done(session.block)
    for advice in session.progress.told(record, session.threads):
        await session.logbook.event("optimizer", advice)
