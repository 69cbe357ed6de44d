"""What the generator makes of the mean code of a generation: the search without its scatter."""

from __future__ import annotations

from collections.abc import Mapping

from sessions.lab_report.figures.images import grid_of_images
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import QUIET
from sessions.records import Pixels


def mean_code_images(thread: OfThread, rendered: Mapping[int, Pixels]) -> Plate | NotDrawn | None:
    """Draw the images of mean codes by generation; None where nobody rendered them."""
    if not rendered:
        return None
    figure, panels = grid_of_images(len(rendered))
    for axes, (generation, image) in zip(panels, sorted(rendered.items()), strict=True):
        axes.imshow(image, interpolation="none")
        axes.set(xticks=(), yticks=())
        axes.set_title(f"generation {generation}", fontsize=8.5, loc="center", pad=3)
        for spine in axes.spines.values():
            spine.set(visible=True, color=QUIET, linewidth=1.0)
    return Plate(
        name=f"{thread.stem}_mean_codes",
        title=f"{thread.name}: image of the mean code",
        caption=(
            "What the generator makes of the mean of all codes of a generation. Nobody saw these "
            "images: they have no score."
        ),
        figure=figure,
        columns={"generation": sorted(rendered)},
    )
