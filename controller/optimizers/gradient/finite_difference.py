"""FDGD, ascent along finite differences, as in the package XDream (Xiao & Kreiman 2020).

A generation shows codes on both sides of a centre. The difference of the scores of a pair, along
the step between its codes, is its estimate of the gradient. What is left out: momentum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.gradient.differences import (
    comparable,
    draw_around,
    first_centre,
    require_pairs,
    without_unit,
)
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import PopulationSize, Positive, check_options
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class FiniteDifferenceOptions:
    """Settings; the defaults are those of the package's tests.

    population_size: codes per generation.
    radius: standard deviation of a gene around the centre.
    learning_rate: how far the centre moves, in units of the estimated gradient; goes with the unit
        of the scores.
    antithetic: whether codes come in pairs on both sides of the centre; if not, each is compared
        with the centre, which is then shown as the last one.
    standardise: whether the scores of a generation are divided by their standard deviation, so that
        the learning rate does not depend on their unit.
    """

    population_size: PopulationSize = 20
    radius: Positive = 1.25
    learning_rate: Positive = 1.25
    antithetic: bool = True
    standardise: bool = False

    def __post_init__(self) -> None:
        check_options(self)
        require_pairs(self.population_size, self.antithetic)


class FiniteDifference:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the first centre whatever it scores, of several it is the rank-weighted
    mean of the better half. A pair of which a score is missing counts as one without difference,
    and so do those that a smaller generation lacks. Where codes are compared with the centre and
    its score is missing, their mean score takes its place.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: FiniteDifferenceOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = FiniteDifferenceOptions() if options is None else options
        self._guard = AskTellGuard(self.code_dim, direction)
        self._centre: Floats | None = None

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
        """Sample around the centre; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._centre is None:
            return self._guard.open(self._initial_codes, first_id)
        options, codes = self._options, np.empty((n or self.population_size, self.code_dim))
        around = codes if options.antithetic else codes[:-1]
        draw_around(rng, around, self._centre, options.radius, options.antithetic)
        codes[len(around) :] = self._centre
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Climb; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        before = self._centre
        if before is None:
            self._centre = first_centre(told)
        else:
            self._centre = before + self._options.learning_rate * self._gradient(told)
        if self._centre is not None:
            self._guard.moved(before, self._centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._centre is not None:
            figures["sigma"] = self._options.radius
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Nothing: the radius stays, so every generation is new."""
        return ()

    def state_dict(self) -> State:
        """Guard and centre as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._centre is not None:
            state["centre"] = self._centre.copy()
        return state

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, centre = GuardState.read(reader), None
        if "centre" in reader:
            centre = reader.array("centre", (self.code_dim,), np.float64)
        reader.finish()
        self._guard.state, self._centre = guard_state, centre

    def _gradient(self, told: Told) -> Floats:
        """Mean (d,) over pairs of difference · step / size², the size being the mean |gene|."""
        used = comparable(told.valid, self._options.antithetic)
        if not used.any():
            return np.zeros(self.code_dim)
        scores = np.where(used, told.scores, 0.0)
        if self._options.standardise:
            scores = without_unit(scores, used)
        steps, differences = self._differences(told.codes, scores, used)
        sizes = np.linalg.norm(steps, ord=1, axis=1) / self.code_dim
        weights = np.divide(differences, sizes**2, out=np.zeros(sizes.size), where=sizes > 0.0)
        n_usual = (
            self.population_size // 2 if self._options.antithetic else self.population_size - 1
        )
        gradient: Floats = weights @ steps / max(n_usual, sizes.size)
        return gradient

    def _differences(
        self, codes: Codes, scores: Floats, used: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return steps (k, d) and the change of the score along each, (k,)."""
        if self._options.antithetic:
            n = len(codes) // 2
            steps = codes[:n].astype(np.float64)
            steps -= codes[n : 2 * n]
            steps /= 2.0
            return steps, (scores[:n] - scores[n : 2 * n]) / 2.0
        base = scores[-1] if used[-1] else scores[used].mean()
        steps = np.subtract(codes[:-1], codes[-1], dtype=np.float64)
        return steps, np.where(used[:-1], scores[:-1] - base, 0.0)
