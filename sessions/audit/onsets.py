"""Onsets against flips, sync edges and the clock map: each moment must be its own.

Spikes are counted from onsets, so onsets that are off by one presentation give every image the
response of another, while all else fits. The clock map is fitted again from the logged pairs, by
trimmed least squares instead of the controller's reweighted ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sessions.audit.block import LoggedBlock, listed
from sessions.records import CLOCK_STEPPED, Floats

FARTHEST_S = 0.05
"""An onset farther than this from its flip is another's, however rarely images are shown."""
NEARER_S = 0.005
"""A sync edge that is nearer by this much should have been the onset."""
MAP_TOLERANCE_S = 5e-4
"""How far two fits to the same pairs may lie apart, at least; more where the pairs scatter."""
RESIDUAL_FLOOR_S = 1e-6
ROUNDING_S = 2e-6
MIN_PAIRS = 3
MOST_PAIRS = 20_000
_TRIMMINGS = 20


@dataclass(frozen=True)
class Line:
    """`rig = offset_s + (1 + drift) * host`."""

    offset_s: float
    drift: float

    def at(self, host_s: Floats) -> Floats:
        """Rig times of host times."""
        times: Floats = self.offset_s + (1.0 + self.drift) * host_s
        return times


def onsets_disagree(logged: LoggedBlock) -> Iterator[str]:
    """Find onsets that are not those of their own flip, or not at a sync edge that they name."""
    shown, clock = logged.rows.presentations, logged.rows.clock
    ids, sync = shown.presentation_id, shown.sync
    known = np.isfinite(shown.onset_rig_s)
    # Of what another program shows, nobody says when it came on.
    timed = (sync != "none") | ((shown.outcome == "completed") & (not logged.reports_rates))
    unknown = (~known) & timed
    unexplained = known & ((sync == "none") | ~np.isfinite(shown.flip_on_host_s))
    for rows, what in (
        (unknown, "have no onset, and say where it came from or that they completed"),
        (unexplained, "have an onset without a flip or a source"),
    ):
        if rows.any():
            yield f"presentations {listed(ids[rows].tolist())} {what}"
    known &= ~unexplained
    sure = np.isfinite(shown.onset_uncertainty_s) & (shown.onset_uncertainty_s >= 0)
    # Logs of older versions say of no onset how sure it is.
    wrong = (sure & ~known) | (known & ~sure & sure.any())
    if wrong.any():
        yield (
            f"presentations {listed(ids[wrong].tolist())} have an onset and not how sure it is, or "
            "the other way round"
        )
    onsets, edges = shown.onset_rig_s[known], np.sort(logged.rows.sync.rig_time_s)
    by_edge = sync[known] == "photodiode"
    yield from _not_at_edges(ids[known][by_edge].tolist(), onsets[by_edge], edges)
    if len(clock.block) != 1:
        yield f"/clock has {len(clock.block)} rows for this block"
        return
    stepped = ids[np.char.startswith(shown.reason, CLOCK_STEPPED)]
    if len(stepped):
        # What was shown before followed another map, which the log does not keep.
        known &= ids > stepped.max()
        onsets, by_edge = shown.onset_rig_s[known], sync[known] == "photodiode"
    if not len(onsets) or not np.isfinite(clock.offset_s[0]):
        return
    line = Line(float(clock.offset_s[0]), float(clock.drift[0]))
    predicted = line.at(shown.flip_on_host_s[known])
    off = np.abs(onsets - predicted)
    # Before the first edge an onset may be off by what the adapter's own readings are.
    doubt_s = np.where(by_edge, 0.0, np.nan_to_num(shown.onset_uncertainty_s[known]))
    far = off > _tolerance_s(shown.flip_on_host_s) + doubt_s
    if far.any():
        yield (
            f"onsets of presentations {listed(ids[known][far].tolist())} are up to "
            f"{1e3 * off.max():.0f} ms away from where the clock map puts their flips"
        )
    if len(edges):
        nearest = np.min(np.abs(predicted[:, None] - edges[None, :]), axis=1)
        passed = by_edge & ~far & (nearest + NEARER_S < off)
        if passed.any():
            yield (
                f"onsets of presentations {listed(ids[known][passed].tolist())} are not the sync "
                "edges nearest to their flips"
            )


class ClockPairs:
    """The pairs of flip and edge so far, from which every clock map of a session was fitted."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, float]] = deque(maxlen=MOST_PAIRS)

    def map_disagrees(self, logged: LoggedBlock) -> Iterator[str]:
        """Find a clock map that the pairs do not give, and remember the pairs of this block."""
        shown, clock = logged.rows.presentations, logged.rows.clock
        matched = (shown.sync == "photodiode") & np.isfinite(shown.flip_on_host_s)
        flips, onsets = shown.flip_on_host_s[matched], shown.onset_rig_s[matched]
        self._pairs.extend(zip(flips.tolist(), onsets.tolist(), strict=True))
        n_pairs = int(clock.n_pairs[0]) if len(clock.n_pairs) == 1 else 0
        # One pair is a reading of both clocks by the adapter, which is not in the log.
        if n_pairs < MIN_PAIRS:
            return
        if n_pairs > len(self._pairs):
            yield f"the clock map says {n_pairs} pairs, but the log has {len(self._pairs)}"
            return
        pairs = np.array(list(self._pairs)[-n_pairs:])
        host, rig = pairs[:, 0], pairs[:, 1]
        logged_line = Line(float(clock.offset_s[0]), float(clock.drift[0]))
        residual_s = float(clock.residual_s[0])
        again_s = _spread(rig - logged_line.at(host))
        if not abs(again_s - residual_s) <= ROUNDING_S + 1e-6 * again_s:
            yield (
                f"the clock map says a residual of {1e3 * residual_s:.3f} ms, but its pairs "
                f"scatter by {1e3 * again_s:.3f} ms"
            )
        line, used = _trimmed_line(host, rig)
        ends = np.array([host[used].min(), host[used].max()])
        apart_s = float(np.abs(line.at(ends) - logged_line.at(ends)).max())
        if not apart_s <= max(MAP_TOLERANCE_S, 3.0 * again_s):
            yield f"the clock map is {1e3 * apart_s:.1f} ms away from one fitted to its pairs"


def _not_at_edges(ids: list[int], onsets: Floats, edges: Floats) -> Iterator[str]:
    astray = [i for i, onset in zip(ids, onsets, strict=True) if onset not in edges]
    if astray:
        yield f"onsets of presentations {listed(astray)} are at no sync edge"
    if len(np.unique(onsets)) < len(onsets):
        yield "one sync edge is the onset of two presentations"


def _tolerance_s(flips_host_s: Floats) -> float:
    """Half of the shortest time between two flips: beyond it another flip is nearer."""
    flips = np.sort(flips_host_s[np.isfinite(flips_host_s)])
    gaps = np.diff(flips)
    return min(FARTHEST_S, float(gaps.min()) / 2) if len(gaps) else FARTHEST_S


def _trimmed_line(host: Floats, rig: Floats) -> tuple[Line, np.ndarray]:
    """Least squares through the pairs that lie within four standard deviations of the line."""
    center = float(host.mean())
    x, y = host - center, rig - host
    used = np.ones(len(x), dtype=bool)
    slope = intercept = 0.0
    for _ in range(_TRIMMINGS):
        mean_x, mean_y = x[used].mean(), y[used].mean()
        width = float(np.sum((x[used] - mean_x) ** 2))
        slope = float(np.sum((x[used] - mean_x) * (y[used] - mean_y))) / width if width else 0.0
        intercept = float(mean_y - slope * mean_x)
        rest = y - intercept - slope * x
        near = np.abs(rest - np.median(rest)) <= 4.0 * _spread(rest)
        if (near == used).all():
            break
        used = near
    return Line(intercept - slope * center, slope), used


def _spread(rest: Floats) -> float:
    """1.4826 times the median absolute deviation: the standard deviation of a Gaussian."""
    return max(1.4826 * float(np.median(np.abs(rest - np.median(rest)))), RESIDUAL_FLOOR_S)
