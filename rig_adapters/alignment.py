"""Pairs what was shown with what was recorded: onsets, completeness and failed trials. Pure.

Light carries no ids, so a presentation finds its sync edge by time, and from then on everything
goes by presentation id. Scoring and logging are left to the callers.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rig_adapters.clocks import ClockMap, Seconds, fit_clock
from rig_adapters.recorded import Recording

Ids = npt.NDArray[np.int64]
SyncSource = Literal["photodiode", "clock", "none"]

MIN_PAIRS = 3
"""Matched edges below which the clock map is left as it was."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where each presentation begins on the rig's clock.

    presentation_ids (p,); onset_rig_s (p,), NaN without a flip; sync: where each onset comes from;
    sync_error_s (p,): sync edge minus what the clock map had predicted, NaN without an edge;
    clock: the map from flips to onsets, refined by the edges, so it contains the display's lag;
    unmatched_sync_rig_s: edges that belong to no presentation.
    """

    presentation_ids: Ids
    onset_rig_s: Seconds
    sync: tuple[SyncSource, ...]
    sync_error_s: Seconds
    clock: ClockMap
    unmatched_sync_rig_s: Seconds


def align(
    presentation_ids: Ids,
    flip_on_host_s: Seconds,
    sync_rig_s: Seconds | None,
    clock: ClockMap,
    tolerance_s: float,
) -> Alignment:
    """Find the onset of each presentation on the rig's clock.

    A flip and an edge belong together when each is the other's nearest and they are at most
    `tolerance_s` apart; so no edge is used twice and no pairs cross. Where a flip finds no edge the
    refined clock map gives the onset; where there is no flip (NaN) there is no onset.

    presentation_ids: (p,) distinct.
    flip_on_host_s: (p,) host times of the flips, NaN where none was confirmed; any order.
    sync_rig_s: (m,) edges, any order; None for a rig that cannot see onsets.
    clock: where the search starts.
    tolerance_s: how far apart a flip and its edge may be.

    Raises ValueError when the columns do not fit together or an id occurs twice.
    """
    flips = np.asarray(flip_on_host_s, np.float64)
    if flips.shape != presentation_ids.shape or flips.ndim != 1:
        raise ValueError(
            f"{presentation_ids.shape} presentations came with {flips.shape} flips: give one each"
        )
    if np.unique(presentation_ids).size != presentation_ids.size:
        raise ValueError("a presentation id occurs twice: ids must be distinct within a session")
    edges = np.sort(np.zeros(0) if sync_rig_s is None else np.asarray(sync_rig_s, np.float64))
    predicted = clock.to_rig(flips)
    matched = _mutual_nearest(predicted, edges, tolerance_s)
    has_edge = matched >= 0
    if has_edge.sum() >= MIN_PAIRS:
        clock = fit_clock(flips[has_edge], edges[matched[has_edge]], clock)
    onsets = clock.to_rig(flips)
    onsets[has_edge] = edges[matched[has_edge]]
    errors = np.full(flips.shape, np.nan)
    errors[has_edge] = onsets[has_edge] - predicted[has_edge]
    return Alignment(
        presentation_ids=presentation_ids,
        onset_rig_s=onsets,
        sync=tuple(_source(*row) for row in zip(has_edge, np.isfinite(flips), strict=True)),
        sync_error_s=errors,
        clock=clock,
        unmatched_sync_rig_s=np.delete(edges, matched[has_edge]),
    )


def completeness(
    onset_rig_s: Seconds, window_s: tuple[float, float], recording: Recording
) -> npt.NDArray[np.bool_]:
    """Whether the window of each presentation (p,) was recorded to its end without a gap: (p,).

    `window_s` counts from the onset and is half-open. Without an onset (NaN) nothing is complete.
    """
    return recording.covers(onset_rig_s + window_s[0], onset_rig_s + window_s[1])


def broken_fixations(
    onset_rig_s: Seconds,
    trial_ids: Ids,
    breaks_rig_s: Seconds,
    window_end_s: float,
    lead_in_s: float,
    fail_all: bool,
) -> Seconds:
    """When the animal looked away from each presentation (p,): NaN where it did not.

    A trial lasts from `lead_in_s` before its first onset to `window_end_s` after its last one. A
    break within it fails every presentation of that trial whose window is not over by then: those
    that were on or still to come; with `fail_all`, the earlier ones too. A break outside of all
    trials fails nothing.

    onset_rig_s: (p,) onsets, NaN where there is none.
    trial_ids: (p,)
    breaks_rig_s: (b,) moments at which a fixation was broken.
    window_end_s: end of the response window, from onset.
    lead_in_s: from the fixation spot to the trial's first image.
    """
    broken = np.full(onset_rig_s.shape, np.nan)
    for trial_id in np.unique(trial_ids[np.isfinite(onset_rig_s)]):
        rows = np.flatnonzero((trial_ids == trial_id) & np.isfinite(onset_rig_s))
        ends = onset_rig_s[rows] + window_end_s
        begin = onset_rig_s[rows].min() - lead_in_s
        during = breaks_rig_s[(breaks_rig_s >= begin) & (breaks_rig_s < ends.max())]
        if during.size:
            broken[rows[fail_all | (ends > during.min())]] = during.min()
    return broken


def _mutual_nearest(predicted: Seconds, edges: Seconds, tolerance_s: float) -> Ids:
    """Index of the edge of each prediction (p,) in sorted `edges` (m,), -1 where there is none."""
    matched = np.full(predicted.shape, -1, np.int64)
    rows = np.flatnonzero(np.isfinite(predicted))
    if not rows.size or not edges.size:
        return matched
    rows = rows[np.argsort(predicted[rows], kind="stable")]
    flips = predicted[rows]
    edge_of_flip, flip_of_edge = _nearest(edges, flips), _nearest(flips, edges)
    mutual = flip_of_edge[edge_of_flip] == np.arange(flips.size)
    close = np.abs(edges[edge_of_flip] - flips) <= tolerance_s
    matched[rows[mutual & close]] = edge_of_flip[mutual & close]
    return matched


def _nearest(points: Seconds, queries: Seconds) -> Ids:
    """Index of the nearest of sorted `points` (m,) to each of `queries` (q,); ties to the left."""
    right = np.clip(np.searchsorted(points, queries), 1, max(1, points.size - 1))
    right = np.minimum(right, points.size - 1)
    left = np.maximum(right - 1, 0)
    nearer_right = points[right] - queries < queries - points[left]
    nearest: Ids = np.where(nearer_right, right, left)
    return nearest


def _source(has_edge: bool, has_flip: bool) -> SyncSource:
    if has_edge:
        return "photodiode"
    return "clock" if has_flip else "none"
