"""Rasters: spikes of the driver units after onset, in the first and in the last generations."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from sessions.analysis.evolution import ends
from sessions.analysis.rasters import Raster, raster
from sessions.lab_report.figures.psths import NO_SPIKES
from sessions.lab_report.figures.scores import NO_GENERATION
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import QUIET, SHADE, new_figure
from sessions.psths import PSTH_WINDOW_S
from sessions.records import Ints

EARLY = "#5b8ac0"


def first_and_last(thread: OfThread) -> Plate | NotDrawn:
    """Draw the spikes of every completed presentation of the first and the last generations."""
    title = f"{thread.name}: spikes in the first and the last generations"
    reader = thread.reader
    window_s = reader.rule.response_window_s
    if window_s is None:
        return NotDrawn(title, NO_SPIKES)
    if not reader.generations_committed:
        return NotDrawn(title, NO_GENERATION)
    chosen = [each for each in ends(thread.evolved.generation) if len(each)]
    found = [_raster(thread, generations) for generations in chosen]
    figure = new_figure(4.4)
    panels = figure.subplots(1, len(chosen), sharex=True, squeeze=False)[0]
    colours = (EARLY, thread.colour)[-len(chosen) :]
    columns = zip(panels, found, chosen, colours, strict=True)
    for axes, drawn, generations, colour in columns:
        axes.axvspan(1e3 * window_s[0], 1e3 * window_s[1], color=SHADE, linewidth=0, zorder=0)
        axes.axvline(0.0, color=QUIET, linewidth=0.9, linestyle=(0, (3, 3)))
        _draw(axes, drawn, colour)
        axes.set_title(f"{_span(generations)} (n = {len(drawn.presentation_id)} presentations)")
        axes.set_xlabel("time from image onset (ms)")
    panels[0].set_ylabel("presentation, in the order shown")
    panels[0].set_xlim(1e3 * PSTH_WINDOW_S[0], 1e3 * PSTH_WINDOW_S[1])
    return Plate(
        name=f"{thread.stem}_raster",
        title=title,
        caption=(
            f"Spikes of {thread.units} about every completed presentation of an evolved image. "
            "Shaded: the window that is scored."
        ),
        figure=figure,
        columns={
            "when": [_span(g) for g, r in zip(chosen, found, strict=True) for _ in r.from_onset_s],
            "presentation_id": np.concatenate([r.spike_presentation_id for r in found]),
            "unit_id": np.concatenate([r.spike_unit_id for r in found]),
            "from_onset_ms": np.concatenate([(1e3 * r.from_onset_s).round(4) for r in found]),
        },
    )


def _raster(thread: OfThread, generations: Ints) -> Raster:
    reader = thread.reader
    shown, images, spikes = reader.presentations, reader.images, reader.spikes
    made = (images.thread_id == thread.info.thread_id) & np.isin(images.generation, generations)
    rows = np.isin(shown.image_id, images.image_id[made]) & (shown.outcome == "completed")
    return raster(
        spikes.rig_time_s,
        spikes.unit_id,
        np.array(thread.info.driver_unit_ids),
        shown.presentation_id[rows],
        shown.block[rows],
        shown.onset_rig_s[rows],
        PSTH_WINDOW_S,
    )


def _draw(axes: Axes, drawn: Raster, colour: str) -> None:
    place = {int(each): row for row, each in enumerate(drawn.presentation_id)}
    axes.plot(
        1e3 * drawn.from_onset_s,
        [place[each] for each in drawn.spike_presentation_id.tolist()],
        linestyle="none",
        marker="|",
        markersize=max(1.5, min(5.0, 400 / max(1, len(place)))),
        color=colour,
        rasterized=True,  # thousands of marks make an SVG slow
    )
    axes.set_ylim(len(place) - 0.5, -0.5)


def _span(generations: Ints) -> str:
    first, last = int(generations[0]), int(generations[-1])
    return f"generation {first}" if first == last else f"generations {first}–{last}"
