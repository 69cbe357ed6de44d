"""The picture of a generator's geometry: its spectrum, what it sums to, and walks along its axes.

What is left out: numbers in words (`description`).
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure

from controller.generator_tools.description import Description, Walked
from generators.base import Generator
from generators.geometry.inversion import Inverted
from generators.geometry.spectrum import SHARES

_LINE, _EACH, _FAINT = "#0072b2", "#bbbbbb", 1e-12
_NO_PICTURE = "#eeeeee"
_TILE_INCHES = 0.95


def draw(description: Description, generator: Generator, path: Path) -> None:
    """Draw into the file at `path`, whose ending says in which format."""
    n_columns = 2 * len(description.targets) + 1
    n_rows = len(description.walks)
    walks_inches = _TILE_INCHES * n_rows + 0.3
    width_inches = max(9.0, 1.06 * _TILE_INCHES * n_columns + 1.2)
    figure = Figure(figsize=(width_inches, 3.6 + walks_inches), layout="constrained")
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[3.6, walks_inches])
    above, below = parts[:, 0]
    spectrum, sums = above.subplots(1, 2)
    _draw_spectrum(spectrum, description)
    _draw_sums(sums, description)
    above.suptitle(f"{description.generator}, distance {description.distance}", fontsize=11)
    panels = below.subplots(n_rows, n_columns, squeeze=False)
    for row, walked in zip(panels, description.walks, strict=True):
        _draw_walk(list(row), walked, generator)
    titles = [f"−{d:g}" for d in description.targets[::-1]]
    titles += ["0", *(f"+{d:g}" for d in description.targets)]
    for panel, title in zip(panels[0], titles, strict=True):
        panel.set_title(title, fontsize=8)
    figure.savefig(path, dpi=110)


def draw_inversions(
    names: list[str],
    pictures: npt.NDArray[np.uint8],
    found: list[Inverted],
    generator: Generator,
    path: Path,
) -> None:
    """Draw pictures ``(n, h, w, 3)`` beside the images of their codes."""
    figure = Figure(figsize=(1.6 + 1.7 * len(names), 4.2), layout="constrained")
    panels = figure.subplots(2, len(names), squeeze=False)
    images = generator.render(np.stack([each.code for each in found]))
    for index, (name, each) in enumerate(zip(names, found, strict=True)):
        for panel, image in zip(panels[:, index], (pictures[index], images[index]), strict=True):
            panel.imshow(image)
            panel.set_axis_off()
        panels[0, index].set_title(name, fontsize=9)
        panels[1, index].set_title(f"its code, {each.distance:.3f} away", fontsize=9)
    figure.savefig(path, dpi=110)


def _draw_spectrum(panel: Panel, description: Description) -> None:
    geometry = description.geometry
    ranks = np.arange(1, len(geometry.axes.values) + 1)
    for values in geometry.local_values:
        panel.plot(ranks, _positive(values), color=_EACH, linewidth=0.8)
    panel.plot([], [], color=_EACH, linewidth=0.8, label="at each code")
    panel.plot(ranks, _positive(geometry.axes.values), color=_LINE, label="mean metric")
    panel.set_yscale("log")
    panel.set_xlabel("axis")
    panel.set_ylabel("eigenvalue (d² per squared code unit)", fontsize=8)
    panel.legend(frameon=False, fontsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_sums(panel: Panel, description: Description) -> None:
    values = np.maximum(description.geometry.usual_values, 0.0)
    total = max(float(description.geometry.local_totals.mean()), float(values.sum()))
    n_axes = len(values)
    panel.plot(np.arange(n_axes + 1), np.concatenate([[0.0], np.cumsum(values)]) / total,
               color=_LINE)  # fmt: skip
    for share, dims in zip(SHARES[:3], description.dims, strict=False):
        if dims is not None:
            panel.axvline(dims, color="black", linewidth=0.7, linestyle=":")
            panel.text(dims, 0.02, f" {100 * share:g} %: {dims}", rotation=90, fontsize=8,
                       ha="right", va="bottom")  # fmt: skip
    panel.set_xlim(0, n_axes)
    panel.set_ylim(0, 1.02)
    panel.set_xlabel("axes")
    panel.set_ylabel("share of all eigenvalues", fontsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_walk(panels: list[Panel], walked: Walked, generator: Generator) -> None:
    codes = walked.walk.codes()
    reached = [not np.isnan(code).any() for code in codes]
    images = iter(generator.render(codes[reached]))
    for panel, is_reached in zip(panels, reached, strict=True):
        panel.set_xticks([])
        panel.set_yticks([])
        if is_reached:
            panel.imshow(next(images))
        else:
            panel.set_facecolor(_NO_PICTURE)
            panel.text(0.5, 0.5, "out of\nreach", ha="center", va="center", fontsize=7,
                       transform=panel.transAxes)  # fmt: skip
            panel.set_aspect("equal")
    panels[0].set_ylabel(f"axis {walked.rank}\n{walked.share:.1%}", fontsize=8)


def _positive(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values that have a place on an axis of logarithms; others are left out of the line."""
    floor = _FAINT * np.abs(values).max()
    shown: npt.NDArray[np.float64] = np.where(values > floor, values, np.nan)
    return shown
