"""One figure of a report, the words below it and the numbers behind it, and its three files.

The same drawing always gives the same bytes: settings of the user, dates and random ids are kept
out. What is drawn is up to `sessions.lab_report.figures`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sessions.lab_report.style import IN_THE_PAGE, SETTINGS

PNG_DPI = 150
ENDINGS = ("svg", "png", "csv")


@dataclass(frozen=True, eq=False)
class Plate:
    """A figure that is drawn.

    name: stem of its files. title and caption: plain text, also from a config. columns: the numbers
    behind it, arrays `(n,)` or lists by names that say their units.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    columns: Mapping[str, Any]

    def files(self) -> dict[str, bytes]:
        """Return what belongs into each of its files, by the ending of its name."""
        return {"svg": self._saved("svg"), "png": self._saved("png"), "csv": self._csv()}

    def _saved(self, kind: str) -> bytes:
        FigureCanvasAgg(self.figure)
        written = io.BytesIO()
        # The salt makes ids of clip paths follow from what is drawn.
        with settings({"svg.hashsalt": self.name}):
            if (layout := self.figure.get_layout_engine()) is not None:
                layout.execute(self.figure)
                self.figure.set_layout_engine("none")  # found once, it fits both files
            said = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
            self.figure.savefig(written, format=kind, dpi=PNG_DPI, metadata=said)
        return written.getvalue()

    def _csv(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        columns = [np.asarray(column).tolist() for column in self.columns.values()]
        writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))
        return text.getvalue().encode()


@dataclass(frozen=True)
class NotDrawn:
    """A figure that a log has nothing for, and why."""

    title: str
    why: str


@contextmanager
def settings(more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw as everywhere, whatever the user's own matplotlibrc says."""
    with matplotlib.style.context(["default", {**SETTINGS, **(more or {})}]):
        yield


def inline_svg(svg: bytes, name: str) -> str:
    """Return a drawing as an element of a page whose colours follow those of the page.

    Ids are those of one drawing, and a page has many, so they get the drawing's name.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in IN_THE_PAGE.items():
        text = text.replace(colour, f"var(--{variable})")
    return text


def _cell(value: Any) -> Any:
    """Return a value as it stands in a CSV file: nothing where it is not a number."""
    return "" if isinstance(value, float) and not np.isfinite(value) else value
