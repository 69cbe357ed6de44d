"""How a block is presented, whoever shows it: part after part, until every image has its responses.

The one policy that lives here: which images are shown again, and when to give up on one. How one
part is shown is its presenter's: on the session's own screen in `controller.block`, by another
program in `controller.folder_block`.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.config.tables import SessionConfig
from controller.control.messages import PartStatus
from controller.experiments.blocks import ImageToShow, Planned, plan_part
from controller.facts import planned_part, trial_row
from controller.trials import TrialCounts
from rig_adapters.clocks import ClockMap
from rig_adapters.wire.messages import Presented, TrialEnded
from sessions.open_block import TrialRow

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReplyFile:
    """A file in which a rig reported responses, kept beside the log under its hash."""

    folder_block: int
    file: str
    sha256: str
    n_bytes: int
    modified_ns: int
    arrived_wall: str


@dataclass(frozen=True, eq=False)
class Answer:
    """What a rig reported of one presentation that went to it as a file.

    `rates` (u,) in the order of the rig's units, NaN where it reported none.
    """

    file: str
    file_sha256: str
    image_sha256: str
    rates: npt.NDArray[np.float64]
    reply: ReplyFile


@dataclass(frozen=True)
class Shown:
    """One presentation with what became of it, and why; `report` is None when it was never shown.

    `heard`: whether its windows were recorded completely, whatever else went wrong. `answer`: what
    was reported of it, where another program showed it.
    """

    planned: Planned
    part: int
    on_frames: int
    off_frames: int
    report: Presented | None
    onset_rig_s: float
    onset_uncertainty_s: float
    sync: str
    heard: bool
    outcome: str
    reason: str
    answer: Answer | None = None


@dataclass
class Counters:
    """Ids that go on counting through the session; `parts` are all that were ever planned."""

    presentation_id: int = 0
    trial_id: int = 0
    parts: int = 0


OnFact = Callable[[object], None]
OnPart = Callable[[int, list[Shown], list[TrialRow]], None]


class Presenter(ABC):
    """Presents blocks of one session.

    `on_progress` is called as they proceed, with how many presentations of the part are done and
    planned, and what else is known of the part by then.
    """

    def __init__(
        self, config: SessionConfig, on_progress: Callable[[int, int, PartStatus], None]
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.trials = TrialCounts()
        self._config = config
        self._on_progress = on_progress
        self._counters = Counters()

    @property
    @abstractmethod
    def clock(self) -> ClockMap | None:
        """From flips to onsets on the rig's clock, as far as it is known by now."""

    @property
    @abstractmethod
    def window_span_s(self) -> tuple[float, float]:
        """From the start of the first to the end of the last window, from onset."""

    def go_on_counting(self, counters: Counters) -> None:
        """Count from there on, in a session that goes on after it was cut off."""
        self._counters = counters

    async def present(
        self,
        block: int,
        waiting: list[tuple[ImageToShow, int]],
        rng: np.random.Generator,
        on_fact: OnFact,
        on_part: OnPart,
        first_part: int = 0,
    ) -> None:
        """Show images until each has its responses or its attempts are used up.

        `waiting` holds each image once for every response that it needs, with the attempts it has
        had. Every finished part goes to `on_part`; what happens meanwhile, to `on_fact`.
        """
        attempts = self._config.scoring.attempts
        part, before = first_part, Counter[str]()
        while waiting:
            planned = self._plan(waiting, rng)
            on_fact(planned_part(block, part, planned))
            done, trials = await self._present_part(block, part, planned, on_fact, before)
            ended = Counter(row.outcome for row in done)
            self.outcomes.update(ended)
            before.update(ended)
            on_part(part, done, [trial_row(trial) for trial in trials])
            waiting = [
                (row.planned.image, row.planned.attempt + 1)
                for row in done
                if row.outcome != "completed" and row.planned.attempt + 1 < attempts
            ]
            if ended.keys() - {"completed"}:
                logger.info("block %d part %d: %s", block, part, _told(ended, len(waiting)))
            part += 1

    @abstractmethod
    async def _present_part(
        self,
        block: int,
        part: int,
        planned: list[Planned],
        on_fact: OnFact,
        before: Counter[str],
    ) -> tuple[list[Shown], Sequence[TrialEnded]]:
        """Show one part, and return what became of each presentation, and of each trial."""

    def _plan(
        self, waiting: list[tuple[ImageToShow, int]], rng: np.random.Generator
    ) -> list[Planned]:
        planned = plan_part(
            waiting,
            self._counters.presentation_id,
            self._counters.trial_id,
            self._config.display.presentations_per_trial,
            rng,
        )
        self._counters = Counters(
            planned[-1].presentation_id + 1, planned[-1].trial_id + 1, self._counters.parts + 1
        )
        return planned


def _told(ended: Counter[str], again: int) -> str:
    """Return how the presentations of a part ended, in words."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items()))
    return f"{told}; {again} are shown again"
