"""The contract of an optimizer: what it hands out, what it takes back, what it promises.

There is no base class with shared logic: an optimizer is read in its own file. What they share
(order of calls, matching of ids, direction) is one object that each of them holds, in `guard`.
`controller.testing.optimizer_contract` checks every promise below on any implementation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]
State: TypeAlias = dict[str, NDArray[Any]]
Direction: TypeAlias = Literal["maximise", "minimise"]


SUMMARY_KEYS: Mapping[str, str] = {
    "best_score": "best valid score so far, in the caller's direction",
    "n_missing": "missing scores in the last generation",
    "code_norm": "mean Euclidean norm of the codes last told",
    "mean_norm": "Euclidean norm of the mean code, the centre of the search",
    "step_norm": "Euclidean distance that the last `tell` moved the mean code",
    "step_angle_deg": "angle between the mean code before and after the last `tell`",
    "sigma": "standard deviation of the proposals along one axis",
    "exploration_angle_deg": "angle to expect between the mean code and the next proposals",
    "expected_step_deg": "angle by which scores of pure noise would now move the mean code",
}
"""Every figure that a summary may hold, and what it is."""


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
      afresh. So a block that was cut short is told in full, with NaN for what was not shown.
    - Each score is the mean of `n_valid` valid presentations. Counts may differ from code to code.
      An optimizer may ignore them, or take the variance of a score to be in proportion to
      1 / `n_valid`; it may not rank by the count itself.
    - Tied scores give no code an advantage by its id or its row.
    - Arguments are never changed, and arrays handed out are read-only.
    - The first `ask` returns the initial codes as they were given, however many; where all codes
      are kept on a sphere, within norms or in a subspace, it returns the nearest ones there, and an
      option may add codes to a short set. They are shown again until one has a score, unless the
      optimizer needs none of theirs.
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

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Propose the next population, with ids `first_id`, `first_id + 1`, ….

        Args:
            rng: source of all randomness.
            first_id: id of row 0.
            n: how many codes to propose this once, 1 or more; `population_size` if None. It
                changes nothing else: not `population_size`, and none of the constants that follow
                from it. Initial codes are shown as they are, whatever `n` is.

        Raises:
            AskTellError: the last population has not been told yet, `first_id` is negative, or `n`
                is below 1.
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
            scores: (n,) float64, means over the valid presentations, NaN where there was none.
            n_valid: (n,) int64, number of valid presentations behind each score; 0 means missing.

        Raises:
            AskTellError: nothing was asked; ids unknown, repeated or left out; shapes that do not
                match; infinite scores; codes that are not finite float32.

        """
        ...

    def summary(self) -> dict[str, float]:
        """Figures for the operator: those of `SUMMARY_KEYS` that have a meaning (yet)."""
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


@runtime_checkable
class WorksAhead(Protocol):
    """What an optimizer may have besides: work that does not depend on the scores."""

    def prepare(self, rng: np.random.Generator) -> None:
        """Work ahead between `ask` and `tell`; changes no proposal and no state, only their time.

        Args:
            rng: a generator of random numbers like the one that the next `ask` will get.

        """
        ...


def work_ahead(optimizer: Optimizer, rng: np.random.Generator) -> None:
    """Have an optimizer work ahead, if it can; `rng` as in `WorksAhead.prepare`."""
    if isinstance(optimizer, WorksAhead):
        optimizer.prepare(rng)


MakeOptimizer: TypeAlias = Callable[[Codes], Optimizer]
"""Makes an optimizer that maximises, from its initial codes (m, d); how wrappers get theirs."""
