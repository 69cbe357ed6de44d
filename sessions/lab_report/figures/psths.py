"""The response in time, block by block, of evolved images and of references."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from sessions.analysis.responses import Psth
from sessions.lab_report.figures.scores import NO_GENERATION
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import GENERATIONS, QUIET, SHADE, colour_bar, new_figure
from sessions.psths import PSTH_BIN_S, PSTH_WINDOW_S, response_to
from sessions.records import Ints

Colour = tuple[float, float, float, float]
KINDS = {"generated": "evolved", "reference": "reference"}
NO_SPIKES = "the rig reported rates, and no spikes"
MOST_CURVES = 8
"""In one panel; in a longer session consecutive blocks are pooled."""


def by_block(thread: OfThread) -> Plate | NotDrawn:
    """Draw the response of each block after onset, coloured by generation."""
    title = f"{thread.name}: response in time"
    reader = thread.reader
    window_s = reader.rule.response_window_s
    if window_s is None:
        return NotDrawn(title, NO_SPIKES)
    if not reader.generations_committed:
        return NotDrawn(title, NO_GENERATION)
    groups = _groups(reader.generations_committed)
    found = {kind: [_response(thread, blocks, kind) for blocks in groups] for kind in KINDS}
    figure = new_figure(4.2)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    norm = Normalize(0, max(1, reader.generations_committed - 1))
    for axes, kind in zip(panels, KINDS, strict=True):
        axes.axvspan(1e3 * window_s[0], 1e3 * window_s[1], color=SHADE, linewidth=0, zorder=0)
        axes.axvline(0.0, color=QUIET, linewidth=0.9, linestyle=(0, (3, 3)))
        for blocks, response in zip(groups, found[kind], strict=True):
            colour = GENERATIONS(norm(float(blocks.mean())))
            _line(axes, response, colour, with_sem=blocks is groups[-1])
        n = sum(response.n_presentations for response in found[kind])
        axes.set_title(f"{KINDS[kind]} images (n = {n} presentations)")
        axes.set_xlabel("time from image onset (ms)")
    panels[0].set_xlim(1e3 * PSTH_WINDOW_S[0], 1e3 * PSTH_WINDOW_S[1])
    panels[0].set_ylim(bottom=0.0)
    panels[0].set_ylabel("firing rate (spikes/s)")
    colour_bar(figure, panels, GENERATIONS, norm, "block (one generation of each thread)")
    return Plate(
        name=f"{thread.stem}_psth",
        title=title,
        caption=_caption(thread, groups),
        figure=figure,
        columns=_columns(groups, found),
    )


def _caption(thread: OfThread, groups: list[Ints]) -> str:
    n = max(len(blocks) for blocks in groups)
    each = "each block" if n == 1 else f"every {n} blocks or fewer, pooled"
    return (
        f"Mean firing rate of {thread.units} in bins of {1e3 * PSTH_BIN_S:.0f} ms, one line for "
        f"{each}. Band: SEM over presentations, of the last line. Shaded: the window that is "
        "scored. Outside of it the images shown before and after are answered, too. Only completed "
        "presentations count."
    )


def _groups(n_blocks: int) -> list[Ints]:
    """Return all blocks in order, in as many groups as there are curves."""
    return np.array_split(np.arange(n_blocks), min(n_blocks, MOST_CURVES))


def _response(thread: OfThread, blocks: Ints, kind: str) -> Psth:
    shown, images = thread.reader.presentations, thread.reader.images
    of_kind = np.isin(shown.image_id, images.image_id[images.kind == kind])
    mine = (shown.thread_id == thread.info.thread_id) if kind == "generated" else thread.placed
    return response_to(thread.reader, thread.info, np.isin(shown.block, blocks) & of_kind & mine)


def _line(axes: Axes, response: Psth, colour: Colour, *, with_sem: bool) -> None:
    if not response.n_presentations:
        return
    centres_ms = 1e3 * (response.edges_s[:-1] + PSTH_BIN_S / 2)
    axes.plot(centres_ms, response.rate_hz, color=colour, linewidth=1.5)
    if with_sem:
        error = np.nan_to_num(response.sem_hz)
        low, high = response.rate_hz - error, response.rate_hz + error
        axes.fill_between(centres_ms, low, high, color=colour, alpha=0.25, linewidth=0)


def _columns(groups: list[Ints], found: dict[str, list[Psth]]) -> dict[str, list[object]]:
    rows = [
        (blocks[0], blocks[-1], kind, 1e3 * start_s, rate_hz, sem_hz, response.n_presentations)
        for kind, responses in found.items()
        for blocks, response in zip(groups, responses, strict=True)
        for start_s, rate_hz, sem_hz in zip(
            response.edges_s[:-1].round(6), response.rate_hz, response.sem_hz, strict=True
        )
    ]
    names = (
        "first_block",
        "last_block",
        "kind",
        "bin_start_ms",
        "rate_hz",
        "sem_hz",
        "n_presentations",
    )
    return {name: [row[column] for row in rows] for column, name in enumerate(names)}
