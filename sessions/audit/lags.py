"""Whether the responses of a block belong to the images they are logged for, or to neighbours.

Where everything is delivered one presentation late, every id, hash, edge and count fits, and every
score belongs to another image. Only the responses themselves can tell. So each block is compared
with what earlier blocks let one expect of it: of every reference image what it evoked before, of
the generated images of a thread what those before them evoked.

For presentation k in shown order and unit u let y[k, u] = 2 sqrt(count + 3/8), which makes Poisson
noise even (Anscombe 1948), and x[k, u] its expectation, both divided by the standard deviation of
y[:, u] in the block. For a lag l, over the N presentations k that have an expectation and whose
k + l completed, with X and Y centred,

    T = sum over k, u of X[k, u] Y[k + l, u]      z = T / sqrt(sum((X'X) * (Y'Y)) / (N - 1))

which is T by its exact standard deviation over all assignments of responses to presentations
(Hoeffding 1951): since the order of images is drawn at random, this holds whatever the noise is and
however the units are correlated. A gain changes nothing. Expectations are learned at lag 0, and for
each lag also at that lag, which finds sessions that were shifted from their first block on.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sessions.audit.block import LoggedBlock
from sessions.records import NO_THREAD, Floats

MAX_LAG = 3
LAGS = tuple(range(-MAX_LAG, MAX_LAG + 1))
POOLED_BLOCKS = 8
"""Blocks over which z is also added up, for neurons whose single blocks are too noisy."""
MIN_ROWS = 20
"""Presentations with an expectation below which a block is not tested."""
ALARM_Z = 4.8
"""z of a wrong lag that is no chance …"""
BETTER_Z = 3.0
"""… and by how much it must exceed that of lag 0, which responses that overlap do not."""
LOST_FROM_Z = 4.5
LOST_BELOW_Z = 1.5
"""Responses that fitted like the first and now fit like the second belong to other images."""
LOST_MEMORY = 5
"""So many blocks in a row must have fitted before."""
MEMORY = 0.9
"""What a block's weight in the expectations loses with each block after it."""

Label = tuple[float, ...]
"""What responses are expected to share: a reference image at a place, or a thread's images."""


@dataclass(frozen=True, eq=False)
class Responses:
    """A block in shown order: what each presentation showed, and how every unit answered.

    `labels` of `p` presentations, `counts` (p, u), `completed` (p,).
    """

    labels: tuple[Label, ...]
    counts: Floats
    completed: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @cached_property
    def distinct(self) -> tuple[Label, ...]:
        """Each label once."""
        return tuple(dict.fromkeys(self.labels))

    @cached_property
    def which(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Place of the label of each presentation (p,) among those that are `distinct`."""
        places = {label: place for place, label in enumerate(self.distinct)}
        return np.array([places[label] for label in self.labels], dtype=np.intp)

    @classmethod
    def of(cls, logged: LoggedBlock) -> Responses:
        """Return the responses of a block; what was never shown has no place in the order."""
        shown = logged.rows.presentations
        labels = tuple(
            (float(image_id), *place) if thread_id == NO_THREAD else (float(thread_id),)
            for image_id, thread_id, place in zip(
                shown.image_id.tolist(), shown.thread_id.tolist(), logged.places, strict=True
            )
        )
        seen = np.flatnonzero(np.isfinite(shown.flip_on_host_s))
        heard = (shown.response_counts >= 0).all(axis=1)
        return cls(
            tuple(labels[row] for row in seen),
            shown.response_counts[seen].astype(np.float64),
            ((shown.outcome == "completed") & heard)[seen],
        )


@dataclass(frozen=True)
class Verdict:
    """What the responses of a block say: a difference, or how well they fit, or nothing."""

    difference: str
    """Empty where there is none."""
    tested: bool
    """Whether a shift would have been seen in this block."""
    fit_z: float
    """z at lag 0; NaN where nothing could be compared."""


class Expectations:
    """What labels evoked in earlier blocks, at one lag."""

    def __init__(self, lag: int) -> None:
        self.lag = lag
        self._sums: dict[Label, Floats] = {}
        self._weights: dict[Label, float] = {}

    def learn(self, responses: Responses, y: Floats) -> None:
        """Take in a block: the response `lag` presentations after each one is taken for its own."""
        for label in self._sums:
            self._sums[label] = MEMORY * self._sums[label]
            self._weights[label] *= MEMORY
        rows, answers = _pairs(responses, self.lag)
        which = responses.which[rows]
        sums = np.zeros((len(responses.distinct), y.shape[1]))
        for place, label in enumerate(responses.distinct):
            sums[place] = self._sums.get(label, 0.0)
        # One after the other in the order shown, as the sums of floats depend on it.
        np.add.at(sums, which, y[answers])
        counts = np.bincount(which, minlength=len(sums)).tolist()
        for label, total, count in zip(responses.distinct, sums, counts, strict=True):
            if count:
                self._sums[label] = total
                self._weights[label] = self._weights.get(label, 0.0) + count

    def of(self, responses: Responses) -> Floats:
        """Return what to expect `(p, u)`, NaN for what was never shown before.

        A reference that was seldom shown is expected to be like the others.
        """
        known = {label: s / self._weights[label] for label, s in self._sums.items()}
        references = [mean for label, mean in known.items() if len(label) > 1]
        if references:
            usual = np.mean(references, axis=0)
            for label, weight in self._weights.items():
                if len(label) > 1:
                    known[label] = usual + weight / (weight + 1.0) * (known[label] - usual)
        nothing = np.full(next((len(m) for m in known.values()), 0), np.nan)
        table = np.array([known.get(label, nothing) for label in responses.distinct])
        return table[responses.which]


class ResponseMemory:
    """The responses of a session so far, against which each block is held."""

    def __init__(self) -> None:
        self._forget()

    def judge(self, responses: Responses) -> Verdict:
        """Say whether the responses of a block belong to its images, and learn from it.

        From shifted responses nothing is learned. Where they fit nothing any more, all is learned
        anew, so that a unit that was lost is told once.
        """
        y = 2.0 * np.sqrt(np.maximum(responses.counts, 0.0) + 0.375)
        expected = {lag: self._learned[lag].of(responses) for lag in LAGS}
        own = _fit(responses, expected[0], y, 0)
        wrong = {
            (lag, learned): _fit(responses, expected[learned], y, lag)
            for lag in LAGS
            if lag
            for learned in (0, lag)
        }
        shifted, lost = self._shifted(own, wrong), self._lost(own)
        if lost:
            self._forget()
        if shifted:
            # What adds up from here on must not be what was told already.
            self._history.clear()
        else:
            self._remember(own)
            for expectations in self._learned.values():
                expectations.learn(responses, y)
        return Verdict(shifted or lost, own >= ALARM_Z, own)

    def _forget(self) -> None:
        self._learned = {lag: Expectations(lag) for lag in LAGS}
        self._history: dict[tuple[int, int], deque[float]] = {}
        self._own: deque[float] = deque(maxlen=LOST_MEMORY)

    def _shifted(self, own: float, wrong: dict[tuple[int, int], float]) -> str:
        if not math.isfinite(own):
            return ""
        pooled_own = self._pooled((0, 0), own)
        best: tuple[float, float, int] | None = None
        for key, z in wrong.items():
            if not math.isfinite(z):
                continue
            for at_lag, as_logged in ((z, own), (self._pooled(key, z), pooled_own)):
                better = at_lag >= ALARM_Z and at_lag - as_logged >= BETTER_Z
                if better and (best is None or at_lag > best[0]):
                    best = (at_lag, as_logged, key[0])
        if best is None:
            return ""
        at_lag, as_logged, lag = best
        return (
            f"the responses {abs(lag)} presentation{'s' if abs(lag) > 1 else ''} "
            f"{'later' if lag > 0 else 'earlier'} fit the images better than those logged for "
            f"them (z {at_lag:.1f} against {as_logged:.1f})"
        )

    def _pooled(self, key: tuple[int, int], z: float) -> float:
        """Add z to those of the blocks before; the sum in units of its standard deviation."""
        history = self._history.setdefault(key, deque(maxlen=POOLED_BLOCKS))
        history.append(z)
        return sum(history) / math.sqrt(len(history))

    def _lost(self, own: float) -> str:
        if len(self._own) < LOST_MEMORY or not math.isfinite(own):
            return ""
        before = min(self._own)
        if before < LOST_FROM_Z or own >= LOST_BELOW_Z:
            return ""
        return (
            f"the responses fit neither the images they are logged for nor their neighbours "
            f"(z {own:.1f}, before {before:.1f} or more): they belong to others, or the units are "
            "lost"
        )

    def _remember(self, own: float) -> None:
        if math.isfinite(own):
            self._own.append(own)


def _fit(responses: Responses, x: Floats, y: Floats, lag: int) -> float:
    return fit_z(x, y, *_pairs(responses, lag)) if x.size else math.nan


def fit_z(x: Floats, y: Floats, rows: np.ndarray, answers: np.ndarray) -> float:
    """How well expectations `x[rows]` (n, u) fit the responses `y[answers]` (n, u), as a z score.

    NaN where fewer than `MIN_ROWS` can be compared, or nothing varies.
    """
    known = np.isfinite(x[rows]).all(axis=1)
    if np.count_nonzero(known) < MIN_ROWS:
        return math.nan
    X, Y = x[rows[known]], y[answers[known]]
    spread = Y.std(axis=0)
    varies = spread > 0
    X = (X[:, varies] - X[:, varies].mean(axis=0)) / spread[varies]
    Y = (Y[:, varies] - Y[:, varies].mean(axis=0)) / spread[varies]
    variance = float(np.sum((X.T @ X) * (Y.T @ Y))) / (len(X) - 1)
    return float(np.sum(X * Y)) / math.sqrt(variance) if variance > 0 else math.nan


def _pairs(responses: Responses, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of presentations, and the rows `lag` after them, where those completed."""
    rows = np.arange(len(responses.labels))
    answers = rows + lag
    inside = (answers >= 0) & (answers < len(rows))
    rows, answers = rows[inside], answers[inside]
    done = responses.completed[answers]
    return rows[done], answers[done]
