"""How the session went: where the time of each block went, gaps between blocks, and outcomes."""

from __future__ import annotations

import numpy as np

from sessions.lab_report.figures.scores import NO_GENERATION
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import QUIET, new_figure, whole_numbers
from sessions.reader import LogReader
from sessions.records import OUTCOMES, TIMING_STAGES, Floats

STAGE_COLOURS = {
    "display": "#5b8ac0",
    "neuron": "#4aa583",
    "render": "#e0a13a",
    "optimizer": "#cc5c3f",
    "wire": "#8a6db0",
    "log": "#c9799f",
    "other": "#a3abb4",
}
OUTCOME_COLOURS = {
    "completed": "#4aa583",
    "failed_trial": "#e0a13a",
    "late": "#cc5c3f",
    "not_heard": "#8a6db0",
    "not_shown": "#7d8794",
    "wrong_image": "#96203c",
    "set_aside": "#b9c0c8",
}


def time_split(reader: LogReader) -> Plate | NotDrawn:
    """Draw where the time of each block went, and the gap before the next one."""
    title = "Time of each block, and gaps between blocks"
    timing = reader.timing
    if not len(timing.block):
        return NotDrawn(title, NO_GENERATION)
    figure = new_figure(4.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1.0))
    bottom = np.zeros(len(timing.block))
    for stage, colour in STAGE_COLOURS.items():
        spent_s = np.nan_to_num(getattr(timing, stage))
        if spent_s.any():
            above.bar(timing.block, spent_s, 0.8, bottom, color=colour, label=stage, linewidth=0)
            bottom += spent_s
    gaps_s = gaps_before(reader)
    below.bar(timing.block, np.nan_to_num(gaps_s), 0.8, color=QUIET, linewidth=0)
    whole_numbers(below, float(timing.block[0]), float(timing.block[-1]))
    above.set_ylabel("time of a block (s)")
    below.set(xlabel="block", ylabel="gap before it (s)")
    above.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    known = gaps_s[np.isfinite(gaps_s)]
    told = (
        f" Gaps: median {np.median(known):.2f} s, longest {known.max():.2f} s (n = {len(known)})."
        if len(known)
        else ""
    )
    return Plate(
        name="session_time",
        title=title,
        caption=(
            f"Blocks: median {np.nanmedian(timing.total):.2f} s, in all "
            f"{np.nansum(timing.total):.1f} s (n = {len(timing.block)}).{told} Between two "
            "blocks the optimizer thinks, and a pause of the operator is a gap too. The clock is "
            "that of the host"
            + (", and time was virtual." if reader.start.time == "virtual" else ".")
        ),
        figure=figure,
        columns={
            "block": timing.block,
            **{f"{stage}_s": getattr(timing, stage) for stage in TIMING_STAGES},
            "gap_before_s": gaps_s,
        },
    )


def outcomes(reader: LogReader) -> Plate | NotDrawn:
    """Draw how the presentations of each block ended."""
    title = "Outcomes of presentations"
    shown = reader.presentations
    if not len(shown.block):
        return NotDrawn(title, NO_GENERATION)
    blocks = np.unique(shown.block)
    counts = {
        outcome: np.array(
            [np.count_nonzero((shown.block == b) & (shown.outcome == outcome)) for b in blocks]
        )
        for outcome in OUTCOMES
    }
    figure = new_figure(3.2)
    axes = figure.subplots()
    bottom = np.zeros(len(blocks))
    for outcome, colour in OUTCOME_COLOURS.items():
        if counts[outcome].any():
            label = f"{outcome.replace('_', ' ')} ({counts[outcome].sum()})"
            axes.bar(blocks, counts[outcome], 0.8, bottom, color=colour, label=label, linewidth=0)
            bottom += counts[outcome]
    whole_numbers(axes, float(blocks[0]), float(blocks[-1]))
    axes.set(xlabel="block", ylabel="presentations")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    n, completed = len(shown.block), int(counts["completed"].sum())
    return Plate(
        name="session_outcomes",
        title=title,
        caption=(
            f"{completed} of {n} presentations completed. Only these are scored; an image without "
            "a completed presentation has no score, which is not 0 spikes/s."
        ),
        figure=figure,
        columns={"block": blocks, **counts},
    )


def gaps_before(reader: LogReader) -> Floats:
    """Time (b,) from the end of the block before to the start of each; NaN for the first."""
    rows = reader.generations
    blocks, first = np.unique(rows.block, return_index=True)
    found = np.full(len(reader.timing.block), np.nan)
    gaps = rows.started_host_s[first][1:] - rows.ended_host_s[first][:-1]
    places = np.searchsorted(reader.timing.block, blocks[1:])
    found[places] = gaps
    return found
