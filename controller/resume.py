"""Going on with a session that was cut off: what is known, told to the optimizers again.

The log is the truth and an optimizer its cache: each committed generation is asked and told anew,
and what is asked must be what was logged, bit for bit. Where this machine computes otherwise, it is
said, and the session goes on from the logged codes. The block that was open is completed: what had
its response keeps it and the rest is shown again, or all of it is, as the config says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from controller.config.tables import DisplayTable, ScoringTable, SessionConfig
from controller.experiments.blocks import ImageToShow
from controller.experiments.evolution import EvolutionThread
from controller.optimizers.base import Population
from sessions.committed import trial_table
from sessions.open_block import AskedGeneration, FinishedPart, PlannedRow, PresentedRow
from sessions.reader import LogReader
from sessions.records import (
    NO_COUNT,
    ClockFit,
    Codes,
    Floats,
    Ints,
    Lineage,
    PresentationTable,
    SpikeTable,
    Texts,
)
from sessions.recover import CutOff, InterruptedBlock
from sessions.replay import read_record

VIRTUAL_PAUSE_S = 10.0
"""How long a virtual clock is taken to have gone on while nothing ran."""

CUT_OFF_BEFORE = "the session was cut off before its end was reported"
CUT_OFF_AFTER = "the session was cut off before its spikes were in"
CLOCK_BEGAN_ANEW = "the session was cut off, and the rig's clock began anew"
OTHER_IMAGES = "the session was cut off, and its images come out otherwise on this machine"
SHOWN_WRONGLY = "other pixels were shown than were sent for this image"
SET_ASIDE = "the session was cut off within the block, and the whole block was shown again"

_NAN = float("nan")
_Key = tuple[int, float, float, float]
"""An image at a place."""


@dataclass(frozen=True, eq=False)
class GoOn:
    """Where a session goes on, and with what of the block that was open."""

    block: int
    next_image_id: int
    next_presentation_id: int
    next_trial_id: int
    parts_planned: int
    """Parts of all blocks that were ever planned."""
    last_host_s: float
    last_rig_s: float
    interrupted: InterruptedBlock | None
    earlier: tuple[FinishedPart, ...]
    """Parts of the open block that were shown before, the one that was cut off included."""

    @property
    def virtual_start_s(self) -> float:
        """Where a virtual clock goes on."""
        return float(np.ceil(max(0.0, self.last_host_s))) + VIRTUAL_PAUSE_S


def where_to_go_on(cut_off: CutOff, config: SessionConfig) -> GoOn:
    """Return where the session stands; ids and clocks go on from all that was ever used."""
    reader, interrupted = cut_off.reader, cut_off.interrupted
    earlier = _earlier_parts(interrupted, reader, config.display) if interrupted else ()
    if config.scoring.interrupted_block == "show_whole":
        earlier = tuple(_set_aside(part) for part in earlier)
    tables = [part.presentations for part in earlier]
    shown = reader.presentations
    images = [reader.images.image_id, *(a.image_ids for a in _asked(interrupted))]
    flips = [shown.flip_off_host_s, *(table.flip_off_host_s for table in tables)]
    # What a new recording holds of an old window would be counted twice.
    windows = (reader.rule.response_window_s, reader.rule.baseline_window_s)
    window_end_s = max((window[1] for window in windows if window is not None), default=0.0)
    ends = [shown.onset_rig_s, *(table.onset_rig_s for table in tables)]
    spikes = [reader.spikes.rig_time_s, *(part.spikes.rig_time_s for part in earlier)]
    presentations = [shown.presentation_id, *(table.presentation_id for table in tables)]
    trials = [shown.trial_id, *(table.trial_id for table in tables)]
    begun = where_a_branch_begins(reader.start.lineage, 0)
    return GoOn(
        block=reader.generations_committed,
        next_image_id=max(begun.next_image_id, _next_id(images)),
        next_presentation_id=max(begun.next_presentation_id, _next_id(presentations)),
        next_trial_id=max(begun.next_trial_id, _next_id(trials)),
        parts_planned=begun.parts_planned
        + len(set(zip(shown.block.tolist(), shown.part.tolist(), strict=True)))
        + len(earlier),
        last_host_s=max(begun.last_host_s, _latest(flips)),
        last_rig_s=max(_latest(spikes), _latest(ends) + window_end_s),
        interrupted=interrupted,
        earlier=earlier,
    )


def where_a_branch_begins(lineage: Lineage | None, n_references: int) -> GoOn:
    """Return where ids and clocks of a branch go on; from nothing where there is no lineage."""
    return GoOn(
        block=0,
        next_image_id=max(n_references, lineage.next_image_id if lineage else 0),
        next_presentation_id=lineage.next_presentation_id if lineage else 0,
        next_trial_id=lineage.next_trial_id if lineage else 0,
        parts_planned=lineage.parts_planned if lineage else 0,
        last_host_s=lineage.last_host_s if lineage else 0.0,
        last_rig_s=float("nan"),
        interrupted=None,
        earlier=(),
    )


def tell_again(threads: Sequence[EvolutionThread], reader: LogReader) -> list[str]:
    """Tell the optimizers every committed generation; return where they asked other codes."""
    differing = []
    shuffled = reader.start.control == "shuffled"
    for block in range(reader.generations_committed):
        record = read_record(reader, block, with_pixels=False)
        for thread, told in zip(threads, record.threads, strict=True):
            asked = thread.ask(int(told.image_ids[0]), len(told.image_ids))
            if not same_codes(asked, told.image_ids, told.codes):
                differing.append(f"thread {thread.thread_id}, generation {told.generation}")
            order = thread.told_order(len(told.image_ids), shuffled=shuffled)
            thread.optimizer.tell(told.image_ids, told.codes, told.told_scores, told.n_valid[order])
    return differing


def same_codes(asked: Population, image_ids: Ints, codes: Codes) -> bool:
    """Whether an optimizer asks for exactly these ids and codes."""
    return np.array_equal(asked.ids, image_ids) and np.array_equal(asked.codes, codes)


def still_waiting(
    images: Sequence[ImageToShow], earlier: Sequence[FinishedPart], scoring: ScoringTable
) -> list[tuple[ImageToShow, int]]:
    """Return each image once for every response that it still needs, with its attempts so far.

    `earlier` are the parts of this block that were shown before; where the whole block is shown
    anew they make no difference.
    """
    keys = [
        _key(i.image_id, i.placement.x_deg, i.placement.y_deg, i.placement.size_deg) for i in images
    ]
    open_attempts = {key: [0] * scoring.repeats for key in keys}
    for part in earlier if scoring.interrupted_block == "show_missing" else ():
        _follow(part, open_attempts, scoring.attempts)
    return [
        (image, attempt)
        for image, key in zip(images, keys, strict=True)
        for attempt in open_attempts[key]
    ]


def _follow(part: FinishedPart, open_attempts: Mapping[_Key, list[int]], max_attempts: int) -> None:
    """Take what a part showed from the attempts that were due, and add those due after it."""
    table = part.presentations
    keys = zip(table.image_id, table.x_deg, table.y_deg, table.size_deg, strict=True)
    for key, attempt, outcome in zip(keys, table.attempt.tolist(), table.outcome, strict=True):
        due = open_attempts.get(_key(*key), [])
        if attempt in due:
            due.remove(attempt)
        following = attempt if part.cut_off else attempt + 1
        if outcome != "completed" and following < max_attempts:
            due.append(following)


def _key(image_id: int, x_deg: float, y_deg: float, size_deg: float) -> _Key:
    return int(image_id), float(x_deg), float(y_deg), float(size_deg)


def _set_aside(part: FinishedPart) -> FinishedPart:
    """Return a part whose responses are kept in the log, but belong to no score."""
    table = part.presentations
    completed = [outcome == "completed" for outcome in table.outcome]
    return replace(
        part,
        presentations=replace(
            table,
            outcome=_where(completed, "set_aside", table.outcome),
            reason=_where(completed, SET_ASIDE, table.reason),
        ),
    )


def _where(chosen: Sequence[bool], text: str, otherwise: Texts) -> Texts:
    return tuple(text if mine else old for mine, old in zip(chosen, otherwise, strict=True))


def without_responses(parts: Sequence[FinishedPart], reason: str) -> tuple[FinishedPart, ...]:
    """Return parts whose responses cannot be used, for a reason that the log is told."""
    return tuple(_without_responses(part, reason) for part in parts)


def _without_responses(part: FinishedPart, reason: str) -> FinishedPart:
    table = part.presentations
    lost = [outcome in ("completed", "set_aside") for outcome in table.outcome]
    return FinishedPart(
        block=part.block,
        part=part.part,
        presentations=replace(
            table,
            outcome=_where(lost, "not_heard", table.outcome),
            reason=_where(lost, reason, table.reason),
            onset_rig_s=np.full_like(table.onset_rig_s, np.nan),
            onset_uncertainty_s=np.full_like(table.onset_rig_s, np.nan),
            sync=("none",) * len(table.sync),
            response_counts=np.full_like(table.response_counts, NO_COUNT),
            baseline_counts=np.full_like(table.baseline_counts, NO_COUNT),
        ),
        spikes=_no_spikes(),
        clock=part.clock,
        cut_off=True,
        trials=part.trials,
    )


def _asked(interrupted: InterruptedBlock | None) -> tuple[AskedGeneration, ...]:
    return interrupted.opened.threads if interrupted else ()


def _earlier_parts(
    interrupted: InterruptedBlock, reader: LogReader, display: DisplayTable
) -> tuple[FinishedPart, ...]:
    planned = interrupted.planned
    if planned is None:
        return interrupted.finished
    rows = planned.rows
    reports = [interrupted.presented.get(row.presentation_id) for row in rows]
    sent = dict(zip(reader.images.image_id.tolist(), reader.images.sha256.tolist(), strict=True))
    for asked in interrupted.opened.threads:
        sent.update(zip(asked.image_ids.tolist(), asked.image_sha256s, strict=True))
    wrong = [
        report is not None and report.image_sha256 != sent[row.image_id]
        for row, report in zip(rows, reports, strict=True)
    ]
    table = _cut_off_table(rows, reports, planned.part, len(reader.units), display)
    cut_off = FinishedPart(
        block=planned.block,
        part=planned.part,
        presentations=replace(
            table,
            outcome=_where(wrong, "wrong_image", table.outcome),
            reason=_where(wrong, SHOWN_WRONGLY, table.reason),
        ),
        spikes=_no_spikes(),
        clock=ClockFit(_NAN, _NAN, _NAN, 0),
        cut_off=True,
        trials=trial_table(interrupted.trials),
    )
    return (*interrupted.finished, cut_off)


def _cut_off_table(
    rows: Sequence[PlannedRow],
    reports: Sequence[PresentedRow | None],
    part: int,
    n_units: int,
    display: DisplayTable,
) -> PresentationTable:
    p = len(rows)
    none = np.full((p, n_units), NO_COUNT, dtype=np.int32)
    return PresentationTable(
        presentation_id=np.array([row.presentation_id for row in rows]),
        trial_id=np.array([row.trial_id for row in rows]),
        part=np.full(p, part),
        attempt=np.array([row.attempt for row in rows]),
        image_id=np.array([row.image_id for row in rows]),
        thread_id=np.array([row.thread_id for row in rows]),
        x_deg=np.array([row.x_deg for row in rows]),
        y_deg=np.array([row.y_deg for row in rows]),
        size_deg=np.array([row.size_deg for row in rows]),
        on_frames=np.full(p, display.on_frames),
        off_frames=np.full(p, display.off_frames),
        flip_on_host_s=np.array([r.flip_on_host_s if r else _NAN for r in reports]),
        flip_off_host_s=np.array([r.flip_off_host_s if r else _NAN for r in reports]),
        frames_shown=np.array([r.frames_shown if r else 0 for r in reports]),
        dropped_frames=np.array([r.dropped_frames if r else 0 for r in reports]),
        onset_rig_s=np.full(p, _NAN),
        onset_uncertainty_s=np.full(p, _NAN),
        sync=("none",) * p,
        marked_by=tuple(r.marked_by if r else "" for r in reports),
        outcome=tuple("not_heard" if r else "not_shown" for r in reports),
        reason=tuple(CUT_OFF_AFTER if r else CUT_OFF_BEFORE for r in reports),
        shown_sha256=tuple(r.image_sha256 if r else "" for r in reports),
        response_counts=none,
        baseline_counts=none,
    )


def _no_spikes() -> SpikeTable:
    return SpikeTable(np.zeros(0), np.zeros(0, np.int64), np.zeros(0))


def _next_id(columns: Sequence[Ints]) -> int:
    return 1 + max((int(column.max()) for column in columns if len(column)), default=-1)


def _latest(columns: Sequence[Floats]) -> float:
    known = [float(np.nanmax(column)) for column in columns if np.isfinite(column).any()]
    return max(known, default=0.0)
