"""What a log holds, read back: one frozen set of columns for each table.

Field names are the column names of `sessions.schema`, where each is explained with its unit. All
arrays of a table share their first dimension; text columns are arrays of `str`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sessions.records import Codes, Counts, Floats, Ints

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class ImageRows:
    """/images, columns `(n,)`."""

    image_id: Ints
    kind: Strings
    thread_id: Ints
    generation: Ints
    name: Strings
    sha256: Strings
    pixels_dataset: Strings
    pixels_row: Ints


@dataclass(frozen=True, eq=False)
class CodeRows:
    """/codes/thread_<id>, columns `(n,)`; `code` is (n, code_dim)."""

    image_id: Ints
    generation: Ints
    code: Codes


@dataclass(frozen=True, eq=False)
class ScoreRows:
    """/scores, columns `(n,)`."""

    image_id: Ints
    thread_id: Ints
    generation: Ints
    block: Ints
    kind: Strings
    score: Floats
    told_score: Floats
    n_valid: Ints


@dataclass(frozen=True, eq=False)
class PresentationRows:
    """/presentations, columns `(p,)`; counts are (p, u) in the order of /units."""

    presentation_id: Ints
    block: Ints
    trial_id: Ints
    part: Ints
    attempt: Ints
    image_id: Ints
    thread_id: Ints
    x_deg: Floats
    y_deg: Floats
    size_deg: Floats
    on_frames: Ints
    off_frames: Ints
    flip_on_host_s: Floats
    flip_off_host_s: Floats
    frames_shown: Ints
    dropped_frames: Ints
    onset_rig_s: Floats
    onset_uncertainty_s: Floats
    sync: Strings
    marked_by: Strings
    outcome: Strings
    reason: Strings
    shown_sha256: Strings
    response_counts: Counts
    baseline_counts: Counts


@dataclass(frozen=True, eq=False)
class TrialRows:
    """/trials, columns `(t,)`, one row for each time that a fixation spot came on."""

    trial_id: Ints
    block: Ints
    spot_on_host_s: Floats
    acquired_host_s: Floats
    broken_host_s: Floats
    spot_off_host_s: Floats
    completed: Ints
    reward_pulses: Ints
    reward_pulse_s: Floats
    reward_ml: Floats


@dataclass(frozen=True, eq=False)
class ReportedRows:
    """/reported, columns `(k,)`, `rates` (k, u): what a rig reported of presentations in files."""

    presentation_id: Ints
    block: Ints
    file: Strings
    file_sha256: Strings
    rates: Floats


@dataclass(frozen=True, eq=False)
class ReplyRows:
    """/replies, columns `(r,)`: the files in which a rig reported responses."""

    block: Ints
    part: Ints
    folder_block: Ints
    file: Strings
    sha256: Strings
    n_bytes: Ints
    modified_ns: Ints
    arrived_wall: Strings


@dataclass(frozen=True, eq=False)
class SpikeRows:
    """/spikes, columns `(k,)`."""

    rig_time_s: Floats
    unit_id: Ints
    block: Ints


@dataclass(frozen=True, eq=False)
class SyncRows:
    """/sync, columns `(m,)`."""

    rig_time_s: Floats
    block: Ints


@dataclass(frozen=True, eq=False)
class GenerationRows:
    """/generations, columns `(g,)`, one row for each thread and generation."""

    thread_id: Ints
    generation: Ints
    block: Ints
    n_images: Ints
    n_scored: Ints
    score_mean: Floats
    score_sem: Floats
    score_max: Floats
    reference_mean: Floats
    reference_sem: Floats
    started_host_s: Floats
    ended_host_s: Floats
    started_wall: Strings
    ended_wall: Strings
    sigma: Floats
    mean_norm: Floats
    code_norm: Floats
    render_first_s: Floats
    render_p50_s: Floats
    render_p99_s: Floats
    optimizer_summary_json: Strings


@dataclass(frozen=True, eq=False)
class ClockRows:
    """/clock, columns `(b,)`, one row for each block."""

    block: Ints
    offset_s: Floats
    drift: Floats
    residual_s: Floats
    n_pairs: Ints


@dataclass(frozen=True, eq=False)
class TimingRows:
    """/timing, columns `(b,)` in seconds, one row for each block."""

    block: Ints
    optimizer: Floats
    render: Floats
    neuron: Floats
    display: Floats
    wire: Floats
    log: Floats
    other: Floats
    total: Floats


@dataclass(frozen=True, eq=False)
class EventRows:
    """/events, columns `(e,)`."""

    host_time_s: Floats
    wall_time: Strings
    kind: Strings
    text: Strings


@dataclass(frozen=True, eq=False)
class BlockRows:
    """What one block added to each table; `code_ids` are the image ids of the codes, by thread."""

    block: int
    images: ImageRows
    scores: ScoreRows
    presentations: PresentationRows
    spikes: SpikeRows
    sync: SyncRows
    generations: GenerationRows
    clock: ClockRows
    reported: ReportedRows
    replies: ReplyRows
    code_ids: Mapping[int, Ints]
