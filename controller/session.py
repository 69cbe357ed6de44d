"""The loop: one session, one generation after another, for real and simulated rigs alike.

Ask all threads, render, plan one interleaved block, present it, score, commit once, tell all. A
generation is on disk before any optimizer is told of it. Processes, signals and commands are the
daemon's; retries are in `controller.presenting`, outcomes in `controller.block`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import numpy as np

from controller.clock import wall_time
from controller.config.checks import in_one_process
from controller.experiments.evolution import EvolutionThread
from controller.optimizers.base import Population
from controller.recording import (
    clock_fit,
)
from controller.resume import GoOn, same_codes
from controller.running import Rendered, Session
from controller.showing import earlier_parts, images_to_keep, opened_block, show
from generators.base import render_stream
from generators.pacing import in_tens, portions
from sessions.analysis.responses import score_references, score_thread
from sessions.committed import (
    join_parts,
    join_replies,
    join_reported,
    join_trials,
)
from sessions.records import (
    GenerationRecord,
    PresentationTable,
    RenderTimes,
    ReportedTable,
    ThreadGeneration,
)

SLOW_DISK_S = 0.3
"""How long a commit may take before the operator is told; a healthy disk takes milliseconds."""


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
    n = len(population.ids)
    plan = in_tens if in_one_process(session.config) else portions
    sizes = plan(n, session.render_s[thread.generator_name])
    stream = iter(render_stream(generator, population.codes, sizes))
    each_s: list[float] = []
    for size in sizes:
        before_s = time.perf_counter()
        with session.stopwatch.measure("render"):
            rows, images[rows] = await asyncio.to_thread(next, stream)
        each_s += [(time.perf_counter() - before_s) / size] * size
        with session.stopwatch.measure("load"):
            sha256s += await session.screen.start_loading(
                population.ids[rows], images[rows], placements=[thread.placement]
            )
    return Rendered(population, images, sha256s, summary, _render_times(each_s))


def _render_times(each_s: Sequence[float]) -> RenderTimes:
    """Return the figures of the log; `each_s` of each image, in the order of rendering."""
    p50_s, p99_s = np.quantile(each_s, (0.5, 0.99))
    return RenderTimes(each_s[0], float(p50_s), float(p99_s))


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
        render_times=rendered.times,
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
    A simulated rig of this process computes while others render; it has as much of the waiting as
    it computed at most, so that the display is told too little rather than too much.
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
    """Bring the monitors up to date after a committed generation, and log what is to be told."""
    session.progress.block_done(session.block)
    for advice in session.progress.told(record, session.threads):
        await session.logbook.event("optimizer", advice)
    fired = record.spikes.unit_id
    for told in session.silent_units.told(record.block, fired, session.unit_ids):
        await session.logbook.event("silent unit", told)
