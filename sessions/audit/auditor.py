"""The audit of a session, block by block: which questions are asked, and what is remembered.

Pure: rows of the log in, differences out. Following a log that grows is in `sessions.audit.follow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sessions.audit import identity, onsets, recompute, replies
from sessions.audit.block import Difference, LoggedBlock
from sessions.audit.lags import ResponseMemory, Responses, Verdict
from sessions.records import SessionStart
from sessions.tables import BlockRows

Question = Callable[[LoggedBlock], Iterator[str]]

REMEDIES = {
    "settings": "The scores rest on other settings than were asked for: stop, and start anew.",
    "row ids": "Scores cannot be told to the right images: stop, and report it.",
    "shown images": (
        "Leave these presentations out, and find out what the stimulus process showed."
    ),
    "onsets": "Check the sync line and the photodiode; scores of this block are not to be trusted.",
    "clock map": "Check the sync line; onsets taken from the clock are not to be trusted.",
    "counts from spikes": "Recompute from /spikes and use that; report how the log was made.",
    "rates from replies": (
        "Read the files in the folder replies again and use that; report how the log was made."
    ),
    "scores from spikes": "Recompute from /spikes and use that; report how the log was made.",
    "told scores": "The evolution did not follow its scores; leave this thread out, and report it.",
    "responses of images": (
        "Check that the rig marks and delivers each response with its own image, and that the "
        "units are still there."
    ),
}
"""What to do about a difference, by the name of the question that found it."""


@dataclass(frozen=True)
class BlockAudit:
    """What came of auditing one block; `responses` is what the responses themselves say."""

    block: int
    differences: tuple[Difference, ...]
    responses: Verdict


class Auditor:
    """Audits the blocks of one session in their order."""

    def __init__(self, start: SessionStart, folder: Path) -> None:
        self._start, self._folder = start, folder
        self._ids = identity.SeenIds()
        self._pairs = onsets.ClockPairs()
        self._memory = ResponseMemory()

    def audit(self, rows: BlockRows) -> BlockAudit:
        """Ask everything of one block; its number must follow that of the block before."""
        logged = LoggedBlock(self._start, rows, self._folder)
        differences = [
            Difference(name, message, REMEDIES[name])
            for name, question in self._questions()
            for message in _answers(question, logged)
        ]
        responses = Verdict("", False, float("nan"))
        try:
            responses = self._memory.judge(Responses.of(logged))
        except _CANNOT as error:
            responses = Verdict(_not_checked(error), False, float("nan"))
        if responses.difference:
            name = "responses of images"
            differences.append(Difference(name, responses.difference, REMEDIES[name]))
        return BlockAudit(rows.block, tuple(differences), responses)

    def _questions(self) -> tuple[tuple[str, Question], ...]:
        return (
            ("settings", identity.settings_disagree),
            ("row ids", self._ids.repeated),
            ("row ids", identity.rows_disagree),
            ("row ids", identity.presentations_disagree),
            ("shown images", identity.shown_is_not_sent),
            ("onsets", onsets.onsets_disagree),
            ("clock map", self._pairs.map_disagrees),
            ("counts from spikes", recompute.counts_differ),
            ("rates from replies", replies.rates_differ),
            ("scores from spikes", recompute.scores_differ),
            ("told scores", recompute.told_scores_differ),
        )


_CANNOT = (ValueError, KeyError, IndexError, TypeError, ZeroDivisionError, OSError)
"""What rows that contradict each other, and replies that are gone, may lead to."""


def _answers(question: Question, logged: LoggedBlock) -> Iterator[str]:
    """Ask a question; that it cannot be answered is an answer too."""
    try:
        yield from question(logged)
    except _CANNOT as error:
        yield _not_checked(error)


def _not_checked(error: Exception) -> str:
    return f"this could not be checked ({type(error).__name__}: {error})"
