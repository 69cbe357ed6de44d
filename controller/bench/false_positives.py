"""How often tests of success are wrong where nothing evolved, and how often right where it did.

Sessions are made up (`controller.bench.made_sessions`); the tests are those of
`sessions.analysis.success`. Printing is left to scripts/false_positives.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from controller.bench.made_sessions import Conditions, make_session
from sessions.analysis.success import LEVEL, success_test, walk_variance
from sessions.records import Ints

PUBLISHED_LEVEL = 0.001
"""Of the naive test, for a session to be called a success (Wang & Ponce 2022)."""
BATCH = 25
"""Sessions that one task of a worker makes."""


@dataclass(frozen=True)
class Rate:
    """A share k / n of sessions, with its 95 % binomial interval (Clopper & Pearson 1934)."""

    k: int
    n: int

    @property
    def share(self) -> float:
        """Return k / n."""
        return self.k / self.n

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the exact interval in which the true share lies with this confidence."""
        tail = (1.0 - confidence) / 2.0
        low = float(scipy.special.betaincinv(self.k, self.n - self.k + 1, tail)) if self.k else 0.0
        high = (
            float(scipy.special.betaincinv(self.k + 1, self.n - self.k, 1.0 - tail))
            if self.k < self.n
            else 1.0
        )
        return low, high

    def agrees_with(self, share: float, confidence: float = 0.99) -> bool:
        """Whether a true share is within binomial error of this one."""
        low, high = self.interval(confidence)
        return low <= share <= high


@dataclass(frozen=True)
class Row:
    """What the tests said of one kind of session.

    changed: significant at 5 % either way; rose: upwards, which is success, 2.5 % of nothing.
    naive_changed, naive_rose: Student's t of the last against the first generations, likewise.
    naive_published: it rose, at the published p < 0.001.
    """

    name: str
    conditions: Conditions
    changed: Rate
    rose: Rate
    naive_changed: Rate
    naive_rose: Rate
    naive_published: Rate


@dataclass(frozen=True)
class Kind:
    """A kind of session: its name, and whether the test is told how far images walk by chance."""

    name: str
    conditions: Conditions
    walk_is_known: bool = False

    @property
    def is_null(self) -> bool:
        """Whether nothing evolves, and the test knows all it has to: its level must be kept."""
        return self.conditions.gain is None and (self.walk_is_known or not self.conditions.rho)


KINDS = (
    Kind("scores of other images, no trend", Conditions("none")),
    Kind("scores of other images, published drift", Conditions("published")),
    Kind("scores of other images, its worst tenth", Conditions("tail")),
    Kind("the same, tuned site (rho .3), walk known", Conditions("published", rho=0.3), True),
    Kind("the same, tuned site (rho .3), walk not known", Conditions("published", rho=0.3)),
    Kind("gain 1.1, published drift", Conditions("published", gain=1.1)),
    Kind("gain 1.3, published drift", Conditions("published", gain=1.3)),
    Kind("gain 2, published drift", Conditions("published", gain=2.0)),
)
"""In the order of the table; those where nothing evolves first."""


def row_of(
    kind: Kind,
    n: int,
    seed: int,
    pool: Executor | None = None,
    done: Callable[[int], None] | None = None,
) -> Row:
    """Make `n` sessions of a kind and test each.

    Args:
        kind: of session.
        n: how many.
        seed: session i of a kind is always the same, whatever is made beside it.
        pool: where to make them; None: here.
        done: is told how many more were made.

    """
    starts = range(0, n, BATCH)
    one = partial(_batch, kind, seed, n)
    table = np.zeros(5, dtype=np.int64)
    for counts in pool.map(one, starts) if pool else map(one, starts):
        table += counts
        if done is not None:
            done(BATCH)
    return Row(kind.name, kind.conditions, *(Rate(int(k), n) for k in table))


def _batch(kind: Kind, seed: int, n: int, start: int) -> Ints:
    """Return how often each test was positive, (5,) in the order of `Row`."""
    said = [_said(kind, seed, i) for i in range(start, min(n, start + BATCH))]
    counts: Ints = np.array(said, dtype=np.int64).sum(axis=0)
    return counts


def _said(kind: Kind, seed: int, i: int) -> tuple[bool, ...]:
    key = (KINDS.index(kind), i)
    made = make_session(
        kind.conditions, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    )
    walk = 0.0
    if kind.walk_is_known:
        n_steps = made.references.shape[1] - 2
        walk = walk_variance(kind.conditions.rho, made.within_sd, made.spread, n_steps)
    found = success_test(made.evolved, made.generation, made.references, walk_variance=walk)
    return (
        found.beyond_drift.p < LEVEL,
        found.succeeded("maximise"),
        found.naive.p < LEVEL,
        found.naive.shown("maximise"),
        found.naive.shown("maximise", PUBLISHED_LEVEL),
    )
