"""Counts of a relay that cannot tell of single spikes: how many each unit fired after each onset.

They become spikes in the middle of their window, where any way of cutting that window finds all of
them. What would make a count of one onset fall into the window of another is refused. Pure.
"""

import numpy as np
import numpy.typing as npt

from rig_adapters.errors import Reason, RemoteProtocolError
from rig_adapters.relay.messages import Told
from rig_adapters.units import unit_id_of

Ints = npt.NDArray[np.int64]
UnitIds = npt.NDArray[np.int32]


class Counting:
    """Follows the onsets of one recording.

    window: from which to which sample, from an onset, the relay counts. unit_ids: of all units that
    it counts.
    """

    def __init__(self, window: tuple[int, int], unit_ids: list[int]) -> None:
        self._begin, self._end = window
        self._unit_ids = frozenset(unit_ids)
        self._onsets: list[int] = []
        """Of which windows are not over, and the last one of which it is."""
        self._known_from: int | None = None
        """From here on all onsets were told."""

    def lost(self) -> None:
        """Something was not told: nobody knows which onsets there were."""
        self._onsets, self._known_from = [], None

    @property
    def certain_from(self) -> int:
        """From this sample on, what was told is all: before, windows of unknown onsets reach."""
        return (self._known_from or 0) + max(0, self._end)

    def take(self, told: Told) -> tuple[Ints, UnitIds]:
        """Return spikes by sample and unit. RemoteProtocolError where counts are not as they must.

        A message that was refused counts as lost.
        """
        known_from = told.from_sample if self._known_from is None else self._known_from
        counts = {o: found for o, found in self._by_onset(told).items() if o >= known_from}
        onsets = sorted({*self._onsets, *told.onsets})
        due = [onset for onset in onsets if onset + self._end <= told.through]
        due = [onset for onset in due if onset + self._end > told.from_sample]
        for onset in counts.keys() - set(due):
            raise _wrong(f"counts of onset {onset} come before its window is over, or again")
        samples, units = [], []
        for onset in due:
            middle = self._middle(onset, told, onsets)
            found = counts.get(onset, {})
            if found.keys() != self._unit_ids:
                raise _wrong(f"the window of onset {onset} is over, but not all units are counted")
            for unit_id, number in found.items():
                samples += [middle] * number
                units += [unit_id] * number
        # One more is kept, whose window may reach into that of the next.
        over = [onset for onset in onsets if onset + self._end <= told.through]
        self._onsets, self._known_from = onsets[max(0, len(over) - 1) :], known_from
        return np.array(samples, np.int64), np.array(units, np.int32)

    def _by_onset(self, told: Told) -> dict[int, dict[int, int]]:
        if told.spikes:
            raise _wrong("a relay that counts tells of no spikes")
        found: dict[int, dict[int, int]] = {}
        for onset, channel, unit, number in told.counts:
            of_onset = found.setdefault(onset, {})
            unit_id = unit_id_of(channel, unit)
            if unit_id in of_onset:
                raise _wrong(f"unit {unit} of channel {channel} is counted twice at onset {onset}")
            of_onset[unit_id] = number
        return found

    def _middle(self, onset: int, told: Told, onsets: list[int]) -> int:
        middle = onset + (self._begin + self._end) // 2
        if not told.from_sample <= middle < told.through:
            raise _wrong(
                f"a message has ended between the middle of the window of onset {onset}, sample "
                f"{middle}, and its end: say nothing there"
            )
        others = [o for o in onsets if o != onset]
        if any(o + self._begin <= middle < o + self._end for o in others):
            raise _wrong(
                "windows overlap by half or more, so that counts cannot be told apart: tell of "
                "single spikes, or show images more slowly"
            )
        return middle


def _wrong(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"counts: {what}", Reason.BODY)
