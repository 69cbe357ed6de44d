"""What is journalled of a block: facts, one frozen record for each.

They are journalled as they happen, so that a crash loses nothing of what the animal saw. The last
one, `CommittedBlock`, makes them a generation (`sessions.committed`). When the generation is in the
log they have served their purpose. Nothing here reads or writes files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sessions.records import (
    ClockFit,
    Codes,
    Event,
    Floats,
    Ints,
    Pixels,
    PresentationTable,
    ReferenceScores,
    RenderTimes,
    ReplyTable,
    ReportedTable,
    SpikeTable,
    Texts,
    TrialTable,
    no_replies,
    no_reported,
    no_trials,
)


@dataclass(frozen=True)
class NumberedEvent:
    """Something that happened beside the blocks; `number` counts the session's events from 0."""

    number: int
    event: Event


@dataclass(frozen=True, eq=False)
class AskedGeneration:
    """The codes that a thread is about to show: `image_ids` (n,), `codes` (n, code_dim)."""

    thread_id: int
    generation: int
    image_ids: Ints
    codes: Codes
    image_sha256s: Texts
    optimizer_summary: Mapping[str, float]
    render_times: RenderTimes = field(default_factory=RenderTimes)


@dataclass(frozen=True, eq=False)
class OpenedBlock:
    """A block is about to be shown; where one is opened again, the later one counts."""

    block: int
    started_host_s: float
    started_wall: str
    threads: tuple[AskedGeneration, ...]


@dataclass(frozen=True, eq=False)
class RenderedImages:
    """The pixels `(n, h, w, 3)` of a thread's codes, where the log keeps them."""

    thread_id: int
    images: Pixels


@dataclass(frozen=True)
class PlannedRow:
    """One presentation that is about to be shown; `thread_id` is -1 for a reference image."""

    presentation_id: int
    trial_id: int
    attempt: int
    image_id: int
    thread_id: int
    x_deg: float
    y_deg: float
    size_deg: float


@dataclass(frozen=True)
class PlannedPart:
    """The presentations that one part of the block is about to show, in their order."""

    block: int
    part: int
    rows: tuple[PlannedRow, ...]


@dataclass(frozen=True)
class PresentedRow:
    """One presentation is over, as the stimulus process reported it."""

    presentation_id: int
    image_sha256: str
    flip_on_host_s: float
    flip_off_host_s: float
    frames_shown: int
    dropped_frames: int
    marked_by: str = "none"


@dataclass(frozen=True)
class TrialRow:
    """One time that a fixation spot came on, as the stimulus process reported it; NaN: never."""

    trial_id: int
    spot_on_host_s: float
    acquired_host_s: float
    broken_host_s: float
    spot_off_host_s: float
    completed: int
    reward_pulses: int
    reward_pulse_s: float
    reward_ml: float


@dataclass(frozen=True, eq=False)
class ReceivedSpikes:
    """One batch from the rig, `[from_rig_s, through_rig_s)`, as it came.

    `spike_rig_s` (k,), `spike_unit_ids` (k,), `sync_rig_s` (m,), `fixation_broken_rig_s` (b,).
    """

    sequence: int
    from_rig_s: float
    through_rig_s: float
    spike_rig_s: Floats
    spike_unit_ids: Ints
    sync_rig_s: Floats
    fixation_broken_rig_s: Floats
    clock_host_s: float
    clock_rig_s: float


@dataclass(frozen=True, eq=False)
class FinishedPart:
    """One part of the block with its outcomes, counts and spikes; of each part, the last counts.

    `cut_off`: the session ended within it, or lost its responses; what did not complete in it says
    nothing about the animal and was no attempt.
    """

    block: int
    part: int
    presentations: PresentationTable
    spikes: SpikeTable
    clock: ClockFit
    cut_off: bool = False
    trials: TrialTable = field(default_factory=no_trials)
    reported: ReportedTable = field(default_factory=no_reported)
    replies: ReplyTable = field(default_factory=no_replies)


@dataclass(frozen=True, eq=False)
class ScoredThread:
    """What a thread's images scored, row by row as they were asked; as in `ThreadGeneration`."""

    thread_id: int
    scores: Floats
    told_scores: Floats
    n_valid: Ints


@dataclass(frozen=True, eq=False)
class CommittedBlock:
    """The block is over and its generation holds: all of it that no other fact says."""

    block: int
    started_host_s: float
    ended_host_s: float
    started_wall: str
    ended_wall: str
    threads: tuple[ScoredThread, ...]
    reference_scores: ReferenceScores
    clock: ClockFit
    timing: Mapping[str, float]
