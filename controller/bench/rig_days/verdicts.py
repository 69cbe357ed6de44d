"""Simulated days beside the published ones: the table, row by row, and whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.bench.rig_days.days import Day, outcomes_of
from controller.bench.rig_days.published import STATISTICS, Statistic

DRAWS = 2000
SPREADS = 3.5
"""Standard errors that few days may lie beyond a tolerance: one in some thousand does by chance."""


@dataclass(frozen=True)
class Verdict:
    """One row: a value with its 95 % bootstrap interval over days, and its standard error."""

    statistic: Statistic
    value: float
    low: float
    high: float
    error: float

    @property
    def is_within(self) -> bool:
        """Whether the value lies within the tolerance."""
        return self.statistic.low <= self.value <= self.statistic.high

    @property
    def may_be_within(self) -> bool:
        """Whether many more days might, as far as these few can tell."""
        spare = SPREADS * self.error
        return self.statistic.low - spare <= self.value <= self.statistic.high + spare

    @property
    def decides(self) -> bool:
        """Whether a miss is a fault of the profile."""
        return self.statistic.kind != "predicted"


def verdicts(days: Sequence[Day]) -> list[Verdict]:
    """Return one row for each statistic."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(days), (DRAWS, len(days)))
    rows = []
    for statistic in STATISTICS:
        values = np.array([statistic.of_day(day) for day in days])
        drawn = np.array([statistic.of(values[pick]) for pick in picks])
        drawn = drawn[np.isfinite(drawn)]
        low, high, error = np.nan, np.nan, np.nan
        if drawn.size:
            low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
            error = float(drawn.std())
        rows.append(Verdict(statistic, statistic.of(values), low, high, error))
    return rows


def table(rows: Sequence[Verdict]) -> str:
    """Return the rows as a table of Markdown."""
    lines = [
        "| statistic | | published | simulated | tolerance | within |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        s = row.statistic
        digits = 0 if abs(s.high) >= 10 else 3 if abs(s.high) < 0.5 else 2
        value, low, high = (f"{number:.{digits}f}" for number in (row.value, row.low, row.high))
        lines.append(
            f"| {s.name} | {s.kind} | {s.published} | {value} ({low} to {high}) | "
            f"{s.low:g} to {s.high:g} | {'yes' if row.is_within else '**no**'} |"
        )
    return "\n".join(lines).replace("-0.", "−0.") + "\n"


def losses(days: Sequence[Day]) -> str:
    """Return in words what was lost in these days."""
    outcomes = outcomes_of(days)
    total = sum(outcomes.values())
    shares = ", ".join(
        f"{100 * count / total:.2f} % {outcome}" for outcome, count in outcomes.most_common()
    )
    minutes = np.array([day.minutes for day in days])
    unscored = np.mean([np.isnan(day.evolved).any() for day in days])
    lost = np.mean([day.lost for day in days])
    disconnected = np.mean([day.disconnects > 0 for day in days])
    return (
        f"{len(days)} sessions of {np.median(minutes):.0f} minutes (median), {total} "
        f"presentations: {shares}. The unit was lost in {lost:.1%} of sessions, the recording "
        f"system in {disconnected:.1%}; an image stayed without a score in {unscored:.1%}."
    )
