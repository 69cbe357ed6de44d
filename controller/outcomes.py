"""How a presentation ended, and why, in one sentence for the log. Pure.

The order in which the ways to end are asked for is the policy; what is done about a presentation
that did not complete is in `controller.block`.
"""

import math
from dataclasses import dataclass

from controller.config.tables import DisplayTable
from rig_adapters.pairing import Rivals
from rig_adapters.recorded import Recording
from rig_adapters.wire.messages import Presented, TrialEnded

UNCLEAR = "it is not clear which sync edge belongs to which image"
"""How the reason begins of what was shown while flips and edges fit in two ways."""


@dataclass(frozen=True)
class Ending:
    """One of `sessions.records.OUTCOMES`, and why it is not completed; "" where it is."""

    outcome: str
    reason: str


def ending(
    report: Presented | None,
    trial: TrialEnded | None,
    display: DisplayTable,
    failed: str,
    unheard: str,
) -> Ending:
    """Return how a presentation ended.

    report: of the stimulus process, None without one.
    trial: how its trial ended, None where nothing was reported of one that began.
    display: how long it was to be shown, and how many frames may be dropped.
    failed: why its trial failed it, "" where it did not.
    unheard: why its windows were not recorded, "" where they were.
    """
    if report is None:
        # What a broken trial had still to show was left out on purpose.
        if failed:
            return Ending("failed_trial", f"{failed}, before it was shown")
        return Ending("not_shown", "the stimulus process reported no flip of it")
    if report.dropped_frames > display.max_dropped_frames:
        return Ending(
            "late",
            f"{report.dropped_frames} frames were dropped while it was due, and at most "
            f"{display.max_dropped_frames} may be",
        )
    if failed:
        return Ending("failed_trial", failed)
    shown_s = report.flip_off_host_s - report.flip_on_host_s
    due_s = display.on_frames / display.refresh_hz
    if trial is not None and trial.broken_host_s is not None:
        # What is on when the animal looks away goes off at once, on purpose.
        due_s = min(due_s, trial.broken_host_s - report.flip_on_host_s)
    if shown_s < due_s - 0.5 / display.refresh_hz:
        return Ending(
            "late",
            f"it was on the screen for {1e3 * shown_s:.1f} ms instead of {1e3 * due_s:.1f} ms: "
            "flips did not wait for the vertical blank, as happens where a window is covered",
        )
    return Ending("not_heard", unheard) if unheard else Ending("completed", "")


def failed_by_trial(
    report: Presented | None, trial: TrialEnded | None, window_end_s: float, fail_all: bool
) -> str:
    """Return why its trial fails a presentation, "" where it does not.

    report: of the stimulus process, None where it was not shown.
    trial: how its trial ended, None where nothing was reported of one that began.
    window_end_s: until when it has to be looked at, from its onset.
    fail_all: whether a broken trial fails what was over by then, too.
    """
    if trial is None or trial.broken_host_s is None:
        # Nobody knows whether the animal looked at what was shown.
        unknown = report is not None and (trial is None or not trial.completed)
        return "the stimulus process did not report how its trial ended" if unknown else ""
    over = report is not None and report.flip_on_host_s + window_end_s <= trial.broken_host_s
    if over and not fail_all:
        return ""
    return f"the fixation was broken at {trial.broken_host_s:.4f} s (host time)"


def failed_by_rig(broken_rig_s: float) -> str:
    """Return why a break that the rig told of fails a presentation, "" where it is NaN."""
    if math.isnan(broken_rig_s):
        return ""
    return f"the fixation was broken at {broken_rig_s:.4f} s (rig time)"


def why_unheard(from_rig_s: float, to_rig_s: float, recording: Recording) -> str:
    """Return why `[from, to)` was not recorded completely."""
    for gap in recording.gaps:
        if gap.from_rig_s < to_rig_s and gap.to_rig_s > from_rig_s:
            return (
                f"nothing is known of {gap.from_rig_s:.4f} to {gap.to_rig_s:.4f} s (rig time), "
                "which the rig lost"
            )
    through_rig_s = recording.through_rig_s
    if through_rig_s is None:
        return "the rig recorded nothing"
    if to_rig_s > through_rig_s:
        return (
            f"the recording had come to {through_rig_s:.4f} of {to_rig_s:.4f} s (rig time) when "
            "its deadline was over"
        )
    return f"the recording did not hold {from_rig_s:.4f} s (rig time) any more, or not yet"


def why_unknown(rivals: Rivals) -> str:
    """Return why it cannot be told which sync edge belongs to which presentation."""
    return (
        f"{UNCLEAR}: {rivals.matched} flips of this part fit the sync edges one way and "
        f"{rivals.matched_otherwise} another, {1e3 * rivals.apart_s:.0f} ms apart, and the rig "
        "adapter's own readings of its clock are too coarse to tell which is right: give the "
        "adapter better ones, or make trials shorter or the gaps between them differ"
    )
