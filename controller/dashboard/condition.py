"""What a session is right now, in words: running, paused, faulted; why, whose fault, what to do.

Pure: made from what the daemon says, or from what the log says once the daemon is gone. How it is
shown is left to the page and to the terminal.
"""

from dataclasses import dataclass

from controller.control.messages import SessionStatus
from sessions.records import SessionEnd

CULPRITS = {
    "the rig adapter": "the rig adapter",
    "the stimulus process": "the stimulus process",
    "could not be written": "the disk that the session is written to",
    "the audit": "neuroloop or the log: the audit found a difference",
    "unexpected": "neuroloop itself: please report it",
    "the rig heard nothing": "the recording system",
}
"""Words of a reason, and whom they name. The one that comes first in the reason counts."""

UNKNOWN = "not known: see daemon.log in the session's folder"
ALARMED = "see the alarm"
"""Of an alarm that names nobody."""

PAUSE_TAKEN = "the session pauses at the end of this block"
"""What the daemon says last when the operator has asked for a pause."""


@dataclass(frozen=True)
class Condition:
    """A session as an operator has to see it from two metres away."""

    kind: str
    """none, preparing, running, pausing, paused, held (paused by a fault), interrupted, finishing,
    silent, finished, aborted, faulted or cut_off."""
    title: str
    what: str = ""
    whose: str = ""
    """Whose fault it is; empty where nothing is wrong."""
    todo: str = ""
    live: bool = False
    """Whether a session answers, so that its numbers are of now."""


NOTHING_RUNS = Condition(
    "none",
    "no session running",
    "This page waits for one, and shows it as soon as it starts.",
    todo="neuroloop run session.toml",
)

_TITLES = {
    "idle": ("preparing", "preparing"),
    "preparing": ("preparing", "preparing"),
    "running": ("running", "running"),
    "pausing": ("pausing", "pausing"),
    "paused": ("paused", "paused"),
    "interrupted": ("interrupted", "interrupted"),
    "finishing": ("finishing", "finishing"),
    "aborting": ("finishing", "aborting"),
    "finished": ("finishing", "ending"),
    "faulted": ("faulted", "faulted"),
}


def of_status(status: SessionStatus) -> Condition:
    """Return the condition of a session whose daemon answers."""
    kind, title = _TITLES.get(status.state, ("running", status.state))
    what = status.alarms[0] if status.alarms else status.message
    whose = whose_fault(what) if kind in ("paused", "interrupted", "faulted") else ""
    if status.alarms:
        whose = whose or ALARMED
    if kind == "paused" and whose:
        kind, title = "held", "paused by a fault"
    if kind in ("paused", "pausing") and what in (PAUSE_TAKEN, ""):
        what = "The operator asked for it."
    return Condition(kind, title, sentence(what), whose, _todo(kind, status), live=True)


def _todo(kind: str, status: SessionStatus) -> str:
    return {
        "paused": "Resume goes on, Stop ends the session.",
        "held": "Put it right; then Resume tries again, or Stop ends the session.",
        "pausing": "Wait for the end of the block, or take it back with Resume.",
        "interrupted": "Wait: it goes on by itself.",
        "faulted": f"The session ends; then: neuroloop resume {status.folder}",
    }.get(kind, "")


def of_silence(session_id: str, silent_s: float) -> Condition:
    """Return the condition of a session whose process runs and does not answer."""
    return Condition(
        "silent",
        "no answer",
        f"The daemon of {session_id} runs, and has not answered for {silent_s:.0f} s.",
        "the session daemon, or a machine that is too busy",
        "Wait; if it stays so, look at daemon.log in the session's folder.",
    )


def of_end(
    session_id: str, end: SessionEnd | None, folder: str, *, has_log: bool = True
) -> Condition:
    """Return the condition of a session whose daemon is gone, by the end in its log."""
    go_on = f"To go on with it: neuroloop resume {folder}"
    if not has_log:
        return Condition(
            "cut_off",
            "did not start",
            f"{session_id} ended before it had a log.",
            UNKNOWN,
            "Put right what daemon.log says, and start it again.",
        )
    if end is None:
        return Condition(
            "cut_off",
            "cut off",
            f"The daemon of {session_id} is gone and its log has no end: it was killed, or broke "
            "down. Every committed generation is safe.",
            UNKNOWN,
            go_on,
        )
    if end.exit_status == "success":
        return Condition("finished", "finished", sentence(end.reason))
    if end.exit_status == "abort":
        return Condition("aborted", "aborted", sentence(end.reason), todo=go_on)
    whose = whose_fault(end.reason) or UNKNOWN
    return Condition("faulted", "faulted", sentence(end.reason), whose, go_on)


def whose_fault(reason: str) -> str:
    """Return whom a reason names first; empty where it names nobody."""
    places = {reason.find(words): culprit for words, culprit in CULPRITS.items()}
    places.pop(-1, None)
    return places[min(places)] if places else ""


def sentence(text: str) -> str:
    """Return `text` with a capital and a full stop."""
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
