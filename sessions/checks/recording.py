"""Checks of the recording: stable references, frames, clocks, and how the session ended."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sessions.checks.base import Check
from sessions.reader import LogReader
from sessions.records import Floats, Ints

MAX_REFERENCE_CV = 0.3
"""Standard deviation over mean of the reference score from block to block, beyond what its own
standard error in each block explains."""

MAX_REFERENCE_TREND = 0.3
"""Change of the reference score over the session by a straight line, relative to its mean."""

MIN_TREND_BLOCKS = 5
TREND_Z = 3.0
"""A trend counts if its slope lies this many standard errors from zero."""

MAX_DRIFT = 1e-3
MAX_RESIDUAL_S = 2e-3
MAX_DROPPED_SHARE = 0.01
MAX_UNSEEN_SHARE = 0.1
"""Share of onsets from the clock at a rig that sees onsets."""
MAX_UNCERTAINTY_S = 5e-3
MAX_UNSURE_SHARE = 0.05


def unstable_references(reader: LogReader) -> Iterator[str]:
    """Find threads whose reference score moved: the recording or the animal changed."""
    generations = reader.generations
    for thread in reader.threads:
        mine = generations.thread_id == thread.thread_id
        means = generations.reference_mean[mine]
        known = np.isfinite(means)
        blocks, means = generations.block[mine][known], means[known]
        if len(means) < MIN_TREND_BLOCKS or means.mean() <= 0:
            continue
        noise = np.mean(np.nan_to_num(generations.reference_sem[mine][known]) ** 2)
        cv = math.sqrt(max(0.0, float(means.var(ddof=1) - noise))) / float(means.mean())
        if cv > MAX_REFERENCE_CV:
            yield (
                f"References of thread {thread.thread_id} vary by {cv:.0%} from block to block, "
                f"beyond chance (more than {MAX_REFERENCE_CV:.0%})."
            )
        change, z = _trend(blocks, means)
        if abs(change) > MAX_REFERENCE_TREND and abs(z) > TREND_Z:
            yield (
                f"References of thread {thread.thread_id} changed by {change:+.0%} of their mean "
                "over the session."
            )


def dropped_frames(reader: LogReader) -> Iterator[str]:
    """Find a share of presentations with dropped frames that is too large."""
    shown = reader.presentations
    on_screen = shown.frames_shown > 0
    n = int(np.count_nonzero(on_screen))
    bad = int(np.count_nonzero(on_screen & (shown.dropped_frames > 0)))
    if n and bad / n > MAX_DROPPED_SHARE:
        yield f"{bad} of {n} presentations ({bad / n:.1%}) missed frames."


def bad_clock(reader: LogReader) -> Iterator[str]:
    """Find blocks in which the clocks of host and rig do not fit together."""
    clock = reader.clock
    for block, drift, residual_s in zip(clock.block, clock.drift, clock.residual_s, strict=True):
        if abs(drift) > MAX_DRIFT:
            yield f"In block {block} the rig clock drifts by {drift:.1e} s/s against the host."
        if residual_s > MAX_RESIDUAL_S:
            yield f"In block {block} the clock fit is off by {residual_s * 1e3:.1f} ms."


def unsure_onsets(reader: LogReader) -> Iterator[str]:
    """Find sessions whose onsets the rig did not see, or that are not known well."""
    shown = reader.presentations
    known = np.isfinite(shown.onset_rig_s)
    n, seen = int(known.sum()), int((shown.sync == "photodiode").sum())
    if seen and n - seen > MAX_UNSEEN_SHARE * n:
        yield (
            f"{n - seen} of {n} onsets come from the clock, although the rig sees onsets: edges "
            "were missing, or not believed."
        )
    unsure = int((shown.onset_uncertainty_s[known] > MAX_UNCERTAINTY_S).sum())
    if unsure > MAX_UNSURE_SHARE * n:
        yield f"{unsure} of {n} onsets may be off by more than {1e3 * MAX_UNCERTAINTY_S:.0f} ms."


def unfinished(reader: LogReader) -> Iterator[str]:
    """Find a session that did not say how it ended."""
    if reader.end is None:
        yield "The session is still running, or was cut off without an exit status."
    elif reader.end.exit_status == "fail":
        yield f"The session failed: {reader.end.reason}"


def nothing_committed(reader: LogReader) -> Iterator[str]:
    """Find a log without a single generation."""
    if not reader.generations_committed:
        yield "No generation was committed."


def _trend(blocks: Ints, means: Floats) -> tuple[float, float]:
    """Return the change along a fitted line relative to the mean, and its slope's z score."""
    x = blocks - blocks.mean()
    slope = float((x @ means) / (x @ x))
    rest = means - means.mean() - slope * x
    error = math.sqrt(float(rest @ rest) / (len(means) - 2) / float(x @ x))
    change = slope * float(np.ptp(blocks)) / float(means.mean())
    return change, slope / error if error else math.copysign(math.inf, slope)


RECORDING_CHECKS = (
    Check(
        "stable references",
        "warning",
        "Compare with the references of the same block, not across blocks; check the electrode.",
        unstable_references,
    ),
    Check(
        "dropped frames",
        "warning",
        "Close other programs on the stimulus machine and repeat its pre-flight.",
        dropped_frames,
    ),
    Check(
        "clock fit",
        "warning",
        "Check the sync line; trust photodiode onsets only in these blocks.",
        bad_clock,
    ),
    Check(
        "onsets seen",
        "warning",
        "Check the photodiode, its threshold and place, or the sync line; weigh windows against "
        "onset_uncertainty_s.",
        unsure_onsets,
    ),
    Check(
        "proper end",
        "warning",
        "Resume it, or end it with an exit status; committed generations are complete.",
        unfinished,
    ),
    Check("any data", "info", "Nothing to do, unless there should be data.", nothing_committed),
)
