"""Two threads of one session side by side: who ended higher, and by how much.

Threads are interleaved within blocks, so that drift which is additive falls out of their
difference, and drift by a factor makes it larger or smaller, but does not make one. What is left
out: several sessions (`sessions.comparing`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from sessions.analysis.evolution import LAST_GENERATIONS, Interval
from sessions.records import Floats, Ints


@dataclass(frozen=True, eq=False)
class ThreadsApart:
    """How far two threads are apart, in spikes/s, all (b,) by block that both have scores in.

    difference: of mean scores, the first thread's minus the second's; sem: its standard error.
    final: mean of the last blocks, with its 95 % interval; p: two-sided, of no difference there;
    df: degrees of freedom of both.
    """

    block: Ints
    difference: Floats
    sem: Floats
    final: Interval
    df: float
    p: float


def compare_threads(
    score: Floats,
    block: Ints,
    other_score: Floats,
    other_block: Ints,
    n_last: int = LAST_GENERATIONS,
) -> ThreadsApart:
    """Compare the scores of two threads block by block, and over the last blocks.

    Images of either thread in a block are taken as independent draws, each thread of its own
    variance; degrees of freedom are Satterthwaite's (Welch 1947), over all last blocks at once.

    Args:
        score: (n,) scores of generated images of the first thread, NaN where missing.
        block: (n,) in which block each was shown.
        other_score: (m,) those of the second thread.
        other_block: (m,) in which block each was shown.
        n_last: how many of the last common blocks are compared, fewer in a short run.

    """
    ours, theirs = _of_blocks(score, block), _of_blocks(other_score, other_block)
    common = sorted(ours.keys() & theirs.keys())
    table = np.array([[*ours[b], *theirs[b]] for b in common]).reshape(-1, 6)
    difference = table[:, 0] - table[:, 3]
    sem = np.sqrt(table[:, 1] + table[:, 4])
    final, df, p = _final(table[len(table) - min(n_last, len(table)) :])
    return ThreadsApart(np.array(common, dtype=np.int64), difference, sem, final, df, p)


def _of_blocks(score: Floats, block: Ints) -> dict[int, tuple[float, float, float]]:
    """Mean, squared standard error and degrees of freedom of blocks with two scores or more."""
    known = np.isfinite(score)
    found = {}
    for each in np.unique(block[known]).tolist():
        values = score[known & (block == each)]
        if len(values) > 1:
            found[each] = (float(values.mean()), float(values.var(ddof=1)) / len(values),
                           float(len(values) - 1))  # fmt: skip
    return found


def _final(table: Floats) -> tuple[Interval, float, float]:
    """Interval, degrees of freedom and p of the mean difference of blocks (b, 6)."""
    parts = table[:, (1, 4)].ravel()
    variance = float(parts.sum())
    if not variance > 0:
        return Interval(math.nan, math.nan, math.nan), math.nan, math.nan
    df = variance**2 / float((np.square(parts) / table[:, (2, 5)].ravel()).sum())
    value = float((table[:, 0] - table[:, 3]).mean())
    sem = math.sqrt(variance) / len(table)
    half = float(scipy.special.stdtrit(df, 0.975)) * sem
    p = 2.0 * float(scipy.special.stdtr(df, -abs(value) / sem))
    return Interval(value, value - half, value + half), df, p
