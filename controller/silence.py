"""Whether anything was heard of a block: a session that records nothing must not go on. Pure."""

from collections.abc import Sequence

import numpy as np

from controller.errors import NoReply, NothingHeard, OnsetsUnclear
from controller.outcomes import UNCLEAR
from sessions.analysis.responses import ScoringRule
from sessions.open_block import FinishedPart
from sessions.records import NO_COUNT


def require_heard(block: int, parts: Sequence[FinishedPart], rule: ScoringRule) -> None:
    """Raise NothingHeard where nothing of a block was heard, by the last of its parts.

    A clock that stepped is another matter.
    """
    if any(_was_heard(part) for part in parts):
        return
    last = parts[-1].presentations
    unclear = next((reason for reason in last.reason if reason.startswith(UNCLEAR)), "")
    if unclear:
        raise OnsetsUnclear(block, unclear)
    if rule.response_window_s is None:
        raise NoReply(block, last.reason[0])
    if np.isfinite(last.onset_rig_s).any():
        raise NothingHeard(block)


def _was_heard(part: FinishedPart) -> bool:
    counted = (part.presentations.response_counts != NO_COUNT).any()
    return bool(counted or np.isfinite(part.reported.rates).any())
