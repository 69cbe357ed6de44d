"""What is known of a block before it is committed: facts, one frozen record for each.

They are journalled as they happen, so that a crash loses nothing of what the animal saw. When the
block is committed they have served their purpose. Nothing here reads or writes files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sessions.records import (
    ClockFit,
    Codes,
    Floats,
    Ints,
    PresentationTable,
    SpikeTable,
    Texts,
)


@dataclass(frozen=True, eq=False)
class AskedGeneration:
    """The codes that a thread is about to show: `image_ids` (n,), `codes` (n, code_dim)."""

    thread_id: int
    generation: int
    image_ids: Ints
    codes: Codes
    image_sha256s: Texts
    optimizer_summary: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class OpenedBlock:
    """A block is about to be shown."""

    block: int
    started_host_s: float
    started_wall: str
    threads: tuple[AskedGeneration, ...]


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
    """One part of the block with its outcomes and counts, and all spikes of the block so far."""

    block: int
    part: int
    presentations: PresentationTable
    spikes: SpikeTable
    clock: ClockFit
