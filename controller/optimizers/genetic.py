"""The genetic algorithm of closed-loop neuron control (Ponce et al. 2019; Wang & Ponce 2022).

The best codes pass unchanged; the others are replaced by children, whose genes come from two
parents drawn by fitness and are mutated one by one. `tell` only keeps the scored codes; all mating
happens in the next `ask`, so that `tell` needs no randomness.

What is left out: a limit on the norm of codes, genealogy.
"""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import (
    Limits,
    NotNegative,
    PopulationSize,
    Positive,
    Share,
    Whole,
    check_options,
    refusal,
)
from controller.optimizers.saved_state import StateReader

_MIN_TEMPERATURE = 1e-8

Percentile: TypeAlias = Annotated[float, Limits(above=0, at_most=100)]


@dataclass(frozen=True)
class GeneticOptions:
    """Settings; the defaults are those of the 2022 study.

    population_size: codes per generation.
    n_elites: best codes that pass unchanged and are shown again.
    mutation_rate: probability that a gene of a child mutates.
    mutation_sd: standard deviation of what a mutation adds.
    temperature_per_sd: kT in units of the standard deviation of the scores; smaller is greedier.
    parental_skew: probability that a gene comes from the first parent.
    clip_percentile: scores above this percentile of their generation count as that percentile when
        parents are drawn; without it none is clipped.
    fill_initial: whether a short set of initial codes is filled up with mutated children of them,
        which are drawn with equal chances; if not, it is shown as it is.
    """

    population_size: PopulationSize = 40
    n_elites: Whole = 10
    mutation_rate: Share = 0.25
    mutation_sd: NotNegative = 0.75
    temperature_per_sd: Positive = 2.0
    parental_skew: Share = 0.75
    clip_percentile: Percentile | None = None
    fill_initial: bool = False

    def __post_init__(self) -> None:
        check_options(self)
        if self.n_elites >= self.population_size:
            told = f"must be smaller than the population of {self.population_size}"
            raise refusal("n_elites", self.n_elites, told)


def parent_probabilities(
    scores: Floats, temperature_per_sd: float, clip_percentile: float | None = None
) -> Floats:
    """Chance of each code at each draw of a parent.

    Fitness is exp((s - s_max) / kT) with kT = max(temperature_per_sd x SD(s), 1e-8) (Wang & Ponce
    2022). Equal scores have equal chances. The SD is that of the scores before any is clipped.

    Args:
        scores: (n,) finite, larger is better.
        temperature_per_sd: kT in units of the standard deviation.
        clip_percentile: scores above it count as it does; None clips none.

    Returns:
        (n,) float64, sums to 1.

    """
    temperature = max(temperature_per_sd * float(scores.std()), _MIN_TEMPERATURE)
    if clip_percentile is not None:
        scores = np.minimum(scores, np.percentile(scores, clip_percentile))
    fitness = np.exp((scores - scores.max()) / temperature)
    probabilities: Floats = fitness / fitness.sum()
    return probabilities


@dataclass(frozen=True, eq=False)
class _Parents:
    """The last generation that had a score.

    codes: (p, code_dim) float32, those with a score.
    scores: (p,) float64, larger is better.
    unscored: (u, code_dim) float32, those without, to be shown again.
    mean: (code_dim,) float64 over both.
    """

    codes: Codes
    scores: Floats
    unscored: Codes
    mean: Floats


class Genetic:
    """The optimizer; see `Optimizer` for what it promises.

    A code whose score is missing is neither parent nor elite; it is carried over and shown again,
    as in XDream, in place of a child. Elites among tied scores are drawn by the `rng` of `ask`: a
    rule by position would keep the same old codes for ever while a unit is silent. A short or long
    set of initial codes is shown as it is, unless `fill_initial` adds to it; later generations have
    `population_size` codes.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: GeneticOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = GeneticOptions() if options is None else options
        self._guard = AskTellGuard(self.code_dim, direction)
        self._parents: _Parents | None = None

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

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Return elites, then codes carried over, then new children; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._parents is None:
            return self._guard.open(self._first_codes(rng), first_id)
        parents, options, size = self._parents, self._options, n or self.population_size
        n_elites = min(options.n_elites, size)
        elites = parents.codes[_best_first(parents.scores, rng)[:n_elites]]
        carried = parents.unscored[: size - len(elites)]
        chances = parent_probabilities(
            parents.scores, options.temperature_per_sd, options.clip_percentile
        )
        n_children = size - len(elites) - len(carried)
        children = self._children(parents.codes, chances, n_children, rng)
        return self._guard.open(np.concatenate([elites, carried, children]), first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Keep the scored codes for the next mating; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        if told.valid.any():
            before = None if self._parents is None else self._parents.mean
            self._parents = _as_parents(told)
            self._guard.moved(before, self._parents.mean)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        return self._guard.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Nothing: mutation keeps every generation new."""
        return ()

    def state_dict(self) -> State:
        """Guard and parents as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._parents is not None:
            state |= {name: np.array(value) for name, value in vars(self._parents).items()}
        return state

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, parents = GuardState.read(reader), None
        if "scores" in reader:
            parents = self._read_parents(reader)
        reader.finish()
        self._guard.state, self._parents = guard_state, parents

    def _first_codes(self, rng: np.random.Generator) -> Codes:
        m = len(self._initial_codes)
        n_children = max(0, self.population_size - m) if self._options.fill_initial else 0
        if not n_children:
            return self._initial_codes
        children = self._children(self._initial_codes, np.full(m, 1.0 / m), n_children, rng)
        return np.concatenate([self._initial_codes, children])

    def _children(
        self, parents: Codes, chances: Floats, n_children: int, rng: np.random.Generator
    ) -> Codes:
        options = self._options
        pairs = rng.choice(len(chances), size=(n_children, 2), p=chances)
        genes = (n_children, self.code_dim)
        from_first = rng.random(genes, dtype=np.float32) < options.parental_skew
        children = np.where(from_first, parents[pairs[:, 0]], parents[pairs[:, 1]])
        # As places, which take a sixth of the time of a mask.
        mutated = np.flatnonzero(rng.random(genes, dtype=np.float32) < options.mutation_rate)
        steps = rng.standard_normal(mutated.size, dtype=np.float32)
        children.reshape(-1)[mutated] += np.float32(options.mutation_sd) * steps
        return children

    def _read_parents(self, reader: StateReader) -> _Parents:
        scores = reader.array("scores", (None,), np.float64)
        return _Parents(
            codes=reader.array("codes", (scores.size, self.code_dim), np.float32),
            scores=scores,
            unscored=reader.array("unscored", (None, self.code_dim), np.float32),
            mean=reader.array("mean", (self.code_dim,), np.float64),
        )


def _as_parents(told: Told) -> _Parents:
    return _Parents(
        codes=told.codes[told.valid],
        scores=told.scores[told.valid],
        unscored=told.codes[~told.valid],
        mean=told.codes.mean(axis=0, dtype=np.float64),
    )


def _best_first(scores: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    shuffled = rng.permutation(scores.size)
    best_first: NDArray[np.intp] = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    return best_first
