"""One evolution thread: an optimizer with its driver units and its place on the screen.

The thread hands out codes under ids of the session and takes scores back by id. Rendering, showing
and scoring are elsewhere.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.optimizers.base import Optimizer, Population, work_ahead
from controller.randomness import Purpose, rng_for


@dataclass(frozen=True)
class Placement:
    """Where on the screen images appear."""

    x_deg: float
    y_deg: float
    size_deg: float


@dataclass(frozen=True)
class EvolutionThread:
    """An optimizer with all that belongs to its evolution, but for whose response drives it."""

    thread_id: int
    name: str
    optimizer: Optimizer
    generator_name: str
    placement: Placement
    seed: int

    @property
    def generation(self) -> int:
        """How many generations the optimizer has been told of."""
        return self.optimizer.generation

    def ask(self, first_image_id: int, n: int | None = None) -> Population:
        """Return the next population, its ids counting from `first_image_id`.

        It has `n` codes; None: as many as the optimizer usually proposes.
        """
        rng = rng_for(self.seed, Purpose.ASK, self.thread_id, self.generation)
        return self.optimizer.ask(rng, first_image_id, n)

    def work_ahead(self) -> None:
        """Have the optimizer do, while images are shown, what does not depend on their scores."""
        rng = rng_for(self.seed, Purpose.ASK, self.thread_id, self.generation + 1)
        work_ahead(self.optimizer, rng)

    def told_order(self, n: int, *, shuffled: bool) -> npt.NDArray[np.int64]:
        """Return whose score `(n,)` each code is told: its own, unless `shuffled`.

        In a shuffled control it is a permutation within the generation: whatever still rises then
        was not driven by the neuron.
        """
        if not shuffled:
            return np.arange(n)
        rng = rng_for(self.seed, Purpose.SHUFFLED_CONTROL, self.thread_id, self.generation)
        return rng.permutation(n)
