"""Maps what the rig and the plan say to the facts that are journalled of the open block."""

import math
from collections.abc import Sequence

import numpy as np

from controller.experiments.blocks import Planned
from rig_adapters.wire.messages import Presented, SpikesRecorded, TrialEnded
from sessions.open_block import PlannedPart, PlannedRow, PresentedRow, ReceivedSpikes, TrialRow


def planned_part(block: int, part: int, planned: Sequence[Planned]) -> PlannedPart:
    """Return the part that is about to be shown."""
    rows = tuple(
        PlannedRow(
            presentation_id=row.presentation_id,
            trial_id=row.trial_id,
            attempt=row.attempt,
            image_id=row.image.image_id,
            thread_id=row.image.thread_id,
            x_deg=row.image.placement.x_deg,
            y_deg=row.image.placement.y_deg,
            size_deg=row.image.placement.size_deg,
        )
        for row in planned
    )
    return PlannedPart(block, part, rows)


def presented_row(report: Presented) -> PresentedRow:
    """Return one presentation that is over."""
    return PresentedRow(
        presentation_id=report.presentation_id,
        image_sha256=report.image_sha256,
        flip_on_host_s=report.flip_on_host_s,
        flip_off_host_s=report.flip_off_host_s,
        frames_shown=report.frames_shown,
        dropped_frames=report.dropped_frames,
        marked_by=report.marked_by,
    )


def trial_row(report: TrialEnded) -> TrialRow:
    """Return one time that a fixation spot came on."""
    acquired, broken = report.acquired_host_s, report.broken_host_s
    return TrialRow(
        trial_id=report.trial_id,
        spot_on_host_s=report.spot_on_host_s,
        acquired_host_s=math.nan if acquired is None else acquired,
        broken_host_s=math.nan if broken is None else broken,
        spot_off_host_s=report.spot_off_host_s,
        completed=int(report.completed),
        reward_pulses=report.reward_pulses,
        reward_pulse_s=report.reward_pulse_s,
        reward_ml=report.reward_ml,
    )


def received_spikes(batch: SpikesRecorded) -> ReceivedSpikes:
    """Return one batch of the rig."""
    return ReceivedSpikes(
        sequence=batch.sequence,
        from_rig_s=batch.from_rig_s,
        through_rig_s=batch.through_rig_s,
        spike_rig_s=batch.spike_rig_s,
        spike_unit_ids=batch.spike_unit_ids.astype(np.int64),
        sync_rig_s=batch.sync_rig_s,
        fixation_broken_rig_s=batch.fixation_broken_rig_s,
        clock_host_s=batch.clock_host_s,
        clock_rig_s=batch.clock_rig_s,
    )
