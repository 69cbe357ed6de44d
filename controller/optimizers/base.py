"""The contract of an optimizer: what it hands out, what it takes back, what it promises.

There is no base class with shared logic: an optimizer is read in its own file. What they share
(order of calls, matching of ids, direction) is one object that each of them holds, in `guard`.
`controller.testing.optimizer_contract` checks every promise below on any implementation.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]
State: TypeAlias = dict[str, NDArray[Any]]
Direction: TypeAlias = Literal["maximise", "minimise"]


@dataclass(frozen=True, eq=False)
class Population:
    """The codes to show in one generation; both arrays are read-only.

    ids: (n,) int64, consecutive.
    codes: (n, code_dim) float32, row `i` belongs to `ids[i]`.
    """

    ids: Ids
    codes: Codes


class Optimizer(Protocol):
    """Proposes codes, learns from their scores; one instance drives one evolution thread.

    Promises of every implementation:

    - `ask` and `tell` alternate, `ask` first. Anything else is an `AskTellError` that changes
      nothing.
    - All randomness comes from the `rng` passed to `ask`; the same state and `rng` give the same
      codes.
    - `tell` depends on its arguments and the state only, in any order of the rows, so a session is
      resumed by replaying `ask` and `tell` over the committed generations of the log.
    - A missing score (NaN, or `n_valid` 0) is never ranked best and carries no weight. When no
      score of a generation is valid the search stays where it was and the next `ask` proposes
      afresh.
    - Arguments are never changed, and arrays handed out are read-only.
    - The first `ask` returns the initial codes as they were given, however many. They are shown
      again until one has a score, unless the optimizer needs none of theirs.
    """

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        ...

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first (lambda)."""
        ...

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        ...

    def ask(self, rng: np.random.Generator, first_id: int) -> Population:
        """Propose the next population, with ids `first_id`, `first_id + 1`, ….

        Raises:
            AskTellError: the last population has not been told yet, or `first_id` is negative.
            DivergedError: the search has left the range of float32.

        """
        ...

    def tell(
        self,
        ids: Ids,
        codes: Codes,
        scores: Floats,
        n_valid: Ids,
    ) -> None:
        """Learn from the scores of the population last asked for; rows may come in any order.

        Args:
            ids: (n,) int64, each id that was asked, once.
            codes: (n, code_dim) float32, the codes that were shown.
            scores: (n,) float64, NaN where missing.
            n_valid: (n,) int64, number of valid presentations behind each score; 0 means missing.

        Raises:
            AskTellError: nothing was asked; ids unknown, repeated or left out; shapes that do not
                match; infinite scores; codes that are not finite float32.

        """
        ...

    def summary(self) -> dict[str, float]:
        """Figures for the operator; a key is absent where it has no meaning (yet).

        best_score: best valid score so far, in the caller's direction.
        code_norm: mean Euclidean norm of the codes last told.
        n_missing: missing scores in the last generation.
        mean_norm: Euclidean norm of the mean code.
        step_norm: Euclidean distance that the last `tell` moved the mean code.
        sigma: standard deviation of the proposals along one axis.
        """
        ...

    def stop_reasons(self) -> tuple[str, ...]:
        """Sentences that say why going on is pointless; empty while it is not. Stops nothing."""
        ...

    def state_dict(self) -> State:
        """Everything that has changed since construction, as arrays that the caller owns."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Continue bit for bit from `state`, in an optimizer built with the same arguments.

        Raises:
            OptimizerStateError: `state` does not fit; this optimizer is left as it was.

        """
        ...
