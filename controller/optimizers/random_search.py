"""Random search: independent Gaussian codes every generation, the floor for every other method.

It remembers the best code that it has seen. What is left out: learning.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.guard import AskTellGuard, GuardState, checked_initial_codes
from controller.optimizers.options import PopulationSize, Positive, check_options
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class RandomSearchOptions:
    """Settings.

    population_size: codes per generation.
    scale: standard deviation of a gene; 1 gives codes of norm sqrt(code_dim).
    """

    population_size: PopulationSize = 40
    scale: Positive = 1.0

    def __post_init__(self) -> None:
        check_options(self)


class RandomSearch:
    """The optimizer; see `Optimizer` for what it promises. The first of tied best codes is kept.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: RandomSearchOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = RandomSearchOptions() if options is None else options
        self._guard = AskTellGuard(self.code_dim, direction)
        self._best_code: Codes | None = None

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return int(self._initial_codes.shape[1])

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first."""
        return self._options.population_size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._guard.generation

    @property
    def best_code(self) -> Codes | None:
        """(code_dim,) float32, read-only: the best code so far; None before the first score."""
        return self._best_code

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Draw N(0, scale² I); see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._best_code is None:
            return self._guard.open(self._initial_codes, first_id)
        codes = rng.standard_normal((n or self.population_size, self.code_dim))
        codes *= self._options.scale
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Remember the best code; see `Optimizer.tell`."""
        best_before = self._guard.state.best_score
        told = self._guard.close(ids, codes, scores, n_valid)
        # Also true for the first score of all, when the best so far is NaN.
        if told.valid.any() and not np.nanmax(told.scores) <= best_before:
            best_code = told.codes[np.nanargmax(told.scores)].copy()
            best_code.setflags(write=False)
            self._best_code = best_code

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        return self._guard.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Nothing: every generation is as good as the last."""
        return ()

    def state_dict(self) -> State:
        """Guard and best code as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._best_code is not None:
            state["best_code"] = self._best_code.copy()
        return state

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, best_code = GuardState.read(reader), None
        if "best_code" in reader:
            best_code = reader.array("best_code", (self.code_dim,), np.float32)
            best_code.setflags(write=False)
        reader.finish()
        self._guard.state, self._best_code = guard_state, best_code
