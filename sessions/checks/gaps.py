"""Checks for what is not there: blocks without rows, stretches without a recording, lost pieces.

What the session noticed itself is among its events; it is told here with the rest, since an event
of three hours ago is read by nobody. Missing generations are the business of `identity`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sessions.checks.base import Check, listed
from sessions.reader import LogReader

MAX_UNHEARD_SHARE = 0.05
MIN_UNHEARD = 5
"""Presentations that were shown and not heard: more than these, and more than that share."""

MAX_CLOCK_STEP_S = 5e-3
"""How far the maps of two blocks may lie apart between them."""

TOLD = {
    "recording gap": "stretches of the recording are missing",
    "interruption": "a process was lost, or the session was interrupted",
    "rig clock": "the clock of the rig stepped",
    "unknown unit": "the rig sent spikes of units that it had not announced",
    "silent unit": "driver units fell silent",
    "audit alarm": "the audit beside the session gave an alarm",
}
"""Kinds of events that say that something was wrong, and what they say."""


def skipped_blocks(reader: LogReader) -> Iterator[str]:
    """Find committed blocks that have no rows in a table in which each block has some."""
    expected = np.arange(reader.generations_committed)
    for name in ("generations", "presentations", "scores", "clock", "timing"):
        missing = np.setdiff1d(expected, getattr(reader, name).block)
        if len(missing):
            yield f"/{name} has no rows of blocks {listed(missing.tolist())}."


def told_faults(reader: LogReader) -> Iterator[str]:
    """Find what the session said of itself while it ran."""
    events = reader.events
    for kind, meaning in TOLD.items():
        texts = events.text[events.kind == kind].tolist()
        if texts:
            often = "once" if len(texts) == 1 else f"{len(texts)} times"
            yield f"Told {often} while it ran that {meaning}; at first: {texts[0].rstrip('.')}."


def not_heard(reader: LogReader) -> Iterator[str]:
    """Find a share of shown presentations without a recording that is too large."""
    outcome = reader.presentations.outcome
    unheard = int(np.count_nonzero(outcome == "not_heard"))
    shown = int(np.count_nonzero(outcome != "not_shown"))
    if unheard > max(MIN_UNHEARD, MAX_UNHEARD_SHARE * shown):
        yield f"{unheard} of {shown} presentations that were shown were not heard."


def clock_steps(reader: LogReader) -> Iterator[str]:
    """Find blocks between which the clocks of host and rig moved against each other.

    A map is rig = offset + (1 + drift) host, so two maps differ at one moment of the host by the
    difference of their offsets and of their drifts times that moment. They are compared at the last
    flip of the former block and at the first one of the latter. A drift that is poorly known from a
    short block makes one of these large; a step makes both.
    """
    clock, shown = reader.clock, reader.presentations
    flips = [shown.flip_on_host_s[shown.block == block] for block in clock.block.tolist()]
    for k, block in enumerate(clock.block.tolist()[1:], start=1):
        if not (np.isfinite(flips[k - 1]).any() and np.isfinite(flips[k]).any()):
            continue
        at_s = np.array([np.nanmax(flips[k - 1]), np.nanmin(flips[k])])
        apart_s = np.diff(clock.offset_s)[k - 1] + np.diff(clock.drift)[k - 1] * at_s
        step_s = apart_s[np.argmin(np.abs(apart_s))]
        if abs(step_s) > MAX_CLOCK_STEP_S:
            yield (
                f"Between block {clock.block[k - 1]} and block {block} the clocks of host and rig "
                f"moved against each other by {1e3 * step_s:+.1f} ms."
            )


GAP_CHECKS = (
    Check(
        "complete blocks",
        "error",
        "Restore the file from the copy made at the rig; if that has the fault too, report it.",
        skipped_blocks,
    ),
    Check(
        "faults told",
        "warning",
        "Read all of them in /events; what could not be known was not scored.",
        told_faults,
    ),
    Check(
        "heard presentations",
        "warning",
        "Look at /presentations/reason for why, and at the recorder and its network.",
        not_heard,
    ),
    Check(
        "clock steps",
        "warning",
        "A machine or recorder that was started anew does that; else check the sync line.",
        clock_steps,
    ),
)
