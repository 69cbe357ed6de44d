"""Whether anything was heard of a block, and of each unit in it. No I/O.

A session that records nothing must not go on; one whose unit falls silent goes on, since 0 spikes
are a response too, but it is told.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from controller.errors import NoReply, NothingHeard, OnsetsUnclear
from controller.outcomes import UNCLEAR
from sessions.analysis.responses import ScoringRule
from sessions.open_block import FinishedPart
from sessions.records import NO_COUNT

FEWEST_SPIKES = 20
"""Of a unit in one block, for none in a later one to be no chance."""
_NAMED = 10


class SilentUnits:
    """Notes which units have fired and do not once in a block, and which do so again."""

    def __init__(self) -> None:
        self._most: dict[int, int] = {}
        """Spikes of each unit in one block, at most. One that is lost may be in the middle of a
        block, whose few spikes say nothing of what is usual."""
        self._silent: set[int] = set()

    def recall(
        self,
        blocks: npt.NDArray[np.int64],
        spike_unit_ids: npt.NDArray[np.integer],
        unit_ids: Sequence[int],
    ) -> None:
        """Take note of the spikes (k,) of blocks (k,) that were committed before."""
        for block in np.unique(blocks).tolist():
            self.told(block, spike_unit_ids[blocks == block], unit_ids)

    def told(
        self, block: int, spike_unit_ids: npt.NDArray[np.integer], unit_ids: Sequence[int]
    ) -> list[str]:
        """Return what is to be told of a block with these spikes (k,) of these units."""
        counts = {u: int(np.count_nonzero(spike_unit_ids == u)) for u in unit_ids}
        fell_silent = [
            unit
            for unit in unit_ids
            if not counts[unit]
            and unit not in self._silent
            and self._most.get(unit, 0) >= FEWEST_SPIKES
        ]
        fires_again = [u for u in unit_ids if counts[u] and u in self._silent]
        self._silent = (self._silent | set(fell_silent)) - set(fires_again)
        # One that comes back may be another cell, which fires less.
        before = {u: n for u, n in self._most.items() if u not in fires_again}
        self._most = {u: max(n, before.get(u, 0)) for u, n in counts.items()}
        found = []
        if fell_silent:
            found.append(
                f"{_units(fell_silent)} did not fire once in block {block}, but before: "
                "its responses count as 0; see whether it is lost, or its channel or "
                "sorting changed"
            )
        if fires_again:
            found.append(f"{_units(fires_again)} fires again in block {block}")
        return found


def _units(unit_ids: Sequence[int]) -> str:
    named = ", ".join(map(str, unit_ids[:_NAMED]))
    more = f" and {len(unit_ids) - _NAMED} more" if len(unit_ids) > _NAMED else ""
    return f"unit {named}{more}"


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
