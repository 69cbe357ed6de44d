"""HessAware_Gauss: ascent along a gradient from samples that are shaped by an estimated Hessian.

Every few generations, pairs on both sides of the centre tell along which directions the score
bends. Samples are then drawn short where it bends strongly, as N(0, H⁻¹), so that their weighted
sum is a step of Newton's kind. The lab's search shows the pairs besides the samples; here they take
their place, so that all generations have one size. What is left out: a check that a step was an
ascent before the next is made.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.gradient.differences import (
    comparable,
    draw_around,
    first_centre,
    without_unit,
)
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.in_place import add_product
from controller.optimizers.options import (
    Count,
    PopulationSize,
    Positive,
    check_options,
    refusal,
)
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class HessianAwareOptions:
    """Settings; the defaults are those of the lab.

    population_size: codes per generation: the centre, and others around it.
    radius: standard deviation of a gene around the centre, where the Hessian is 1.
    learning_rate: how far the centre moves, in units of the estimated step; goes with the unit of
        the scores.
    ridge: what is added to the Hessian along every direction.
    hessian_period: one of so many generations is of pairs that tell the Hessian, also the first.
    standardise: whether the scores of a generation are turned into standard scores, so that neither
        the learning rate nor the ridge depends on their unit.
    """

    population_size: PopulationSize = 41
    radius: Positive = 1.0
    learning_rate: Positive = 0.1
    ridge: Positive = 0.9
    hessian_period: Count = 5
    standardise: bool = False

    def __post_init__(self) -> None:
        check_options(self)
        if self.population_size < 3:
            told = "must be 3 or more, for a centre and a pair"
            raise refusal("population_size", self.population_size, told)


@dataclass(frozen=True, eq=False)
class Hessian:
    """H = Σ_j bend_j u_jᵀ u_j + ridge I.

    directions: (r, d) float64, orthonormal rows u_j.
    bends: (r,) float64, not negative.
    """

    directions: Floats
    bends: Floats
    ridge: float

    def power(self, rows: Floats, exponent: float) -> Floats:
        """Return rows (n, d) times H to the power of `exponent`; overwrites them."""
        flat = self.ridge**exponent
        extra = (self.bends + self.ridge) ** exponent - flat
        along = (rows @ self.directions.T) * extra
        rows *= flat
        return add_product(rows, along, self.directions)


def hessian_of_pairs(steps: Floats, curvatures: Floats, ridge: float) -> Hessian:
    """H = Σ |c_i| u_iᵀ u_i + ridge I of steps u_i (m, d) and curvatures c_i (m,) along them.

    The absolute value keeps it positive definite.
    """
    columns = np.sqrt(np.abs(curvatures))[:, np.newaxis] * steps
    _, singular, directions = np.linalg.svd(columns, full_matrices=False)
    return Hessian(directions, singular**2, ridge)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands; `n_steps` generations were learned from."""

    centre: Floats
    hessian: Hessian
    n_steps: int


class HessianAwareGradient:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the first centre whatever it scores, of several it is the rank-weighted
    mean of the better half. Codes without a score add nothing to the sums, nor does a pair of which
    one score is missing, so fewer scores make smaller steps; a smaller generation does the same.
    Where the score of the centre is missing, the others are compared with their mean, and pairs
    tell no Hessian.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: HessianAwareOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = HessianAwareOptions() if options is None else options
        self._guard = AskTellGuard(self.code_dim, direction)
        self._search: _Search | None = None

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
        """Return the centre, then pairs or samples around it; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        centre, radius = self._search.centre, self._options.radius
        codes = np.empty((n or self.population_size, self.code_dim))
        codes[0] = centre
        if self._of_pairs(self._search):
            draw_around(rng, codes[1:], centre, radius, antithetic=True)
        else:
            steps = self._search.hessian.power(rng.standard_normal(out=codes[1:]), -0.5)
            steps *= radius
            np.add(centre, steps, out=codes[1:])
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move the centre, and bend the samples after a generation of pairs; see the promises."""
        told = self._guard.close(ids, codes, scores, n_valid)
        before = self._search
        if before is not None:
            self._search = self._next_search(before, told)
        else:
            centre, none = first_centre(told), np.empty((0, self.code_dim))
            if centre is not None:
                self._search = _Search(centre, Hessian(none, np.empty(0), self._options.ridge), 0)
        if self._search is not None:
            self._guard.moved(None if before is None else before.centre, self._search.centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        return self._guard.summary()

    def stop_reasons(self) -> tuple[str, ...]:
        """Nothing: the radius stays, so every generation is new."""
        return ()

    def state_dict(self) -> State:
        """Guard and search as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._search is not None:
            state["centre"] = self._search.centre.copy()
            state["directions"] = self._search.hessian.directions.copy()
            state["bends"] = self._search.hessian.bends.copy()
            state["n_steps"] = np.array(self._search.n_steps)
        return state

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, search = GuardState.read(reader), None
        if "centre" in reader:
            bends = reader.array("bends", (None,), np.float64)
            directions = reader.array("directions", (bends.size, self.code_dim), np.float64)
            search = _Search(
                centre=reader.array("centre", (self.code_dim,), np.float64),
                hessian=Hessian(directions, bends, self._options.ridge),
                n_steps=reader.count("n_steps"),
            )
        reader.finish()
        self._guard.state, self._search = guard_state, search

    def _of_pairs(self, search: _Search) -> bool:
        return search.n_steps % self._options.hessian_period == 0

    def _next_search(self, old: _Search, told: Told) -> _Search:
        pairs, others = self._of_pairs(old), told.valid[1:]
        used = comparable(others, pairs)
        if not used.any():
            return old
        scores = np.where(told.valid, told.scores, 0.0)
        if self._options.standardise:
            scores = without_unit(scores, told.valid)
        steps = np.subtract(told.codes[1:], told.codes[0], dtype=np.float64)
        steps /= self._options.radius
        base = scores[0] if told.valid[0] else scores[1:][used].mean()
        changes = np.where(used, scores[1:] - base, 0.0)
        towards = changes @ steps / max(self.population_size - 1, len(steps))
        hessian = old.hessian
        if pairs:
            # Pairs are not shaped by the Hessian, so what they add up to has to be.
            hessian = self._hessian(steps, changes, used) if told.valid[0] else hessian
            towards = hessian.power(towards[np.newaxis], -1.0)[0]
        centre = told.codes[0] + self._options.learning_rate * towards
        return _Search(centre, hessian, old.n_steps + 1)

    def _hessian(self, steps: Floats, changes: Floats, used: NDArray[np.bool_]) -> Hessian:
        """Bend of the score along each pair, |f₊ + f₋ - 2 f₀| / 2 / radius² / pairs."""
        n = len(steps) // 2
        n_usual = max((self.population_size - 1) // 2, n)
        sums = (changes[:n] + changes[n : 2 * n])[used[:n]]
        curvatures = sums / 2.0 / self._options.radius**2 / n_usual
        along = (steps[:n] - steps[n : 2 * n])[used[:n]] / 2.0
        return hessian_of_pairs(along, curvatures, self._options.ridge)
