"""The responses that are remembered: all of the newest, and ever fewer of the older ones.

What is left out: what is made of them.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Floats, Ids, State
from controller.optimizers.posterior.views import Points
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True, eq=False)
class Memory:
    """Scored codes, the oldest first; larger scores are better.

    codes: (n, code_dim) float32.
    scores: (n,) float64.
    trust: (n,) float64, presentations behind each, fewer where the score looks like an artefact.
    generations: (n,) int64, in which each was told.
    rates: (n,) float64, the noise-free score as it is estimated now.
    coordinates: (n, k) float64, the codes along the directions of the metric; none without one.
    """

    codes: Codes
    scores: Floats
    trust: Floats
    generations: Ids
    rates: Floats
    coordinates: Floats

    @classmethod
    def empty(cls, code_dim: int, n_directions: int) -> "Memory":
        """Nothing yet."""
        none, no_rows = np.empty(0), np.empty((0, n_directions))
        no_codes, no_ids = np.empty((0, code_dim), np.float32), np.empty(0, dtype=np.int64)
        return cls(no_codes, none, none, no_ids, none, no_rows)

    def __len__(self) -> int:
        return len(self.scores)

    def and_then(self, later: "Memory", capacity: int) -> "Memory":
        """Both; beyond `capacity` the older half is thinned out evenly."""
        names = [field.name for field in fields(self)]
        both = {n: np.concatenate([getattr(self, n), getattr(later, n)]) for n in names}
        kept = _spread(len(both["scores"]), capacity)
        return Memory(**{name: rows[kept] for name, rows in both.items()})

    @property
    def points(self) -> Points:
        """The codes as points."""
        return Points(self.codes, self.coordinates)

    def take(self, rows: NDArray[np.int64] | slice) -> "Memory":
        """Return some of them."""
        return Memory(*(getattr(self, field.name)[rows] for field in fields(self)))

    def as_arrays(self) -> State:
        """Fields of a saved state, each named `memory_…`."""
        return {f"memory_{field.name}": getattr(self, field.name).copy() for field in fields(self)}

    @classmethod
    def read(cls, reader: StateReader, code_dim: int, n_directions: int) -> "Memory":
        """Take the memory out of a saved state; raises OptimizerStateError."""
        scores = reader.array("memory_scores", (None,), np.float64)
        n = scores.size
        return cls(
            codes=reader.array("memory_codes", (n, code_dim), np.float32),
            scores=scores,
            trust=reader.array("memory_trust", (n,), np.float64),
            generations=reader.array("memory_generations", (n,), np.int64),
            rates=reader.array("memory_rates", (n,), np.float64),
            coordinates=reader.array("memory_coordinates", (n, n_directions), np.float64),
        )


def _spread(n: int, capacity: int) -> NDArray[np.int64]:
    """Rows to keep of n: the newest half of the capacity, and as many evenly among the older."""
    if n <= capacity:
        return np.arange(n)
    n_newest = capacity - capacity // 2
    older = np.linspace(0, n - n_newest - 1, capacity // 2).astype(np.int64)
    return np.concatenate([older, np.arange(n - n_newest, n)])
