"""Shows one block of a session: what it is about to show, part after part, and what was recorded.

Which images are shown again is decided in `controller.presenting`; scoring in `controller.session`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from controller.experiments.blocks import images_of_block
from controller.presenting import Shown
from controller.randomness import Purpose, rng_for
from controller.recording import (
    clock_fit,
    presentation_table,
    reply_table,
    reported_table,
    spike_table,
)
from controller.resume import OTHER_IMAGES, GoOn, still_waiting, without_responses
from controller.running import Rendered, Session
from controller.silence import require_heard
from sessions.committed import trial_table
from sessions.open_block import (
    AskedGeneration,
    FinishedPart,
    OpenedBlock,
    RenderedImages,
    TrialRow,
)

KEEP_SPIKES_S = 2.0
"""Recorded spikes that stay in memory after their block."""


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
            render_times=shown.times,
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
    number = block + session.first_generation
    rng = rng_for(seed, Purpose.BLOCK_ORDER, thread_id=first_part, number=number)

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
