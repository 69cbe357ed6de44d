"""What a report says that no log says alone: given by whoever knows optimizers and generators.

Everything is optional; what is missing is left out of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sessions.analysis.beside_nulls import Drift, Path, Reliability
from sessions.records import Pixels

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is, and how much there is."""


@dataclass(frozen=True, eq=False)
class GivenOfThread:
    """What is known of one thread.

    about, citation: of its optimizer. drift: its mean code beside a walk of the logged step sizes;
    `no_drift` says why there is none. path, reliability: see `sessions.analysis.beside_nulls`.
    mean_codes: picture of the mean code of some generations.
    """

    about: str = ""
    citation: str = ""
    drift: Drift | None = None
    no_drift: str = ""
    path: Path | None = None
    reliability: Reliability | None = None
    mean_codes: Mapping[int, Pixels] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Given:
    """What is known beside the log, by thread; `made_by` names the program and its version."""

    made_by: str = "neuroloop"
    threads: Mapping[int, GivenOfThread] = field(default_factory=dict)

    def of(self, thread_id: int) -> GivenOfThread:
        """Return what is known of a thread, which may be nothing."""
        return self.threads.get(thread_id, GivenOfThread())
