"""What `neuroloop watch` draws of a snapshot: curves, responses, best images, health, notes.

The numbers of the status itself are drawn by `watch`, the snapshot is made by `dashboard.state`,
and who asks for it, and how often, is the caller's business.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from controller.cli.psth import BARS, bars
from controller.cli.watch import view
from controller.control.messages import SessionStatus
from controller.dashboard.condition import Condition
from controller.dashboard.log_view import BlockResponse, LastBlock, LogView, ThreadView
from controller.dashboard.state import Snapshot
from sessions.psths import PSTH_BIN_S, PSTH_WINDOW_S

LABEL = 12
"""Columns of what stands before a curve."""
FIGURES = 26
"""Columns of what stands behind a curve."""
BEST_SHOWN = 8
NOTES_SHOWN = 4
WELL = ("running", "preparing", "finishing", "finished")


def screen(snapshot: Snapshot, width: int) -> RenderableType:
    """Return all that is shown of a session in a terminal of `width` columns."""
    parts: list[RenderableType] = []
    if snapshot.status is not None:
        parts.append(view(snapshot.status))
    parts += _cut(_condition(snapshot.condition, told=snapshot.status is not None), width)
    if snapshot.log is not None:
        for thread in snapshot.log.threads:
            parts += _cut(_thread(thread, width), width)
        parts += _cut(_health(snapshot.status, snapshot.log.last), width)
        parts += _cut(_notes(snapshot.log), width)
    return Group(*parts)


def curve_line(values: Sequence[float], columns: int, top: float) -> str:
    """Return a curve as bars, the highest at `top`; where it is longer than wide, by means.

    A value that is not known is a blank; one below zero is as low as zero.
    """
    drawn = []
    for some in np.array_split(np.asarray(values, float), min(columns, len(values)) or 1):
        known = some[np.isfinite(some)]
        if not len(known) or top <= 0:
            drawn.append(BARS[0])
            continue
        steps = math.ceil((len(BARS) - 1) * float(known.mean()) / top)
        drawn.append(BARS[min(len(BARS) - 1, max(1, steps))])
    return "".join(drawn)


def _cut(lines: Iterator[Text], width: int) -> Iterator[Text]:
    """Yield lines that fit, for one that is broken would tear its curve apart."""
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        yield line


def _condition(condition: Condition, *, told: bool) -> Iterator[Text]:
    """Yield what is wrong, whose fault it is and what to do; all of it where no daemon answers."""
    if told and condition.kind in WELL:
        return
    if not told:
        yield Text(condition.title, style="bold yellow")
    for name, text in (("", condition.what), ("fault of ", condition.whose), ("", condition.todo)):
        if text:
            yield Text(f"{name}{text}", style="yellow")


def _thread(thread: ThreadView, width: int) -> Iterator[Text]:
    units = "+".join(map(str, thread.info.driver_unit_ids))
    yield Text(f"{thread.info.name}, unit {units}", style="bold")
    yield from _curves(thread, max(10, width - LABEL - FIGURES))
    if thread.response is not None:
        yield from _responses(thread.response)
    scores = [image.score for image in thread.images if math.isfinite(image.score)]
    if scores:
        best = " ".join(f"{score:.1f}" for score in scores[:BEST_SHOWN])
        yield Text(f"{'best':<{LABEL}}{best} sp/s")


def _curves(thread: ThreadView, columns: int) -> Iterator[Text]:
    """Yield evolved and reference images over the generations, on one scale from zero."""
    curves = {
        "evolved": [row.mean for row in thread.curve],
        "references": [row.reference_mean for row in thread.curve],
    }
    known = [value for curve in curves.values() for value in curve if math.isfinite(value)]
    for name, curve in curves.items():
        if not any(map(math.isfinite, curve)):
            yield Text(f"{name:<{LABEL}}no score yet")
            continue
        figures = f"  {_rate(curve[0])} to {_rate(curve[-1])} sp/s"
        line = curve_line(curve, columns, max(known))
        style = "bold green" if name == "evolved" else ""
        yield Text.assemble(f"{name:<{LABEL}}", (line, style), figures)
    if known:
        last = thread.curve[-1].generation + 1
        yield Text(f"{'':<{LABEL}}generations 1 to {last}, from 0 to {max(known):.1f} sp/s", "dim")


def _responses(found: BlockResponse) -> Iterator[Text]:
    """Yield the response in time of the last block, on one scale, as `neuroloop psth` does."""
    kinds = {"evolved": found.generated, "references": found.references}
    shown = {name: response for name, response in kinds.items() if response.n_presentations}
    top_hz = max((float(response.rate_hz.max()) for response in shown.values()), default=0.0)
    for name, response in kinds.items():
        if name not in shown:
            yield Text(f"{name:<{LABEL}}no presentation completed")
            continue
        told = f"  up to {response.rate_hz.max():.0f} sp/s"
        style = "bold green" if name == "evolved" else ""
        yield Text.assemble(f"{name:<{LABEL}}", (bars(response, top_hz), style), told)
    start_ms, stop_ms = (round(1e3 * end) for end in PSTH_WINDOW_S)
    told = f"block {found.block}, {start_ms} to {stop_ms} ms from onset (|)"
    yield Text(f"{'':<{LABEL}}{told}, {round(1e3 * PSTH_BIN_S)} ms each", "dim")


def _health(status: SessionStatus | None, last: LastBlock | None) -> Iterator[Text]:
    for peer in status.peers if status is not None else ():
        text = f"{peer.name} was heard {peer.silent_s:.1f} s ago, limit {peer.lost_after_s:g} s"
        yield Text(f"{'health':<{LABEL}}{text}", style="bold red" if peer.lost else "")
    if last is not None:
        told = [f"last block: {last.dropped_frames} frames dropped"]
        if math.isfinite(last.gap_s):
            told.append(f"gap {last.gap_s:.2f} s")
        if math.isfinite(last.clock_residual_s):
            told.append(f"clocks agree to {1e3 * last.clock_residual_s:.2g} ms")
        yield Text(f"{'health':<{LABEL}}{', '.join(told)}")


def _notes(log: LogView) -> Iterator[Text]:
    for remark in log.remarks[-NOTES_SHOWN:]:
        yield Text(f"{'notes':<{LABEL}}{remark.wall_time[11:19]} {' '.join(remark.text.split())}")


def _rate(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "–"
