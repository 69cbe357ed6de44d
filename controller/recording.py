"""Maps what was shown and recorded to rows of the log; nothing else.

The rig's types say what it saw, the log's what is kept. Both sides match by id.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from controller.presenting import Shown
from rig_adapters.clocks import ClockMap
from rig_adapters.recorded import Recording
from rig_adapters.wire.messages import Presented
from sessions.analysis.responses import ScoringRule, count_spikes
from sessions.records import (
    NO_COUNT,
    ClockFit,
    PresentationTable,
    ReplyTable,
    ReportedTable,
    SpikeTable,
)

NAN = float("nan")


def spike_table(
    recording: Recording, unit_ids: Sequence[int], from_rig_s: float, to_rig_s: float
) -> SpikeTable:
    """Return all spikes of these units and all sync edges recorded in `[from_rig_s, to_rig_s)`."""
    spikes = recording.spikes()
    inside = (spikes.times_rig_s >= from_rig_s) & (spikes.times_rig_s < to_rig_s)
    inside &= np.isin(spikes.unit_ids, unit_ids)
    edges = recording.sync_rig_s()
    return SpikeTable(
        rig_time_s=spikes.times_rig_s[inside],
        unit_id=spikes.unit_ids[inside].astype(np.int64),
        sync_rig_s=edges[(edges >= from_rig_s) & (edges < to_rig_s)],
    )


def presentation_table(
    shown: Sequence[Shown], spikes: SpikeTable, unit_ids: Sequence[int], rule: ScoringRule
) -> PresentationTable:
    """Return the rows of all presentations of a block, with their spike counts.

    Only what was heard has counts: where the recording has a gap they are -1, not 0, also when
    the presentation was late or its trial failed.
    """
    reports = [row.report for row in shown]
    images = [row.planned.image for row in shown]
    onsets = np.array([row.onset_rig_s for row in shown], dtype=np.float64)
    heard = np.array([row.heard for row in shown], dtype=bool)
    response = _counts(spikes, unit_ids, onsets, rule.response_window_s, heard)
    baseline = _counts(spikes, unit_ids, onsets, rule.baseline_window_s, heard)
    return PresentationTable(
        presentation_id=_ints([row.planned.presentation_id for row in shown]),
        trial_id=_ints([row.planned.trial_id for row in shown]),
        part=_ints([row.part for row in shown]),
        attempt=_ints([row.planned.attempt for row in shown]),
        image_id=_ints([image.image_id for image in images]),
        thread_id=_ints([image.thread_id for image in images]),
        x_deg=np.array([image.placement.x_deg for image in images]),
        y_deg=np.array([image.placement.y_deg for image in images]),
        size_deg=np.array([image.placement.size_deg for image in images]),
        on_frames=_ints([row.on_frames for row in shown]),
        off_frames=_ints([row.off_frames for row in shown]),
        flip_on_host_s=_times(reports, "flip_on_host_s"),
        flip_off_host_s=_times(reports, "flip_off_host_s"),
        frames_shown=_ints([report.frames_shown if report else 0 for report in reports]),
        dropped_frames=_ints([report.dropped_frames if report else 0 for report in reports]),
        onset_rig_s=onsets,
        onset_uncertainty_s=np.array([row.onset_uncertainty_s for row in shown], dtype=np.float64),
        sync=tuple(row.sync for row in shown),
        marked_by=tuple(report.marked_by if report else "" for report in reports),
        outcome=tuple(row.outcome for row in shown),
        reason=tuple(row.reason for row in shown),
        shown_sha256=tuple(_shown_sha256(row) for row in shown),
        response_counts=response,
        baseline_counts=baseline,
    )


def reported_table(shown: Sequence[Shown], n_units: int) -> ReportedTable:
    """Return what another program reported of a part; no rows where there was no reply."""
    rows = [(row.planned.presentation_id, row.answer) for row in shown if row.answer is not None]
    return ReportedTable(
        presentation_id=_ints([presentation_id for presentation_id, _ in rows]),
        file=tuple(answer.file for _, answer in rows),
        file_sha256=tuple(answer.file_sha256 for _, answer in rows),
        rates=np.array([answer.rates for _, answer in rows], np.float64).reshape(-1, n_units),
    )


def reply_table(shown: Sequence[Shown]) -> ReplyTable:
    """Return the files in which another program reported of a part: one, or none."""
    replies = {row.answer.reply: row.part for row in shown if row.answer is not None}
    return ReplyTable(
        part=_ints(list(replies.values())),
        folder_block=_ints([reply.folder_block for reply in replies]),
        file=tuple(reply.file for reply in replies),
        sha256=tuple(reply.sha256 for reply in replies),
        n_bytes=_ints([reply.n_bytes for reply in replies]),
        modified_ns=_ints([reply.modified_ns for reply in replies]),
        arrived_wall=tuple(reply.arrived_wall for reply in replies),
    )


def _shown_sha256(row: Shown) -> str:
    """Return the hash of the pixels that were handed to whoever shows them; "" where none were."""
    if row.report is not None:
        return row.report.image_sha256
    return row.answer.image_sha256 if row.answer is not None else ""


def clock_fit(clock: ClockMap | None) -> ClockFit:
    """Return the clock map as the log keeps it."""
    if clock is None:
        return ClockFit(NAN, NAN, NAN, 0)
    return ClockFit(clock.offset_s, clock.drift, clock.residual_s, clock.n_pairs)


def _counts(
    spikes: SpikeTable,
    unit_ids: Sequence[int],
    onsets: npt.NDArray[np.float64],
    window_s: tuple[float, float] | None,
    heard: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int32]:
    if window_s is None:
        return np.full((len(onsets), len(unit_ids)), NO_COUNT, dtype=np.int32)
    counts = count_spikes(spikes.rig_time_s, spikes.unit_id, unit_ids, onsets, window_s)
    counts[~heard] = NO_COUNT
    return counts


def _ints(values: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _times(reports: Sequence[Presented | None], name: str) -> npt.NDArray[np.float64]:
    return np.array([getattr(report, name) if report else NAN for report in reports])
