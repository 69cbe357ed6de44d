"""Several threads of one session beside each other: their curves, and their gains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from sessions.analysis.evolution import Interval
from sessions.analysis.threads import compare_threads
from sessions.lab_report.of_thread import OfThread, quantity
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import QUIET, band, new_figure, whole_numbers


def compared(threads: Sequence[OfThread]) -> Plate | NotDrawn:
    """Draw the evolved scores of all threads, and the gain of each beyond its references."""
    title = "Threads compared"
    drawn = [thread for thread in threads if len(thread.curve.generation)]
    if len(drawn) < 2:
        return NotDrawn(title, "fewer than two threads have a generation")
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1.0))
    for thread in drawn:
        x = thread.curve.generation.astype(np.float64)
        band(
            left, x, thread.curve.evolved_mean, thread.curve.evolved_sem, thread.colour, thread.name
        )
    last = max(float(thread.curve.generation[-1]) for thread in drawn)
    whole_numbers(left, 0.0, last)
    left.set(xlabel="generation", ylabel=quantity(drawn[0].reader))
    left.set_ylim(bottom=min(0.0, left.get_ylim()[0]))
    left.legend(loc="upper left")
    for place, thread in enumerate(drawn):
        gain = thread.summary.rate.gain
        if math.isfinite(gain.value):
            error = [[gain.value - gain.low], [gain.high - gain.value]]
            right.errorbar(
                gain.value, place, xerr=error, fmt="o", color=thread.colour, capsize=4, lw=2
            )
    right.axvline(0.0, color=QUIET, linewidth=0.9, linestyle=(0, (3, 3)))
    right.set_yticks(range(len(drawn)), [str(thread.info.thread_id) for thread in drawn])
    right.set(ylim=(len(drawn) - 0.5, -0.5), ylabel="thread", xlabel="gain beyond drift (spikes/s)")
    return Plate(
        name="threads_compared",
        title=title,
        caption=(
            "Left: mean score ± SEM over the evolved images of a generation. Right: gain from the "
            "first to the last generations beyond the drift of the references, with its 95 % "
            f"interval. {' '.join(_apart(drawn))}"
        ),
        figure=figure,
        columns=_columns(drawn),
    )


def _apart(threads: Sequence[OfThread]) -> Iterator[str]:
    """Say of every two threads how far they are apart at the end."""
    for one, other in combinations(threads, 2):
        ours, theirs = one.evolved, other.evolved
        apart = compare_threads(ours.score, ours.generation, theirs.score, theirs.generation)
        if math.isfinite(apart.final.value):
            final = apart.final
            yield (
                f"In their last generations, thread {one.info.thread_id} − thread "
                f"{other.info.thread_id}: {final.value:+.1f} spikes/s (95 % interval "
                f"{final.low:+.1f} to {final.high:+.1f}, Welch, p = {apart.p:.2g})."
            )


def _columns(threads: Sequence[OfThread]) -> dict[str, list[object]]:
    def part(of: str) -> list[object]:
        gains: list[Interval] = [thread.summary.rate.gain for thread in threads]
        return [getattr(gain, of) for gain in gains]

    return {
        "thread_id": [thread.info.thread_id for thread in threads],
        "name": [thread.info.name for thread in threads],
        "gain_beyond_drift_hz": part("value"),
        "gain_low_hz": part("low"),
        "gain_high_hz": part("high"),
        "n_generations": [thread.summary.generations for thread in threads],
        "n_images": [thread.summary.images for thread in threads],
    }
