"""Spikes about onsets, presentation by presentation: what a raster plot draws.

Rates in bins are in `sessions.analysis.responses`. Nothing here knows where arrays come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sessions.records import Floats, Ints, Window


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes `(k,)` of the chosen units about the onsets of presentations `(p,)`.

    presentation_id, block: (p,) of every presentation whose onset is known, also without spikes,
        in the order in which they were given.
    spike_presentation_id: (k,) to which presentation each spike belongs.
    from_onset_s: (k,) seconds from its onset; sorted within a presentation.
    spike_unit_id: (k,) which unit fired it.
    """

    presentation_id: Ints
    block: Ints
    spike_presentation_id: Ints
    from_onset_s: Floats
    spike_unit_id: Ints

    def of_block(self, block: int) -> Raster:
        """Return what belongs to one block."""
        shown = self.block == block
        fired = np.isin(self.spike_presentation_id, self.presentation_id[shown])
        return Raster(
            self.presentation_id[shown],
            self.block[shown],
            self.spike_presentation_id[fired],
            self.from_onset_s[fired],
            self.spike_unit_id[fired],
        )


def raster(
    spike_rig_s: Floats,
    spike_unit_id: Ints,
    unit_ids: Ints,
    presentation_id: Ints,
    block: Ints,
    onset_rig_s: Floats,
    window_s: Window,
) -> Raster:
    """Find the spikes in a window about each onset.

    A spike at t belongs to an onset exactly if `onset + a <= t < onset + b`; windows may overlap,
    and then it belongs to several.

    Args:
        spike_rig_s: (s,) spike times on the rig clock, in any order.
        spike_unit_id: (s,) the unit that fired each.
        unit_ids: the units whose spikes are wanted.
        presentation_id: (p,) ids of the presentations.
        block: (p,) in which block each was.
        onset_rig_s: (p,) onsets on the rig clock; NaN where unknown, and then it is left out.
        window_s: (a, b) from onset, a < b.

    Raises:
        ValueError: the window is empty or reversed.

    """
    start_s, stop_s = window_s
    if not start_s < stop_s:
        raise ValueError(f"The window {window_s} is empty; its start must lie before its end.")
    mine = np.isin(spike_unit_id, unit_ids)
    order = np.argsort(spike_rig_s[mine], kind="stable")
    times, units = spike_rig_s[mine][order], spike_unit_id[mine][order]
    known = np.isfinite(onset_rig_s)
    onsets = onset_rig_s[known]
    first = np.searchsorted(times, onsets + start_s, side="left")
    n = np.searchsorted(times, onsets + stop_s, side="left") - first
    # Places of the spikes of all onsets, one after the other.
    row = np.repeat(np.arange(len(onsets)), n)
    place = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + first[row]
    return Raster(
        presentation_id[known],
        block[known],
        presentation_id[known][row],
        times[place] - onsets[row],
        units[place],
    )
