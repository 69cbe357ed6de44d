"""Pairs what was shown with what was recorded: onsets, completeness and failed trials. Pure.

Light carries no ids, so a presentation finds its sync edge by time (`pairing`), and from then on
everything goes by presentation id. An edge is held against its flip, and both against the grid of
the screen's frames (`frames`), before it is believed. Scoring and logging are left to the callers.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from rig_adapters.clocks import ClockMap, Seconds, fit_clock, scatter_s, wide_spread_s
from rig_adapters.frames import GOOD_SPREADS, MIN_FLIPS, TIGHT_S, FrameGrid
from rig_adapters.pairing import MIN_PAIRS, Rivals, locate, nearest_edges
from rig_adapters.recorded import Recording

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
SyncSource = Literal["photodiode", "clock", "none"]


def _no_times() -> Seconds:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Flips on the host clock with the edges that were believed to be theirs: `(k,)`, `(k,)`."""

    flips_host_s: Seconds = field(default_factory=_no_times)
    edges_rig_s: Seconds = field(default_factory=_no_times)

    def and_then(self, flips_host_s: Seconds, edges_rig_s: Seconds) -> "Pairs":
        """Return these and some later ones."""
        return Pairs(
            np.concatenate([self.flips_host_s, flips_host_s]),
            np.concatenate([self.edges_rig_s, edges_rig_s]),
        )


@dataclass(frozen=True, eq=False)
class Witnesses:
    """What is known of a session by which edges are believed.

    tolerance_s: how far apart a flip and its edge may be.
    earlier: pairs that were believed before, on the same clocks.
    grid: that of the screen's frames, None where there is none.
    light: whether edges are made by light, as a photodiode's are; a line is set by the very
    program that stamps the flip, so both are late together.
    """

    tolerance_s: float
    earlier: Pairs = field(default_factory=Pairs)
    grid: FrameGrid | None = None
    light: bool = True


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where each presentation begins on the rig's clock.

    presentation_ids (p,); onset_rig_s (p,), NaN without a flip; onset_uncertainty_s (p,):
    half-width of the interval about the onset that holds the true one in 95 of 100 cases, NaN
    without an onset; sync: where each onset comes from; sync_error_s (p,): the edge found, believed
    or not, minus what all edges let expect, NaN without one;
    clock: the map from flips to onsets, by all pairs, so it contains the display's lag;
    unmatched_sync_rig_s: edges that are no presentation's onset;
    rivals: why nothing has an onset, where flips and edges fit in two ways; else None.
    """

    presentation_ids: Ids
    onset_rig_s: Seconds
    onset_uncertainty_s: Seconds
    sync: tuple[SyncSource, ...]
    sync_error_s: Seconds
    clock: ClockMap
    unmatched_sync_rig_s: Seconds
    rivals: Rivals | None = None


def align(
    presentation_ids: Ids,
    flip_on_host_s: Seconds,
    sync_rig_s: Seconds | None,
    clock: ClockMap,
    known: Witnesses,
) -> Alignment:
    """Find the onset of each presentation on the rig's clock.

    A flip and an edge belong together when each is the other's nearest and they are at most
    `known.tolerance_s` apart; so no edge is used twice and no pairs cross. Where `clock` may be off
    by more than half of that, the whole pattern of flips and edges says by how much, or nothing has
    an onset. An edge that is believed (`_believed`) is the onset; elsewhere the clock map gives it,
    from the flip, which is put back on the grid; where there is no flip (NaN) there is none.

    presentation_ids: (p,) distinct.
    flip_on_host_s: (p,) host times of the flips, NaN where none was confirmed; any order.
    sync_rig_s: (m,) edges, any order; None for a rig that cannot see onsets.
    clock: where the search starts.

    Raises ValueError when the columns do not fit together or an id occurs twice.
    """
    flips = np.asarray(flip_on_host_s, np.float64)
    _check(presentation_ids, flips)
    edges = np.sort(np.zeros(0) if sync_rig_s is None else np.asarray(sync_rig_s, np.float64))
    start, candidates = clock, edges
    if _doubt_s(clock, flips) > known.tolerance_s / 2:
        located = locate(flips, edges, clock, known.tolerance_s)
        if isinstance(located, Rivals):
            return _without_onsets(presentation_ids, edges, clock, located)
        # Where too few edges fit anywhere, the nearest might be anybody's.
        start, candidates = (clock, edges[:0]) if located is None else (located, edges)
    found = nearest_edges(start.to_rig(flips), candidates, known.tolerance_s)
    believed = found >= 0
    pairs = known.earlier.and_then(flips[believed], edges[found[believed]])
    if pairs.flips_host_s.size >= MIN_PAIRS:
        start = fit_clock(pairs.flips_host_s, pairs.edges_rig_s, start)
        usual_s = wide_spread_s(pairs.edges_rig_s - start.to_rig(pairs.flips_host_s))
        apart_s = max(TIGHT_S, GOOD_SPREADS * usual_s)
        found = nearest_edges(start.to_rig(flips), candidates, known.tolerance_s)
    # The edge of each flip, NaN where none was found.
    seen = np.append(edges, np.nan)[found]
    if pairs.flips_host_s.size >= MIN_PAIRS:
        believed = _believed(flips, start.to_host(seen), apart_s, known)
        pairs = known.earlier.and_then(flips[believed], seen[believed])
    if pairs.flips_host_s.size >= MIN_PAIRS:
        clock = fit_clock(pairs.flips_host_s, pairs.edges_rig_s, start)
    onsets = clock.to_rig(flips if known.grid is None else known.grid.put_back(flips))
    onsets[believed] = seen[believed]
    uncertainty_s = _uncertainty_s(flips, believed, seen - onsets, clock, pairs, known.grid)
    return Alignment(
        presentation_ids=presentation_ids,
        onset_rig_s=onsets,
        onset_uncertainty_s=uncertainty_s,
        sync=tuple(map(_source, believed, np.isfinite(flips))),
        sync_error_s=seen - start.to_rig(flips),
        clock=clock,
        unmatched_sync_rig_s=np.delete(edges, found[believed]),
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


def _check(presentation_ids: Ids, flips: Seconds) -> None:
    if flips.shape != presentation_ids.shape or flips.ndim != 1:
        raise ValueError(
            f"{presentation_ids.shape} presentations came with {flips.shape} flips: give one each"
        )
    if np.unique(presentation_ids).size != presentation_ids.size:
        raise ValueError("a presentation id occurs twice: ids must be distinct within a session")


def _doubt_s(clock: ClockMap, flips: Seconds) -> float:
    return float(np.max(clock.half_width_s(flips[np.isfinite(flips)]), initial=0.0))


def _believed(flips: Seconds, edges: Seconds, apart_s: float, known: Witnesses) -> Flags:
    """Whether the edge of each flip (p,), (p,) is believed to be its onset: (p,).

    It is where the two agree, or where it lies on the grid of the frames while its flip does not,
    or while it is light, that came a frame later than asked for. A line is no witness of its own:
    where it and its flip were late together, neither lies on the grid.

    edges: on the host clock, by the map through all pairs, NaN where there is none; apart_s: a flip
    and an edge that are farther apart do not agree.
    """
    agree: Flags = np.abs(edges - flips) <= apart_s
    grid = known.grid
    if grid is None or 4.0 * apart_s > grid.period_s:
        return agree
    edge_on_grid: Flags = np.abs(grid.off_s(edges)) <= max(apart_s, grid.tolerance_s)
    if known.light:
        return agree | edge_on_grid
    believed: Flags = edge_on_grid & (agree | ~grid.holds(flips))
    return believed


def _uncertainty_s(
    flips: Seconds,
    believed: Flags,
    disagreement_s: Seconds,
    clock: ClockMap,
    pairs: Pairs,
    grid: FrameGrid | None,
) -> Seconds:
    """Half-width of the 95 % interval of each onset (p,): (p,).

    Held against the grid, flips and edges each show their own scatter. Without it only their
    distance is known, which is taken for the scatter of each: too much rather than too little.
    """
    of_map = clock.half_width_s(flips)
    if pairs.flips_host_s.size < MIN_PAIRS:
        return np.hypot(of_map, 0.0 if grid is None else grid.half_width_s)
    if grid is not None:
        of_edge, of_flip = _scatter_about(grid, clock, pairs)
        by_clock = np.hypot(of_map, of_flip)
    else:
        of_edge = scatter_s(pairs.edges_rig_s - clock.to_rig(pairs.flips_host_s))
        # Nobody can say which of two that disagree is right.
        by_clock = np.hypot(of_map, of_edge) + np.nan_to_num(np.abs(disagreement_s))
    uncertainty: Seconds = np.where(believed, of_edge, by_clock)
    return uncertainty


def _scatter_about(grid: FrameGrid, clock: ClockMap, pairs: Pairs) -> tuple[float, float]:
    """How far edges are from their frames, and flips from the frames of their light."""
    recent = pairs.flips_host_s >= grid.from_host_s
    edges, flips = clock.to_host(pairs.edges_rig_s[recent]), pairs.flips_host_s[recent]
    of_edge = scatter_s(grid.off_s(edges))
    if flips.size < MIN_FLIPS:
        return of_edge, grid.half_width_s
    # Where light comes a frame late more often than once in twenty times, this reaches there.
    return of_edge, scatter_s(grid.nearest_s(edges) - grid.put_back(flips))


def _without_onsets(ids: Ids, edges: Seconds, clock: ClockMap, rivals: Rivals) -> Alignment:
    unknown = np.full(ids.shape, np.nan)
    nowhere = tuple(_source(believed=False, has_flip=False) for _ in ids)
    return Alignment(ids, unknown, unknown, nowhere, unknown, clock, edges, rivals)


def _source(believed: bool, has_flip: bool) -> SyncSource:
    if believed:
        return "photodiode"
    return "clock" if has_flip else "none"
