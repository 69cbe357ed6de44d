"""One committed block as an audit sees it, and how a difference is told.

Everything comes from the log. What the controller computed is what is audited, so nothing here or
beside it calls the functions that computed it (`sessions.analysis`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sessions.records import SessionStart, ThreadInfo
from sessions.tables import BlockRows

Place = tuple[float, float, float]
"""x and y of the centre and the size of an image, in degrees."""


@dataclass(frozen=True)
class Difference:
    """Something that is not as the log's own spikes, ids and clocks say it must be."""

    check: str
    message: str
    remedy: str


@dataclass(frozen=True, eq=False)
class LoggedBlock:
    """One block of a session."""

    start: SessionStart
    rows: BlockRows
    folder: Path
    """Where the log lies, and beside it the replies of a rig that reports in files."""

    @property
    def reports_rates(self) -> bool:
        """Whether the rig counts by itself, so that there are rates and no spikes."""
        return self.start.response_window_s is None

    @property
    def number(self) -> int:
        """Which block it is."""
        return self.rows.block

    @cached_property
    def references(self) -> dict[int, str]:
        """Hash of each reference image, by id."""
        references = self.start.references
        return dict(zip(references.image_ids.tolist(), references.sha256s, strict=True))

    @cached_property
    def places(self) -> list[Place]:
        """Where each presentation was shown, row by row."""
        shown = self.rows.presentations
        columns = (shown.x_deg.tolist(), shown.y_deg.tolist(), shown.size_deg.tolist())
        return list(zip(*columns, strict=True))


def place_of(thread: ThreadInfo) -> Place:
    """Return where a thread shows its images."""
    return (*thread.position_deg, thread.size_deg)


def listed(items: Sequence[object], most: int = 5) -> str:
    """Return the first few items as text, and how many more there are."""
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
