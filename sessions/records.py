"""What a session log keeps, as frozen values: one for each thing that is written at once.

A record is complete in itself, so the same value can be journalled first and stored afterwards.
Arrays are columns, every id is an int64, and rows of different tables match by id. What a rig or
an optimizer hands out are other types; mapping them to these is the caller's work. Nothing here
reads or writes files, and nothing here interprets the numbers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sessions.errors import RecordError

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Texts = tuple[str, ...]
Window = tuple[float, float]

BaselineMode = Literal["none", "presentation", "block"]
Control = Literal["none", "shuffled"]
Direction = Literal["maximise", "minimise"]
ExitStatus = Literal["success", "abort", "fail"]

OUTCOMES = (
    "completed",
    "failed_trial",
    "late",
    "not_heard",
    "not_shown",
    "wrong_image",
    "set_aside",
)
"""How one presentation can end; only a completed one counts towards a score."""

CLOCK_STEPPED = "the rig's clock stepped by"
"""How the reason begins of what was being shown while the rig's clock stepped."""

SYNCS = ("photodiode", "clock", "none")
"""Where `onset_rig_s` comes from: an edge that the rig saw, the clock fit, or nowhere (NaN)."""

MARKS = ("none", "photodiode", "ttl", "photodiode+ttl")
"""What the stimulus process gave the recorder to see an onset by."""

NO_THREAD = -1
"""`thread_id` of a reference image; also `generation` of one."""

NO_COUNT = -1
"""Spike count where none exists, because nothing was heard or no window is defined."""

TIMING_STAGES = ("optimizer", "render", "neuron", "display", "wire", "log", "other", "total")
"""Keys of `GenerationRecord.timing`; a stage left out is stored as NaN."""


def image_sha256(image: Pixels) -> str:
    """Hex SHA-256 of the C-contiguous uint8 `(h, w, 3)` bytes of one image."""
    return hashlib.sha256(np.ascontiguousarray(image, dtype=np.uint8).tobytes()).hexdigest()


@dataclass(frozen=True)
class ThreadInfo:
    """One evolution thread as configured; `image_shape` is (h, w, 3), position is (x, y)."""

    thread_id: int
    name: str
    optimizer: str
    optimizer_settings_json: str
    generator: str
    generator_sha256: str
    generator_provenance: str
    code_dim: int
    image_shape: tuple[int, int, int]
    driver_unit_ids: tuple[int, ...]
    direction: Direction
    position_deg: tuple[float, float]
    size_deg: float


@dataclass(frozen=True)
class UnitInfo:
    """One recorded unit; the order of units in `SessionStart` is the column order of counts."""

    unit_id: int
    channel_id: int
    label: str


@dataclass(frozen=True, eq=False)
class ReferenceImages:
    """The fixed images `r` shown for comparison; each of `images` is (h, w, 3) uint8."""

    image_ids: Ints
    names: Texts
    sha256s: Texts
    images: tuple[Pixels, ...]

    def __post_init__(self) -> None:
        _same_rows(self, ("image_ids", "names", "sha256s", "images"))


@dataclass(frozen=True, eq=False)
class InheritedThread:
    """What the optimizer of one thread of a branch had been told before: `k` codes, oldest first.

    `codes` (k, code_dim); `told_scores` and `n_valid` (k,) as they were told. `optimizer_json` is
    the table of the config by which it was built. `from_first_codes`: it was not the optimizer that
    asked the first of them, so it starts from those instead of what its config says.
    """

    thread_id: int
    optimizer_json: str
    from_first_codes: bool
    image_id: Ints
    generation: Ints
    codes: Codes
    told_scores: Floats
    n_valid: Ints

    def __post_init__(self) -> None:
        _same_rows(self, ("image_id", "generation", "codes", "told_scores", "n_valid"))


@dataclass(frozen=True, eq=False)
class Lineage:
    """Where a branch comes from: its first generation is `generation` of session `session_id`.

    `sha256` is the fingerprint of what that session had committed (`sessions.fingerprint`). Ids go
    on counting from those given, and a virtual clock from `last_host_s`.
    """

    session_id: str
    generation: int
    sha256: str
    next_image_id: int
    next_presentation_id: int
    next_trial_id: int
    parts_planned: int
    last_host_s: float
    threads: tuple[InheritedThread, ...]


@dataclass(frozen=True, eq=False)
class SessionStart:
    """All that is known before the first presentation.

    `started_at` is ISO 8601 with its zone. Windows are half-open (a, b) in seconds from stimulus
    onset; `response_window_s` is None where the rig counts by itself and reports rates;
    `baseline_window_s` is None exactly when `baseline_mode` is "none". `extra` maps a short
    name to JSON text (display settings, clock settings).
    """

    session_id: str
    subject_id: str
    started_at: str
    config_toml: str
    config_json: str
    seed: int
    time: Literal["real", "virtual"]
    rig_adapter: str
    rig_simulated: bool
    display_label: str
    control: Control
    response_window_s: Window | None
    baseline_window_s: Window | None
    baseline_mode: BaselineMode
    threads: tuple[ThreadInfo, ...]
    units: tuple[UnitInfo, ...]
    references: ReferenceImages
    versions: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    lineage: Lineage | None = None


@dataclass(frozen=True)
class RenderTimes:
    """How long a generation's images took to render: until the first was ready, and each.

    `p50_s` and `p99_s` are quantiles over its images. NaN where nothing was measured.
    """

    first_s: float = math.nan
    p50_s: float = math.nan
    p99_s: float = math.nan


@dataclass(frozen=True, eq=False)
class ThreadGeneration:
    """One generation of one thread: `n` images made from `n` codes, and what they scored.

    `codes` (n, code_dim); `images` (n, h, w, 3), or None where the config keeps hashes only;
    `scores` (n,) in spikes/s, NaN where nothing was heard; `told_scores` (n,) as handed to the
    optimizer (a permutation of `scores` in a shuffled control); `n_valid` (n,) completed
    presentations behind each score. `optimizer_summary` holds named numbers after the tell before
    this generation was asked, such as "sigma", "mean_norm" and "code_norm".
    """

    thread_id: int
    generation: int
    image_ids: Ints
    codes: Codes
    image_sha256s: Texts
    images: Pixels | None
    scores: Floats
    told_scores: Floats
    n_valid: Ints
    optimizer_summary: Mapping[str, float] = field(default_factory=dict)
    render_times: RenderTimes = field(default_factory=RenderTimes)

    def __post_init__(self) -> None:
        columns = ["image_ids", "codes", "image_sha256s", "scores", "told_scores", "n_valid"]
        _same_rows(self, (*columns, *([] if self.images is None else ["images"])))


@dataclass(frozen=True, eq=False)
class ReferenceScores:
    """Scores of reference images in one block, one row for each image and thread.

    Scored with the driver units of thread `thread_id`, over the completed presentations of that
    image in the block that were shown at the place and size of that thread (equal `x_deg`,
    `y_deg`, `size_deg`); threads at one place share presentations.
    """

    image_id: Ints
    thread_id: Ints
    score: Floats
    n_valid: Ints

    def __post_init__(self) -> None:
        _same_rows(self)


@dataclass(frozen=True, eq=False)
class PresentationTable:
    """Every presentation of a block that was planned, in planned order: `p` rows, `u` units.

    Text columns are tuples of `p` strings: `outcome` one of `OUTCOMES`, `reason` why it is not
    completed in words ("" where it is), `sync` one of `SYNCS`, `marked_by` one of `MARKS` ("" when
    never shown), `shown_sha256` the hash of the pixels handed to the screen ("" when never shown).
    `thread_id` is -1 for a reference. `part` numbers the rounds of re-showing inside the block,
    `attempt` the attempts at this image, both from 0. `on_frames` and `off_frames` are planned,
    `frames_shown` and `dropped_frames` measured.
    Flips are host times, NaN when never shown; `onset_rig_s` is NaN when unknown, and is within
    `onset_uncertainty_s` of the truth in 95 of 100 cases.
    `response_counts` and `baseline_counts` are (p, u) in the order of `SessionStart.units`, -1
    where there is no count.
    """

    presentation_id: Ints
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
    sync: Texts
    marked_by: Texts
    outcome: Texts
    reason: Texts
    shown_sha256: Texts
    response_counts: Counts
    baseline_counts: Counts

    def __post_init__(self) -> None:
        _same_rows(self)


@dataclass(frozen=True, eq=False)
class TrialTable:
    """Every time a fixation spot came on within a block, in order: `t` rows.

    A trial whose spot nobody looked at has a row for each time it came on. Times are those of the
    host, NaN for what did not happen. `completed` is 1 where fixation was held to the end, else 0.
    `reward_pulse_s` is how long its `reward_pulses` open the valve together.
    """

    trial_id: Ints
    spot_on_host_s: Floats
    acquired_host_s: Floats
    broken_host_s: Floats
    spot_off_host_s: Floats
    completed: Ints
    reward_pulses: Ints
    reward_pulse_s: Floats
    reward_ml: Floats

    def __post_init__(self) -> None:
        _same_rows(self)


def no_trials() -> TrialTable:
    """Return a table without rows."""
    ids, times = np.zeros(0, np.int64), np.zeros(0)
    return TrialTable(ids, times, times, times, times, ids, ids, times, times)


@dataclass(frozen=True, eq=False)
class ReportedTable:
    """Responses as a rig reported them, of presentations that went through files: `k` rows.

    `rates` (k, u) in the order of `SessionStart.units`, in the rig's own unit (usually spikes/s),
    NaN where it reported none. `file` is the image file that was handed over, `file_sha256` its
    hash.
    """

    presentation_id: Ints
    file: Texts
    file_sha256: Texts
    rates: Floats

    def __post_init__(self) -> None:
        _same_rows(self)


@dataclass(frozen=True, eq=False)
class ReplyTable:
    """The files in which a rig reported responses: `r` rows, at most one for each part.

    `folder_block` is the number by which the rig knew the part. The file itself is kept beside the
    log under its `sha256`; `modified_ns` is its time by the clock of the file server, since 1970.
    """

    part: Ints
    folder_block: Ints
    file: Texts
    sha256: Texts
    n_bytes: Ints
    modified_ns: Ints
    arrived_wall: Texts

    def __post_init__(self) -> None:
        _same_rows(self)


def no_reported() -> ReportedTable:
    """Return a table without rows."""
    return ReportedTable(np.zeros(0, np.int64), (), (), np.zeros((0, 0)))


def no_replies() -> ReplyTable:
    """Return a table without rows."""
    ids = np.zeros(0, np.int64)
    return ReplyTable(ids, ids, (), (), ids, ids, ())


@dataclass(frozen=True, eq=False)
class SpikeTable:
    """All spikes heard during a block, once each, and the sync edges seen by the rig.

    `rig_time_s` (k,) is sorted; `unit_id` (k,); `sync_rig_s` (m,) sorted.
    """

    rig_time_s: Floats
    unit_id: Ints
    sync_rig_s: Floats

    def __post_init__(self) -> None:
        _same_rows(self, ("rig_time_s", "unit_id"))


@dataclass(frozen=True)
class ClockFit:
    """`rig_time_s = offset_s + (1 + drift) * host_time_s`, fitted to `n_pairs` pairs of times.

    `residual_s` is the robust standard deviation of the pairs about the line (1.4826 times the
    median absolute deviation). Without pairs the three numbers are NaN.
    """

    offset_s: float
    drift: float
    residual_s: float
    n_pairs: int


@dataclass(frozen=True, eq=False)
class GenerationRecord:
    """One block with one generation of each thread in it: what one commit makes durable.

    `timing` maps stages (`TIMING_STAGES`) to seconds; the "log" stage can only be that of the
    commit before this one. Walls are ISO 8601 with zone.
    """

    block: int
    started_host_s: float
    ended_host_s: float
    started_wall: str
    ended_wall: str
    threads: tuple[ThreadGeneration, ...]
    reference_scores: ReferenceScores
    presentations: PresentationTable
    spikes: SpikeTable
    clock: ClockFit
    timing: Mapping[str, float] = field(default_factory=dict)
    trials: TrialTable = field(default_factory=no_trials)
    reported: ReportedTable = field(default_factory=no_reported)
    replies: ReplyTable = field(default_factory=no_replies)


@dataclass(frozen=True)
class Event:
    """Something that happened beside the blocks: a note, a pause, a fault; `kind` is short."""

    host_time_s: float
    wall_time: str
    kind: str
    text: str


@dataclass(frozen=True)
class SessionEnd:
    """How the session ended; `ended_at` is ISO 8601 with its zone."""

    ended_at: str
    exit_status: ExitStatus
    reason: str


def _same_rows(record: Any, names: tuple[str, ...] | None = None) -> None:
    """Refuse columns of differing length; `record` is any dataclass of row-aligned columns."""
    names = names or tuple(item.name for item in fields(record))
    lengths = {name: len(getattr(record, name)) for name in names}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise RecordError(
            f"{type(record).__name__} was built with columns of differing length ({told}); "
            "give every column one row for each id."
        )
