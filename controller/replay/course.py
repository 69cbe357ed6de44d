"""What one thread's optimizer asks, generation by generation, when it is told what is in a log.

Where a log holds other codes or scores than are recomputed, there are two stories: the session went
on from what is logged, or the log was altered afterwards. Both are told, each to an optimizer of
its own, and the next generation says which is true.
"""

from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from controller.experiments.evolution import EvolutionThread
from controller.optimizers.base import Codes, Floats, Ids, Population
from controller.optimizers.errors import OptimizerError


class Story(StrEnum):
    """What a session went on from after a generation that the log has otherwise."""

    LOGGED = "logged"
    RECOMPUTED = "recomputed"
    NEITHER = "neither"


@dataclass(frozen=True, eq=False)
class Told:
    """What an optimizer was told of one generation: `codes (n, d)`, `scores (n,)`, `n_valid`."""

    codes: Codes
    scores: Floats
    n_valid: Ids

    def same_as(self, other: "Told") -> bool:
        """Whether an optimizer cannot know the one from the other."""
        return (
            np.array_equal(self.codes, other.codes)
            and np.array_equal(self.scores, other.scores, equal_nan=True)
            and np.array_equal(self.n_valid, other.n_valid)
        )


class Course:
    """The generations of one thread, in their order: `ask`, then `tell`, over and over."""

    def __init__(self, thread: EvolutionThread, *, shuffled: bool) -> None:
        self._stories: list[tuple[Story, EvolutionThread]] = [(Story.LOGGED, thread)]
        self._shuffled = shuffled
        self._in_doubt = False
        self.explained: Story | None = None
        """What the generation last asked says about the one before, if that was in doubt."""

    @property
    def generation(self) -> int | None:
        """The generation that is asked next; None where the optimizer took nothing in the end."""
        return self._stories[0][1].generation if self._stories else None

    def lost(self) -> None:
        """Give up: from here on the log cannot be followed."""
        self._stories = []

    def told_order(self, n: int) -> Ids:
        """Return whose score `(n,)` each code of the generation that was asked is told."""
        return self._stories[0][1].told_order(n, shuffled=self._shuffled)

    def ask(self, first_id: int, logged: Codes) -> Population | None:
        """Return the codes that come out in place of `logged` (n, d); None where none can."""
        asked: list[tuple[Population, Story, EvolutionThread]] = []
        for story, thread in self._stories:
            try:
                asked.append((thread.ask(first_id, len(logged)), story, thread))
            except OptimizerError:
                continue
        in_doubt, self._in_doubt = self._in_doubt, False
        self.explained, self._stories = None, []
        if not asked:
            return None
        same = [each for each in asked if np.array_equal(each[0].codes, logged)]
        population, story, thread = (same or asked)[0]
        if in_doubt:
            self.explained = story if same else Story.NEITHER
        self._stories = [(Story.LOGGED, thread)]
        return population

    def tell(self, ids: Ids, logged: Told, recomputed: Told) -> None:
        """Tell what the log says, and in another copy what was recomputed, where they differ."""
        ((_, thread),) = self._stories
        told = [(Story.LOGGED, logged)]
        self._in_doubt = not logged.same_as(recomputed)
        if self._in_doubt:
            told.append((Story.RECOMPUTED, recomputed))
        self._stories = []
        for story, what in told:
            mine = deepcopy(thread) if len(told) > 1 else thread
            try:
                mine.optimizer.tell(ids, what.codes, what.scores, what.n_valid)
            except OptimizerError:
                # A log that was altered may hold what no optimizer takes.
                continue
            self._stories.append((story, mine))
