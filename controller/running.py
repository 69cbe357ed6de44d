"""All that a running session works with, as one value that the loop hands on.

What is done with it is in `controller.session` and `controller.showing`, how it is put together in
`controller.daemon.preparation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.experiments.evolution import EvolutionThread
from controller.logbook import Logbook
from controller.optimizers.base import Population
from controller.presenting import Presenter
from controller.progress import Progress
from controller.recorder import NothingRecorded, Recorder
from controller.resume import GoOn
from controller.screen import Screen
from controller.silence import SilentUnits
from controller.stopwatch import Stopwatch
from generators.base import Generator
from sessions.analysis.responses import ScoringRule
from sessions.records import RenderTimes, SessionStart


@dataclass(frozen=True, eq=False)
class Rendered:
    """What one thread is going to show: its codes, their images and hashes, row by row."""

    population: Population
    images: npt.NDArray[np.uint8]
    sha256s: tuple[str, ...]
    summary: Mapping[str, float]
    times: RenderTimes


@dataclass(eq=False)
class Session:
    """All that the loop works with; ids go on counting through the session."""

    config: SessionConfig
    start: SessionStart
    threads: tuple[EvolutionThread, ...]
    generators: Mapping[str, Generator]
    render_s: Mapping[str, float]
    """What one image takes each of them, as measured before the session; see `pacing.portions`."""
    screen: Screen
    recorder: Recorder | NothingRecorded
    presenter: Presenter
    logbook: Logbook
    rule: ScoringRule
    progress: Progress
    stopwatch: Stopwatch
    next_image_id: int
    block: int = 0
    spikes_from_rig_s: float = -np.inf
    going_on: GoOn | None = None
    """Of a session that was cut off: where it goes on; None from its first block on."""
    silent_units: SilentUnits = field(default_factory=SilentUnits)

    @property
    def open_block(self) -> bool:
        """Whether a block that was begun before waits for its rest."""
        return self.going_on is not None and self.going_on.interrupted is not None

    @property
    def first_generation(self) -> int:
        """Which generation the first block shows; not 0 in a branch."""
        lineage = self.start.lineage
        return 0 if lineage is None else lineage.generation

    @property
    def unit_ids(self) -> list[int]:
        """The rig's units, in the order of the columns of counts."""
        return [unit.unit_id for unit in self.start.units]
