"""The picture of a race: normalised response over presentations, one panel for each condition."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.bench.entrants import REFERENCE
from controller.bench.standings import Standings

_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6a3d9a", "#b15928",
)  # fmt: skip
_DASHES = ("-", "--", ":")
_TITLES = {
    "none": "no noise",
    "gain_0.2": "noise 0.2 × response",
    "gain_0.5": "noise 0.5 × response",
    "poisson": "spike counts in 150 ms",
}


def draw(standings: Standings, path: Path) -> None:
    """Draw into the file at `path`, whose ending says in which format."""
    conditions = standings.conditions
    figure = Figure(figsize=(3.1 * len(conditions) + 2.4, 3.9), layout="constrained")
    panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
    for panel, condition in zip(panels, conditions, strict=True):
        _draw_panel(panel, standings, condition)
    panels[0].set_ylabel("noise-free response, 1 = highest known")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
    figure.suptitle(standings.title, fontsize=11)
    figure.savefig(path, dpi=110)


def _draw_panel(panel: Axes, standings: Standings, condition: str) -> None:
    for index, name in enumerate(standings.optimizers):
        row = standings.row(name, condition)
        if row is None:
            continue
        is_reference = name == REFERENCE
        panel.plot(
            standings.grid,
            row.curve,
            label=name,
            color="black" if is_reference else _COLOURS[index % len(_COLOURS)],
            linestyle=_DASHES[index // len(_COLOURS) % len(_DASHES)],
            linewidth=2.2 if is_reference else 1.4,
        )
    panel.set_title(_TITLES.get(condition, condition), fontsize=10)
    panel.set_xlabel("presentations")
    panel.set_ylim(0, 1)
    panel.set_xlim(0, standings.grid[-1])
    panel.spines[["top", "right"]].set_visible(False)
