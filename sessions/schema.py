"""The layout of `session.h5` as data: every table, column, unit and a sentence on each.

The writer creates what is listed here, the reader expects it, and `sessions.schema_page` prints the
reference page from it. A change to anything below that an old reader would trip over raises
`SCHEMA_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sessions.layout import TEXT, Column, Scalar, Table

SCHEMA_VERSION = 1
"""Raised when a reader of the former version would misread the file."""

FILE_NAME = "session.h5"
FORMAT_NAME = "neuroloop session"
"""Root attribute `format`, by which a reader knows the file."""

IMAGE_ID = Column("image_id", "<i8", "id", "Identity of the image; unique in the session.")
THREAD_ID = Column("thread_id", "<i8", "id", "Evolution thread; -1 for a reference image.")
GENERATION = Column("generation", "<i8", "index", "Generation of that thread, from 0.")
BLOCK = Column("block", "<i8", "index", "Block that the row belongs to, from 0.")

ROOT_ATTRIBUTES = (
    Scalar("format", "text", f'Always "{FORMAT_NAME}".'),
    Scalar("schema_version", "int64", f"Version of this layout; {SCHEMA_VERSION} here."),
    Scalar("session_id", "text", "Name of the session."),
    Scalar("subject_id", "text", "Name of the subject."),
    Scalar("started_at", "text", "Start, ISO 8601 with zone."),
    Scalar("ended_at", "text", "End, ISO 8601 with zone; empty while the session is live."),
    Scalar("exit_status", "text", "success, abort or fail; empty while live or when cut off."),
    Scalar("reason", "text", "Why it ended, in words; empty while live."),
    Scalar("seed", "int64", "Seed of all random numbers of the session."),
    Scalar("time", "text", "real, or virtual when a simulated session did not wait."),
    Scalar("rig_adapter", "text", "Adapter that delivered the spikes."),
    Scalar("rig_simulated", "int64", "1 when the neurons were simulated, else 0."),
    Scalar("display_label", "text", "What showed the images, in words."),
    Scalar("control", "text", "none, or shuffled: each told score belongs to another image."),
    Scalar(
        "responses",
        "text",
        "spikes, or rates, as the rig reported them in files; older logs lack it and have spikes.",
    ),
    Scalar(
        "response_window_s",
        "float64 [2]",
        "Scored window [a, b) from onset, seconds; NaN, NaN where rates were reported.",
    ),
    Scalar("baseline_window_s", "float64 [2]", "Subtracted window [c, d); NaN, NaN for none."),
    Scalar("baseline_mode", "text", "none, presentation or block."),
    Scalar(
        "generations_committed",
        "int64",
        "Blocks (one generation of each thread) that are in the log. Trust only their rows.",
    ),
    Scalar("events_committed", "int64", "Rows of /events that are durable."),
)

CONFIG = (
    Scalar("toml", TEXT, "The configuration file as it was given."),
    Scalar("json", TEXT, "The configuration as resolved, with every default filled in."),
    Scalar("versions", TEXT, "Software versions as a JSON object."),
    Scalar("extra", TEXT, "Further settings (display, clock) as a JSON object."),
)

THREADS = Table(
    "threads",
    "One row for each evolution thread, written when the session starts.",
    (
        Column("thread_id", "<i8", "id", "Identity of the thread, from 0."),
        Column("name", TEXT, "", "Name given in the configuration."),
        Column("optimizer", TEXT, "", "Name of the optimizer."),
        Column("optimizer_settings_json", TEXT, "", "Its settings as JSON."),
        Column("generator", TEXT, "", "Name of the generator."),
        Column("generator_sha256", "S64", "", "Hash of its weights, hexadecimal."),
        Column("generator_provenance", TEXT, "", "Where the weights come from."),
        Column("code_dim", "<i8", "", "Length of a code."),
        Column("image_shape", "<i8", "px", "Height, width and channels of an image.", (3,)),
        Column("driver_unit_ids", TEXT, "id", "Driver units, as a JSON list of unit_id."),
        Column("direction", "S16", "", "maximise or minimise."),
        Column("position_deg", "<f8", "deg", "Image centre x, y from fixation.", (2,)),
        Column("size_deg", "<f8", "deg", "Image width."),
    ),
)

UNITS = Table(
    "units",
    "One row for each unit, written when the session starts; its order is the column order of "
    "the counts in /presentations.",
    (
        Column("unit_id", "<i8", "id", "Identity of the unit."),
        Column("channel_id", "<i8", "id", "Recording contact it was found on."),
        Column("label", TEXT, "", "Name given in the configuration."),
    ),
)

IMAGES = Table(
    "images",
    "One row for each image: references when the session starts, then generated images.",
    (
        IMAGE_ID,
        Column("kind", "S16", "", "generated or reference."),
        THREAD_ID,
        Column("generation", "<i8", "index", "Generation that made it; -1 for a reference."),
        Column("name", TEXT, "", "Name for people, e.g. thread00_gen003_000123."),
        Column("sha256", "S64", "", "SHA-256 of its C-contiguous uint8 (h, w, 3) bytes, hex."),
        Column("pixels_dataset", "S32", "", "Path of the dataset with its pixels; empty if none."),
        Column("pixels_row", "<i8", "index", "Row in that dataset, from 0; -1 if none."),
    ),
)

SCORES = Table(
    "scores",
    "One row for each image of a generation and thread; a reference is scored in each block, "
    "with the driver units of each thread, and thread_id names that thread.",
    (
        IMAGE_ID,
        Column("thread_id", "<i8", "id", "Thread whose driver units and place were used."),
        GENERATION,
        BLOCK,
        Column("kind", "S16", "", "generated or reference."),
        Column("score", "<f8", "spikes/s", "Evoked rate; NaN when no presentation completed."),
        Column("told_score", "<f8", "spikes/s", "What the optimizer was told; NaN for reference."),
        Column("n_valid", "<i8", "", "Completed presentations behind the score."),
    ),
)

PRESENTATIONS = Table(
    "presentations",
    "One row for each planned presentation, in planned order within its block.",
    (
        Column("presentation_id", "<i8", "id", "Identity of the presentation."),
        BLOCK,
        Column("trial_id", "<i8", "id", "Trial that held it."),
        Column("part", "<i8", "index", "Round of re-showing inside the block, from 0."),
        Column("attempt", "<i8", "index", "Attempt at this image inside the block, from 0."),
        IMAGE_ID,
        THREAD_ID,
        Column("x_deg", "<f8", "deg", "Image centre, right of fixation."),
        Column("y_deg", "<f8", "deg", "Image centre, above fixation."),
        Column("size_deg", "<f8", "deg", "Image width."),
        Column("on_frames", "<i8", "frames", "Planned duration of the image."),
        Column("off_frames", "<i8", "frames", "Planned blank after it."),
        Column("flip_on_host_s", "<f8", "s", "Flip that showed it, host clock; NaN if never."),
        Column("flip_off_host_s", "<f8", "s", "Flip that removed it, host clock; NaN if never."),
        Column("frames_shown", "<i8", "frames", "Frames it was on the screen."),
        Column("dropped_frames", "<i8", "frames", "Frames missed while it was due."),
        Column("onset_rig_s", "<f8", "s", "Onset on the rig clock; NaN if unknown."),
        Column(
            "onset_uncertainty_s",
            "<f8",
            "s",
            "In 95 of 100 cases onset_rig_s is not farther than this from the truth; NaN if "
            "unknown.",
        ),
        Column(
            "sync",
            "S16",
            "",
            "Source of onset_rig_s: photodiode (an edge that the rig saw, of light or of a line, "
            "as marked_by says), clock, none.",
        ),
        Column(
            "marked_by",
            TEXT,
            "",
            "What marked the onset for the recorder: photodiode (the patch), ttl, photodiode+ttl, "
            "none; empty if never shown.",
        ),
        Column(
            "outcome",
            "S16",
            "",
            "completed, failed_trial, late, not_heard, not_shown, wrong_image or set_aside.",
        ),
        Column("reason", TEXT, "", "Why it did not complete, in words; empty if it did."),
        Column("shown_sha256", "S64", "", "Hash of the pixels shown; empty if never shown."),
        Column(
            "response_counts",
            "<i4",
            "spikes",
            "Spikes in the response window, one column for each row of /units; -1 for no count.",
            ("units",),
        ),
        Column(
            "baseline_counts",
            "<i4",
            "spikes",
            "Spikes in the baseline window, likewise.",
            ("units",),
        ),
    ),
)

TRIALS = Table(
    "trials",
    "One row for each time that a fixation spot came on, in order. A trial that nobody looked at "
    "begins again under its id, so the id of a trial may have several rows.",
    (
        Column("trial_id", "<i8", "id", "Trial, as in /presentations."),
        BLOCK,
        Column("spot_on_host_s", "<f8", "s", "Flip that showed the spot, host clock."),
        Column("acquired_host_s", "<f8", "s", "When fixation was acquired; NaN if never."),
        Column("broken_host_s", "<f8", "s", "When the animal looked away; NaN if it did not."),
        Column("spot_off_host_s", "<f8", "s", "Flip that took the spot away."),
        Column("completed", "<i8", "", "1 when fixation was held to the end, else 0."),
        Column("reward_pulses", "<i8", "", "Reward pulses that were ordered."),
        Column("reward_pulse_s", "<f8", "s", "How long they open the valve, together."),
        Column("reward_ml", "<f8", "ml", "What flows meanwhile, by the configured flow."),
    ),
    chunk_rows=256,
)

SPIKES = Table(
    "spikes",
    "Every spike heard during a block, once, sorted in time within its block.",
    (
        Column("rig_time_s", "<f8", "s", "Time on the rig clock."),
        Column("unit_id", "<i8", "id", "Unit that fired."),
        BLOCK,
    ),
    chunk_rows=8192,
)

SYNC = Table(
    "sync",
    "Every sync edge (photodiode or line) that the rig saw, sorted in time within its block.",
    (Column("rig_time_s", "<f8", "s", "Time on the rig clock."), BLOCK),
    chunk_rows=1024,
)

REPORTED = Table(
    "reported",
    "One row for each presentation that went through files to a rig which counts by itself: what "
    "it reported. Empty in a session with spikes.",
    (
        Column("presentation_id", "<i8", "id", "Presentation, as in /presentations."),
        BLOCK,
        Column("file", "S128", "", "Image file that was handed over."),
        Column("file_sha256", "S64", "", "Hash of that file, hexadecimal."),
        Column(
            "rates",
            "<f8",
            "as reported",
            "Response of each unit, in the order of /units, as the rig reported it; NaN for none.",
            ("units",),
        ),
    ),
    chunk_rows=256,
)

REPLIES = Table(
    "replies",
    "One row for each file in which a rig reported responses. The file itself is kept in the "
    "folder `replies` beside the log, under its hash.",
    (
        BLOCK,
        Column("part", "<i8", "index", "Part of the block, as in /presentations."),
        Column("folder_block", "<i8", "index", "Number by which the rig knew that part."),
        Column("file", "S32", "", "How the rig called it."),
        Column("sha256", "S64", "", "Its hash, hexadecimal."),
        Column("n_bytes", "<i8", "bytes", "Its size."),
        Column("modified_ns", "<i8", "ns", "When it was written, since 1970, by its file server."),
        Column("arrived_wall", "S40", "", "When it was read, ISO 8601 with zone."),
    ),
    chunk_rows=64,
)

GENERATIONS = Table(
    "generations",
    "One row for each thread and generation; summaries leave missing scores out.",
    (
        Column("thread_id", "<i8", "id", "Evolution thread."),
        GENERATION,
        BLOCK,
        Column("n_images", "<i8", "", "Images in the generation."),
        Column("n_scored", "<i8", "", "Images with a score."),
        Column("score_mean", "<f8", "spikes/s", "Mean score of generated images."),
        Column(
            "score_sem",
            "<f8",
            "spikes/s",
            "Its standard error: standard deviation (n - 1) over the root of n; NaN below two.",
        ),
        Column("score_max", "<f8", "spikes/s", "Largest score."),
        Column(
            "reference_mean",
            "<f8",
            "spikes/s",
            "Mean score of the references in the block, with the driver units of the thread.",
        ),
        Column("reference_sem", "<f8", "spikes/s", "Its standard error, likewise."),
        Column("started_host_s", "<f8", "s", "Start of the block, host clock."),
        Column("ended_host_s", "<f8", "s", "End of the block, host clock."),
        Column("started_wall", "S40", "", "Start of the block, ISO 8601."),
        Column("ended_wall", "S40", "", "End of the block, ISO 8601."),
        Column("sigma", "<f8", "", "Step size of the optimizer; NaN if it has none."),
        Column("mean_norm", "<f8", "", "Norm of its mean code; NaN if it has none."),
        Column("code_norm", "<f8", "", "Mean norm of the codes; NaN if not given."),
        Column("render_first_s", "<f8", "s", "From codes to the first image; NaN if unknown."),
        Column("render_p50_s", "<f8", "s", "Rendering of one image, median; NaN if unknown."),
        Column("render_p99_s", "<f8", "s", "The same, 99th percentile; NaN if unknown."),
        Column("optimizer_summary_json", TEXT, "", "All its named numbers as JSON."),
    ),
)

CLOCK = Table(
    "clock",
    "One row for each block: rig_time = offset_s + (1 + drift) * host_time.",
    (
        BLOCK,
        Column("offset_s", "<f8", "s", "Offset of the fit."),
        Column("drift", "<f8", "s/s", "Drift of the rig clock against the host clock."),
        Column("residual_s", "<f8", "s", "Root mean square residual."),
        Column(
            "n_pairs",
            "<i8",
            "",
            "Pairs of flip and edge behind the fit, of this block and earlier ones.",
        ),
    ),
)

TIMING = Table(
    "timing",
    "One row for each block: where the wall time went; NaN where a stage was not measured.",
    (
        BLOCK,
        Column("optimizer", "<f8", "s", "Ask and tell."),
        Column("render", "<f8", "s", "Codes to images."),
        Column("neuron", "<f8", "s", "Simulated neurons."),
        Column("display", "<f8", "s", "Showing the images."),
        Column(
            "wire",
            "<f8",
            "s",
            "Messages: waiting that neither the rig nor the display accounts for.",
        ),
        Column("log", "<f8", "s", "Making the generation before this one durable."),
        Column("other", "<f8", "s", "Everything else."),
        Column("total", "<f8", "s", "Start to end."),
    ),
)

EVENTS = Table(
    "events",
    "Notes, pauses, faults and other things beside the blocks, durable one by one.",
    (
        Column("host_time_s", "<f8", "s", "Time on the host clock."),
        Column("wall_time", "S40", "", "The same moment, ISO 8601 with zone."),
        Column("kind", "S32", "", "Short name of what kind of event it is."),
        Column("text", TEXT, "", "What happened, in words."),
    ),
)

COMMITS = Table(
    "commits",
    "Row k holds the rows that every table had once k generations were committed (row 0: when "
    "the session started); rows beyond row `generations_committed` are to be ignored.",
    (
        Column(
            "rows",
            "<i8",
            "rows",
            "Rows of each table, in the order of the attribute `tables` of this dataset.",
            ("tables",),
        ),
    ),
)

ADDED_LATER: Mapping[tuple[str, str], str | float] = {
    ("presentations", "reason"): "",
    ("presentations", "marked_by"): "",
    ("presentations", "onset_uncertainty_s"): float("nan"),
    ("generations", "render_first_s"): float("nan"),
    ("generations", "render_p50_s"): float("nan"),
    ("generations", "render_p99_s"): float("nan"),
}
"""Columns that older logs lack: as what they are read, and added when one goes on."""

TABLES_ADDED_LATER = {table.path: table for table in (TRIALS, REPORTED, REPLIES)}
"""Tables that older logs lack: read as without rows, and added when one goes on."""

LINEAGE = (
    Scalar("session_id", "text", "Session that this one is a branch of."),
    Scalar("generation", "int64", "Its generation at which this one goes on; the first one here."),
    Scalar("sha256", "text", "Fingerprint of all that it had committed, pixels by their hashes."),
    Scalar("next_image_id", "int64", "Ids of images made here count from this one."),
    Scalar("next_presentation_id", "int64", "Ids of presentations likewise."),
    Scalar("next_trial_id", "int64", "Ids of trials likewise."),
    Scalar("parts_planned", "int64", "Parts of blocks that had been planned."),
    Scalar("last_host_s", "float64", "Last flip there, on its host clock."),
)
"""Attributes of /lineage, which only the log of a branch has."""


def inherited_table(thread_id: int | str, code_dim: int | str) -> Table:
    """Return `/lineage/thread_<id>`: what a thread's optimizer had been told before the branch."""
    return Table(
        f"lineage/thread_{thread_id}",
        f"What the optimizer of thread {thread_id} had been told before, oldest first; only in the "
        "log of a branch. Attributes: `optimizer_json`, the table that it was built by, and "
        "`from_first_codes`, 1 where it starts from the codes of the first generation here.",
        (
            IMAGE_ID,
            Column("generation", "<i8", "index", "Generation of the thread."),
            Column("code", "<f4", "", "The code that was shown.", (code_dim,)),
            Column("told_score", "<f8", "spikes/s", "What the optimizer was told of it."),
            Column("n_valid", "<i8", "", "Completed presentations behind that."),
        ),
        chunk_rows=32,
    )


FIXED_TABLES = (
    THREADS,
    UNITS,
    IMAGES,
    SCORES,
    PRESENTATIONS,
    SPIKES,
    SYNC,
    GENERATIONS,
    CLOCK,
    TIMING,
    TRIALS,
    REPORTED,
    REPLIES,
)
"""Tables of every log that grow by commits alone; /events and /commits are kept separately."""


def pixels_table(height: int | str, width: int | str) -> Table:
    """Return `/pixels/<h>x<w>`, the dataset of all images of one size, as a table of one column."""
    column = Column(
        f"{height}x{width}",
        "u1",
        "sRGB level",
        f"Images of {height} x {width} pixels, one image to a row.",
        (height, width, 3),
    )
    return Table("pixels", "Pixels of images, one dataset for each size.", (column,), 1)


def codes_table(thread_id: int | str, code_dim: int | str) -> Table:
    """Return `/codes/thread_<id>`, the code of every image of one thread."""
    return Table(
        f"codes/thread_{thread_id}",
        f"Codes of thread {thread_id}, one row for each generated image.",
        (
            IMAGE_ID,
            GENERATION,
            Column("code", "<f4", "", "The code that the generator turned into it.", (code_dim,)),
        ),
        chunk_rows=32,
    )
