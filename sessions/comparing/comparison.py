"""A comparison over sessions: every pair with its numbers, and what they say together.

A session counts once, however many pairs it holds: their numbers are averaged first. What is
printed or drawn of it is in `table`, `figure` and the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sessions.analysis.paired import Paired, compare_paired
from sessions.comparing.conditions import By, arms_of
from sessions.comparing.measures import Measured, Side, measure
from sessions.comparing.notes import notes_on
from sessions.comparing.pairing import pair_up
from sessions.errors import NotComparable
from sessions.reader import LogReader
from sessions.records import Floats, Ints

_SEED = 0
"""Of resampling: the same logs always give the same intervals, in whatever order they come."""


@dataclass(frozen=True)
class Pooled:
    """Over sessions: final scores in spikes/s, normalised ones, and generations to half a rise."""

    final: Paired
    normalised: Paired
    half_rise: Paired


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """Normalised scores of one condition over sessions, all (g,): mean, standard error, sessions.

    `sem` is NaN where there is one session.
    """

    generation: Ints
    mean: Floats
    sem: Floats
    n: Ints


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two conditions over sessions; all differences are the first minus the second.

    by: what was compared. scale_to: by whose largest generation scores were normalised, None for
    either's. pairs: all of them, in the order of time; `pooled` is over those that `counted`, which
    are all, or those in which one evolution at least succeeded.
    """

    by: By
    first: str
    second: str
    scale_to: str | None
    pairs: tuple[Measured, ...]
    counted: tuple[Measured, ...]
    pooled: Pooled
    notes: tuple[str, ...]

    @property
    def n_sessions(self) -> int:
        """How many sessions count; two that were paired with each other count as one."""
        return len({each.pair.name for each in self.counted})

    def mean_curve(self, side: Callable[[Measured], Side]) -> MeanCurve:
        """Return the normalised curve of one side, each generation over the sessions that had it.

        A generation's mean is over the sessions that got so far; none is made longer.
        """
        generation = np.unique(np.concatenate([each.generations for each in self.counted]))
        rows = [_row(each, side(each), generation) for each in self.counted]
        table = np.array(list(_by_session(self.counted, rows)))
        known = np.isfinite(table)
        n = known.sum(axis=0)
        mean = np.where(n > 0, np.nansum(table, axis=0) / np.maximum(n, 1), np.nan)
        squares = np.nansum(np.square(table - mean), axis=0)
        sem = np.where(n > 1, np.sqrt(squares / (np.maximum(n - 1, 1) * np.maximum(n, 1))), np.nan)
        return MeanCurve(generation, mean, sem, n)


def compare(
    logs: Sequence[LogReader],
    by: By = "optimizer",
    *,
    first: str | None = None,
    second: str | None = None,
    scale_to: str | None = None,
    successful_only: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Compare two conditions over logs, whose order does not matter.

    Args:
        logs: of one session each.
        by: what the conditions are names of.
        first: name of one condition, and `second` of the other; the two there are, in the order of
            the alphabet, where logs have no more.
        second: see `first`.
        scale_to: name of the condition by whose own largest generation scores are normalised.
        successful_only: pool over pairs in which one evolution or both went beyond the drift of
            their references.
        tell: called with how many pairs are measured, and of how many.

    Raises:
        NotComparable: see `arms_of`, `pair_up` and `measure`.

    """
    one, other, arms = arms_of(logs, by, first, second)
    if scale_to not in (None, one, other):
        raise NotComparable(f"Scores can be scaled to {one} or {other}, not to {scale_to}.")
    measured = []
    pairs = pair_up(one, other, arms, by)
    for done, pair in enumerate(pairs):
        tell(done, len(pairs))
        measured.append(measure(pair, scale_to))
    counted = tuple(m for m in measured if not successful_only or _succeeded(m))
    if not counted:
        raise NotComparable(
            f"In none of the {len(measured)} pair(s) did either evolution go beyond the drift of "
            "its references; without --successful all of them count."
        )
    return Comparison(
        by=by,
        first=one,
        second=other,
        scale_to=scale_to,
        pairs=tuple(measured),
        counted=counted,
        pooled=_pooled(counted),
        notes=tuple(notes_on(measured, counted)),
    )


def _pooled(pairs: Sequence[Measured]) -> Pooled:
    def over(value: Callable[[Side], float], which: int) -> Paired:
        sides = [[value(each.first) for each in pairs], [value(each.second) for each in pairs]]
        ours, theirs = (np.array(list(_by_session(pairs, side))) for side in sides)
        seeds = np.random.SeedSequence(_SEED, spawn_key=(which,))
        return compare_paired(ours, theirs, np.random.default_rng(seeds))

    return Pooled(
        final=over(lambda side: side.final, 0),
        normalised=over(lambda side: side.normalised, 1),
        half_rise=over(lambda side: side.half_rise.value, 2),
    )


def _by_session(pairs: Sequence[Measured], values: Sequence[float | Floats]) -> Iterator[Floats]:
    """Yield for each session the mean of the values of its pairs, in the order of pairs."""
    groups: dict[str, list[float | Floats]] = {}
    for each, value in zip(pairs, values, strict=True):
        groups.setdefault(each.pair.name, []).append(value)
    for group in groups.values():
        yield np.mean(np.array(group), axis=0)


def _row(measured: Measured, side: Side, generation: Ints) -> Floats:
    row = np.full(len(generation), np.nan)
    row[np.searchsorted(generation, side.curve.generation)] = (
        side.curve.evolved_mean / measured.scale
    )
    return row


def _succeeded(measured: Measured) -> bool:
    return bool(measured.first.succeeded or measured.second.succeeded)
