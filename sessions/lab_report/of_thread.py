"""What figures and numbers of one thread are made from, picked out of a log once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sessions.analysis.evolution import ScoreCurve
from sessions.analysis.responses import Flags
from sessions.lab_report.style import colour_of
from sessions.reader import LogReader
from sessions.records import Floats, Ints, ThreadInfo
from sessions.report import ThreadSummary, thread_curve
from sessions.tables import Strings

FEW = 3
"""Of so many and fewer things the names are told."""


@dataclass(frozen=True, eq=False)
class OfThread:
    """One thread of a log, with its summary; `index` is its place among the threads."""

    reader: LogReader
    summary: ThreadSummary
    index: int

    @property
    def info(self) -> ThreadInfo:
        """The thread as configured."""
        return self.summary.thread

    @property
    def name(self) -> str:
        """What a reader may call it."""
        return f"Thread {self.info.thread_id} ({self.info.name})"

    @property
    def stem(self) -> str:
        """How names of its files begin."""
        return f"thread{self.info.thread_id}"

    @property
    def colour(self) -> str:
        """Its colour in all figures."""
        return colour_of(self.index)

    @property
    def units(self) -> str:
        """Its driver units in words."""
        ids = ", ".join(str(unit) for unit in self.info.driver_unit_ids)
        return f"unit {ids}" if len(self.info.driver_unit_ids) == 1 else f"mean of units {ids}"

    @cached_property
    def curve(self) -> ScoreCurve:
        """Scores by generation."""
        return thread_curve(self.reader, self.info.thread_id)

    @cached_property
    def evolved(self) -> OfImages:
        """Scores of its own images."""
        return self._images("generated")

    @cached_property
    def references(self) -> OfImages:
        """Scores of reference images with its driver units, one row for each image and block."""
        return self._images("reference")

    @cached_property
    def placed(self) -> Flags:
        """Which presentations `(p,)` were at its place and size."""
        shown, (x_deg, y_deg) = self.reader.presentations, self.info.position_deg
        here: Flags = (
            (shown.x_deg == x_deg) & (shown.y_deg == y_deg) & (shown.size_deg == self.info.size_deg)
        )
        return here

    def _images(self, kind: str) -> OfImages:
        rows = self.reader.scores
        mine = (rows.thread_id == self.info.thread_id) & (rows.kind == kind)
        order = np.flatnonzero(mine)
        order = order[np.lexsort((rows.image_id[order], rows.generation[order]))]
        return OfImages(
            rows.image_id[order], rows.generation[order], rows.score[order], rows.n_valid[order]
        )


@dataclass(frozen=True, eq=False)
class OfImages:
    """Scores `(n,)` in spikes/s, NaN where missing, by generation and then by image."""

    image_id: Ints
    generation: Ints
    score: Floats
    n_valid: Ints


def quantity(reader: LogReader) -> str:
    """Return what a score is, for the label of an axis."""
    if reader.rule.response_window_s is None:
        return "response as reported (spikes/s)"
    rate = "firing rate" if reader.rule.baseline_mode == "none" else "evoked rate"
    return f"{rate} (spikes/s)"


def names_of_images(reader: LogReader) -> dict[int, str]:
    """Return the names of all images by their ids."""
    names: Strings = reader.images.name
    return dict(zip(reader.images.image_id.tolist(), names.tolist(), strict=True))
