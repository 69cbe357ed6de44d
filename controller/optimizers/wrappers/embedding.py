"""Runs any optimizer in fewer coordinates than a code has genes.

`Embedded` is the optimizer that the session sees; the one inside sees coordinates only. Which
coordinates, an `Embedding` says: a subspace (`subspace`), or some of the genes (`frozen`). What is
left out: how to search.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import (
    Codes,
    Direction,
    Floats,
    Ids,
    MakeOptimizer,
    Optimizer,
    Population,
    State,
    work_ahead,
)
from controller.optimizers.errors import OptimizerStateError
from controller.optimizers.guard import AskTellGuard, GuardState, checked_initial_codes
from controller.optimizers.saved_state import StateReader, parts_of, with_prefix

_ROUNDING = 1e-5
_INNER = "inner."


class Embedding(Protocol):
    """A one-to-one map from coordinates (n, k) to some of the codes (n, d)."""

    def coordinates(self, codes: NDArray[np.floating]) -> Floats:
        """Return the coordinates (n, k) of the codes' nearest ones that it reaches."""
        ...

    def codes(self, coordinates: NDArray[np.floating]) -> Floats:
        """Return the codes (n, d) at these coordinates."""
        ...


class Embedded:
    """An optimizer around one of `k` coordinates; see `Optimizer` for what it promises.

    Initial codes are shown as the nearest ones that the embedding reaches, so that every score
    belongs to a code of which the optimizer inside knows everything. Norms and angles in the
    summary are those of the coordinates.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        embedding: Embedding,
        make_inner: MakeOptimizer,
        direction: Direction,
    ) -> None:
        given = checked_initial_codes(initial_codes)
        self._embedding = embedding
        self._guard = AskTellGuard(given.shape[1], direction)
        self._code_dim = int(given.shape[1])
        self._first_coordinates = checked_initial_codes(embedding.coordinates(given))
        reached = embedding.codes(self._first_coordinates)
        off = np.linalg.norm(reached - given, axis=1)
        same = off <= _ROUNDING * np.linalg.norm(given, axis=1)
        self._first_codes = np.where(same[:, np.newaxis], given, reached)
        # The guard has turned the scores around already where they are minimised.
        self._inner = make_inner(self._first_coordinates)

    @property
    def inner(self) -> Optimizer:
        """The optimizer that sees coordinates only."""
        return self._inner

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return self._code_dim

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first."""
        return self._inner.population_size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._guard.generation

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Ask the optimizer inside for coordinates; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        asked = self._inner.ask(rng, first_id, n)
        if np.array_equal(asked.codes, self._first_coordinates):
            return self._guard.open(self._first_codes, first_id)
        return self._guard.open(self._embedding.codes(asked.codes), first_id)

    def prepare(self, rng: np.random.Generator) -> None:
        """Have the optimizer inside work ahead; see `WorksAhead`."""
        work_ahead(self._inner, rng)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Tell the optimizer inside the coordinates of the codes told; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        coordinates = self._embedding.coordinates(told.codes).astype(np.float32)
        self._inner.tell(told.ids, coordinates, told.scores, told.n_valid)

    def summary(self) -> dict[str, float]:
        """Figures of the optimizer inside, and those of whole codes; see `Optimizer.summary`."""
        return self._inner.summary() | self._guard.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Sentences of the optimizer inside; see `Optimizer.stop_reasons`."""
        return self._inner.stop_reasons()

    def state_dict(self) -> State:
        """Guard and the optimizer inside; see `Optimizer.state_dict`."""
        own = self._guard.state.as_arrays() | {"code_dim": np.array(self._code_dim)}
        return own | with_prefix(_INNER, self._inner.state_dict())

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        own, (inner,) = parts_of(state, (_INNER,))
        reader = StateReader(own)
        guard_state, code_dim = GuardState.read(reader), reader.count("code_dim")
        reader.finish()
        if code_dim != self._code_dim:
            raise OptimizerStateError(
                f"the saved state is of codes of {code_dim} genes, not {self._code_dim}; "
                "build the optimizer with the codes that it was saved with"
            )
        self._inner.load_state_dict(inner)
        self._guard.state = guard_state
