"""What is published of sessions, and how near simulated ones have to come: fixed before any run.

Numbers are those that were computed from 170 public sessions of two interleaved evolutions each,
and from public notes of 779 evolutions (rates, gains, references, trials, lengths). A statistic is
`set` where a number of the simulation was chosen for it, `drawn` where it is an input, and
`predicted` where nothing was chosen for it; the last do not decide whether a profile is good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from controller.bench.rig_days.days import Day
from rig_adapters.clocks import Seconds
from sessions.analysis.evolution import FIRST_GENERATIONS, LAST_GENERATIONS

Kind = Literal["set", "drawn", "predicted"]


@dataclass(frozen=True)
class Statistic:
    """One number over many days.

    of_day: what of each day; over: what of all days, as a quantile, or None for their mean.
    published: the number; low, high: the tolerance; why: the reason for it.
    """

    name: str
    kind: Kind
    of_day: Callable[[Day], float]
    over: float | None
    published: str
    low: float
    high: float
    why: str

    def of(self, values: Seconds) -> float:
        """Return the number of values (k,), one a day; NaN where there are none."""
        known = values[np.isfinite(values)]
        if not known.size:
            return float("nan")
        return float(known.mean() if self.over is None else np.quantile(known, self.over))


def reference_cv(day: Day) -> float:
    """Coefficient of variation of the mean over references, from block to block."""
    blocks = np.nanmean(day.reference, axis=1)
    return float(blocks.std(ddof=1) / blocks.mean())


def reference_change(day: Day) -> float:
    """By which share references change from the first to the last third of the blocks."""
    blocks = np.nanmean(day.reference, axis=1)
    third = len(blocks) // 3
    return float(blocks[-third:].mean() / blocks[:third].mean() - 1.0)


def correct(day: Day) -> float:
    """Share of the begun trials that was completed."""
    return day.completed / day.begun


def block_sem(day: Day) -> float:
    """Return a generation's standard error over its mean: the median of all generations."""
    n = np.isfinite(day.evolved).sum(axis=1)
    mean = np.nanmean(day.evolved, axis=1)
    # A unit that is silent has no spread to speak of.
    answered = mean > 0
    sem = np.nanstd(day.evolved[answered], axis=1, ddof=1) / np.sqrt(n[answered])
    return float(np.median(sem / mean[answered]))


def first_hz(day: Day) -> float:
    """Mean score of the first two generations."""
    return float(np.nanmean(day.evolved[:FIRST_GENERATIONS]))


def last_hz(day: Day) -> float:
    """Mean score of the last three generations."""
    return float(np.nanmean(day.evolved[-LAST_GENERATIONS:]))


def gain(day: Day) -> float:
    """Last over first; NaN where nothing fired at first, which nobody would have published."""
    first = first_hz(day)
    return last_hz(day) / first if first else float("nan")


def beats_references(day: Day) -> float:
    """Whether the last generations lie above their references, of 15 generations or more."""
    if len(day.evolved) < 15:
        return float("nan")
    return float(last_hz(day) > np.nanmean(day.reference[-LAST_GENERATIONS:]))


def dispersion(day: Day) -> float:
    """Variance over mean of counts of one image through a session: the median of its references.

    Only of references between 20 and 200 spikes/s; drift of the session is in it.
    """
    mean = np.nanmean(day.reference_counts, axis=0)
    rates_hz = np.nanmean(day.reference, axis=0)
    ratios = np.nanvar(day.reference_counts, axis=0, ddof=1) / mean
    inside = (rates_hz >= 20.0) & (rates_hz <= 200.0)
    return float(np.median(ratios[inside])) if inside.any() else float("nan")


def generations(day: Day) -> float:
    """How many generations it has."""
    return float(len(day.evolved))


_ONE_NUMBER = "published as one rounded number, by an estimator that is not told: a seventh"
_TAIL = "two standard errors of a 10 % quantile of 170 and of 200 sessions together"
_RATES = "two standard errors of a quartile of 170 and of 200 log-normal rates together"
_NOT_CHOSEN = "as wide as if it had been chosen"

STATISTICS: tuple[Statistic, ...] = (
    Statistic("references, CV from block to block, median", "set", reference_cv, 0.5,
              "0.11", 0.095, 0.125, _ONE_NUMBER),
    Statistic("references, first to last third, median", "set", reference_change, 0.5,
              "-0.05", -0.075, -0.025, "two standard errors of a median of such sessions"),
    Statistic("references, first to last third, 10 %", "set", reference_change, 0.1,
              "-0.19", -0.23, -0.15, _TAIL),
    Statistic("correct trials, median", "set", correct, 0.5,
              "0.67", 0.63, 0.71, "two standard errors of a median of such sessions"),
    Statistic("correct trials, 10 %", "set", correct, 0.1, "0.43", 0.38, 0.48, _TAIL),
    Statistic("correct trials, 90 %", "set", correct, 0.9, "0.86", 0.82, 0.90, _TAIL),
    Statistic("SEM of a generation over its mean, median", "set", block_sem, 0.5,
              "0.05", 0.04, 0.06, "published as a whole per cent, about"),
    Statistic("variance over mean of counts, median", "set", dispersion, 0.5,
              "1 or more", 1.0, 2.0, "Poisson or more; twice that is beyond any of the notes"),
    Statistic("first two generations, sp/s, 25 %", "set", first_hz, 0.25,
              "46", 37.0, 57.0, _RATES),
    Statistic("first two generations, sp/s, median", "set", first_hz, 0.5,
              "85", 71.0, 102.0, _RATES),
    Statistic("first two generations, sp/s, 75 %", "set", first_hz, 0.75,
              "128", 104.0, 157.0, _RATES),
    Statistic("gain, last three over first two, median", "set", gain, 0.5,
              "1.30", 1.2, 1.4, "two standard errors of a median of such sessions"),
    Statistic("gain, 10 %", "predicted", gain, 0.1, "0.91", 0.83, 0.99, _NOT_CHOSEN),
    Statistic("gain, 90 %", "predicted", gain, 0.9, "2.38", 1.98, 2.85, _NOT_CHOSEN),
    Statistic("last three generations, sp/s, 25 %", "predicted", last_hz, 0.25,
              "57", 46.0, 71.0, _RATES),
    Statistic("last three generations, sp/s, median", "predicted", last_hz, 0.5,
              "101", 84.0, 121.0, _RATES),
    Statistic("last three generations, sp/s, 75 %", "predicted", last_hz, 0.75,
              "184", 149.0, 226.0, _RATES),
    Statistic("ends above its references, share", "predicted", beats_references, None,
              "284/324", 0.81, 0.94, "two standard errors of a share of 324 and of 200 together"),
    Statistic("generations, 10 %", "drawn", generations, 0.1, "20", 17.0, 23.0, _TAIL),
    Statistic("generations, 90 %", "drawn", generations, 0.9, "42", 37.0, 47.0, _TAIL),
)  # fmt: skip
"""In the order of the table."""
