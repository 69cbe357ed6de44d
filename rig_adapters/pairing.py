"""Which edge belongs to which flip, by time alone: the nearest, or what the whole pattern says.

Light carries no ids. Where the clock map is known to within a frame, the nearest edge is the flip's
own. Where it is not, it could be that of the image before, and then all flips of a part are held
against all edges at once. Which edges are believed is decided in `alignment`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig_adapters.clocks import ClockMap, Seconds, fit_clock

Ids = npt.NDArray[np.int64]

MIN_PAIRS = 3
"""Matched edges below which the clock map is left as it was."""
CLEAR_LEAD = 3
"""By so many matched edges at least, and by `CLEAR_SHARE` of them, the best fit must lead: an edge
too many for a wrong one has to be spurious, and another image's."""
CLEAR_LEAD_OF_ALL = 2
"""The same where the best fit leaves no flip without an edge: were it wrong, as many edges would
have to be missing and as many spurious, each at its place."""
CLEAR_SHARE = 0.1
_REACH = 2.0
"""The search goes so many half-widths of the map's 95 % interval to both sides."""


@dataclass(frozen=True)
class Rivals:
    """Two ways to pair flips with edges that fit about equally well, `apart_s` from each other."""

    matched: int
    matched_otherwise: int
    apart_s: float


def nearest_edges(predicted: Seconds, edges: Seconds, tolerance_s: float) -> Ids:
    """Index of the edge of each prediction (p,) in sorted `edges` (m,), -1 where there is none.

    The two are each other's nearest, and at most `tolerance_s` apart.
    """
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


def locate(
    flips: Seconds, edges: Seconds, clock: ClockMap, tolerance_s: float
) -> ClockMap | Rivals | None:
    """Search the map from flips (p,) to edges (m,) within what `clock` leaves open.

    Returns None where too few edges fit anywhere, and the best two where none is clearly best.
    """
    flips = np.sort(flips[np.isfinite(flips)])
    if not flips.size or not edges.size:
        return None
    near_s = tolerance_s / 4.0
    center_s = float(flips.mean())
    radius_s = tolerance_s + _REACH * float(clock.half_width_s(flips).max())
    rows, off = _within(clock.to_rig(flips), edges, radius_s)
    if not off.size:
        return None
    gaps = np.diff(flips)
    # Two fits that are nearer than this pair the same flips with the same edges.
    apart_s = max(float(gaps.min()) / 2 if gaps.size else np.inf, 2.0 * near_s)
    x = (flips - center_s)[rows]
    drifts = _drifts(clock, flips, near_s)
    counts, offsets_s = map(
        np.array, zip(*(_fits(off - drift * x, near_s) for drift in drifts), strict=True)
    )
    best = np.unravel_index(np.argmax(counts), counts.shape)
    others = np.abs(offsets_s - offsets_s[best]) > apart_s
    second = np.unravel_index(np.argmax(np.where(others, counts, 0)), counts.shape)
    matched, otherwise = int(counts[best]), int(counts[second]) if others.any() else 0
    if matched < MIN_PAIRS:
        return None
    needed = CLEAR_LEAD_OF_ALL if matched == flips.size else CLEAR_LEAD
    if matched - otherwise < max(needed, CLEAR_SHARE * matched):
        return Rivals(matched, otherwise, abs(float(offsets_s[second] - offsets_s[best])))
    mine = np.abs(off - offsets_s[best] - drifts[best[0]] * x) <= near_s
    host = flips[rows[mine]]
    return fit_clock(host, clock.to_rig(host) + off[mine], clock)


def _drifts(clock: ClockMap, flips: Seconds, near_s: float) -> Seconds:
    """Drifts beside that of `clock` to try, so near to one another that none is missed."""
    widest = _REACH * clock.drift_error
    half_span_s = max(float(np.ptp(flips)) / 2, near_s)
    n = int(np.ceil(widest * half_span_s / near_s))
    return np.linspace(-widest, widest, 2 * n + 1) if n else np.zeros(1)


def _within(predicted: Seconds, edges: Seconds, radius_s: float) -> tuple[Ids, Seconds]:
    """Pairs (q,) of a prediction and an edge at most `radius_s` apart.

    Returns the index of the prediction, and by how much the edge is later.
    """
    first = np.searchsorted(edges, predicted - radius_s)
    last = np.searchsorted(edges, predicted + radius_s, side="right")
    rows = np.repeat(np.arange(predicted.size), last - first)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    return rows, edges[columns.astype(np.int64)] - predicted[rows]


def _fits(places: Seconds, near_s: float) -> tuple[Ids, Seconds]:
    """How many of `places` (q,) lie within `near_s` of each offset (q,) that is tried: (q,)."""
    places = np.sort(places)
    ends = np.searchsorted(places, places + 2.0 * near_s, side="right")
    return ends - np.arange(places.size), places + near_s


def _nearest(points: Seconds, queries: Seconds) -> Ids:
    """Index of the nearest of sorted `points` (m,) to each of `queries` (q,); ties to the left."""
    right = np.clip(np.searchsorted(points, queries), 1, max(1, points.size - 1))
    right = np.minimum(right, points.size - 1)
    left = np.maximum(right - 1, 0)
    nearer_right = points[right] - queries < queries - points[left]
    nearest: Ids = np.where(nearer_right, right, left)
    return nearest
