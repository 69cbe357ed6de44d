"""What was recorded, and how it became scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sessions.lab_report.config import LoggedConfig
from sessions.lab_report.methods.words import counted, listed, ms
from sessions.reader import LogReader
from sessions.records import Window


def recording(reader: LogReader, config: LoggedConfig) -> Iterator[str]:
    """Say what recorded, which units drove the search, and how well onsets are known."""
    start = reader.start
    what = "simulated neurons by the adapter" if start.rig_simulated else "spikes by the adapter"
    if reader.rule.response_window_s is None:
        what = "responses that the rig counted and reported itself, by the adapter"
    yield f"Recorded: {what} “{start.rig_adapter}”, {counted(len(start.units), 'unit')}."
    labels = {unit.unit_id: unit for unit in start.units}
    for thread in start.threads:
        units = [labels[each] for each in thread.driver_unit_ids if each in labels]
        told = [f"{unit.unit_id} (channel {unit.channel_id}, {unit.label})" for unit in units]
        many = len(told) > 1
        yield (
            f"Driver {'units' if many else 'unit'} of thread {thread.thread_id} ({thread.name}): "
            f"{listed(told)}{'; the mean of these counts' if many else ''}."
        )
    if profile := config.text("rig", "settings", "profile"):
        yield f"Simulated conditions: profile “{profile}”."
    yield from _onsets(reader)


def _onsets(reader: LogReader) -> Iterator[str]:
    shown = reader.presentations
    known = np.isfinite(shown.onset_rig_s)
    n = int(known.sum())
    if not n:
        return
    seen = int(np.count_nonzero(shown.sync[known] == "photodiode"))
    simulated = "simulated " if reader.start.rig_simulated else ""
    yield (
        f"Of {n} known onsets, {seen} are {simulated}edges that the recorder saw of a photodiode "
        f"or a line, and {n - seen} come from the fitted clocks; half of them are known to "
        f"± {ms(float(np.median(shown.onset_uncertainty_s[known])))} or better (95 %)."
    )


def scoring(reader: LogReader, config: LoggedConfig) -> Iterator[str]:
    """Say what a score is, and what became of images without one."""
    rule = reader.rule
    if rule.response_window_s is None:
        yield (
            "The score of an image is the mean of what the rig reported of its completed "
            "presentations, over driver units, in its own unit (taken as spikes/s)."
        )
    else:
        yield (
            "The score of an image is its mean firing rate (spikes/s) from "
            f"{_window(rule.response_window_s)} after onset, over completed presentations and "
            "driver units."
        )
        if rule.baseline_window_s is None:
            yield "No baseline was subtracted."
        else:
            whose = {
                "block": "the mean rate of the whole block",
                "presentation": "each image's own rate",
            }[rule.baseline_mode]
            yield f"Subtracted: {whose} from {_window(rule.baseline_window_s)} after onset."
    yield from _policies(config)


def _policies(config: LoggedConfig) -> Iterator[str]:
    if config.text("scoring", "without_response") == "show_again":
        attempts = int(config.number("scoring", "max_attempts") or 1)
        yield (
            "An image without a valid response was shown again in its block, until it had been "
            f"tried {counted(attempts, 'time')}; then it stayed without a score."
        )
    elif config.text("scoring", "without_response") == "close_incomplete":
        yield "An image without a valid response was not shown again and has no score."
    if config.text("scoring", "broken_trial") == "keep_completed":
        yield "Of a broken trial, images whose windows were over before the break count."
    elif config.text("scoring", "broken_trial") == "fail_all":
        yield "Of a broken trial no image counts."


def _window(window_s: Window) -> str:
    start_s, stop_s = window_s
    return f"{1e3 * start_s:.4g} to {ms(stop_s)}"
