"""NES, the natural evolution strategy of the package XDream (Xiao & Kreiman 2020).

A Gaussian around a centre is moved along the gradient of its expected score, estimated as in Ilyas
et al. 2018 (arXiv 1804.08598); its radius follows the same gradient. What is left out: a
covariance.
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
from controller.optimizers.options import (
    NotNegative,
    PopulationSize,
    Positive,
    check_options,
    refusal,
)
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class NaturalGradientOptions:
    """Settings; the defaults are those of the package's tests.

    population_size: codes per generation.
    radius: first standard deviation of a gene around the centre.
    min_radius: the radius never falls below it.
    learning_rate: how far the centre moves, in units of the estimated gradient; goes with the unit
        of the scores.
    radius_learning_rate: the same for the radius; 0 keeps it.
    radius_per_gene: whether every gene has a radius of its own.
    antithetic: whether codes come in pairs on both sides of the centre.
    standardise: whether the scores of a generation are turned into standard scores, so that the
        learning rates do not depend on their unit and offset.
    """

    population_size: PopulationSize = 20
    radius: Positive = 1.25
    min_radius: Positive = 0.01
    learning_rate: Positive = 1.75
    radius_learning_rate: NotNegative = 0.05
    radius_per_gene: bool = False
    antithetic: bool = True
    standardise: bool = False

    def __post_init__(self) -> None:
        check_options(self)
        require_pairs(self.population_size, self.antithetic)
        if self.min_radius > self.radius:
            told = f"must not be greater than the radius of {self.radius:g}"
            raise refusal("min_radius", self.min_radius, told)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    centre: (code_dim,) float64.
    radius: (1,) float64, or (code_dim,) where each gene has its own.
    """

    centre: Floats
    radius: Floats


class NaturalGradient:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the first centre whatever it scores, of several it is the rank-weighted
    mean of the better half. Codes without a score add nothing to the sums, nor does a pair of which
    one score is missing, so fewer scores make smaller steps; a smaller generation does the same.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: NaturalGradientOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = NaturalGradientOptions() if options is None else options
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
        """Sample x = centre ± radius · z, z ~ N(0, I); see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        codes = np.empty((n or self.population_size, self.code_dim))
        centre, radius = self._search.centre, self._search.radius
        draw_around(rng, codes, centre, radius, self._options.antithetic)
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move the centre, then the radius; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        before = self._search
        self._search = self._first_search(told) if before is None else self._next(before, told)
        if self._search is not None:
            self._guard.moved(None if before is None else before.centre, self._search.centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`. The radius is `sigma`."""
        figures = self._guard.summary()
        if self._search is not None:
            figures["sigma"] = float(np.sqrt(np.square(self._search.radius).mean()))
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Tell of a radius at its floor; see `Optimizer.stop_reasons`."""
        floor = self._options.min_radius
        if self._search is None or self._options.radius <= floor:
            return ()
        if self._search.radius.max() > floor:
            return ()
        return (f"the radius has shrunk to its floor of {floor:g}: all codes look the same",)

    def state_dict(self) -> State:
        """Guard and search as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._search is not None:
            state |= {name: np.array(value) for name, value in vars(self._search).items()}
        return state

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, search = GuardState.read(reader), None
        if "centre" in reader:
            n_radii = self.code_dim if self._options.radius_per_gene else 1
            search = _Search(
                centre=reader.array("centre", (self.code_dim,), np.float64),
                radius=reader.array("radius", (n_radii,), np.float64),
            )
        reader.finish()
        self._guard.state, self._search = guard_state, search

    def _first_search(self, told: Told) -> _Search | None:
        centre = first_centre(told)
        if centre is None:
            return None
        n_radii = self.code_dim if self._options.radius_per_gene else 1
        return _Search(centre, np.full(n_radii, self._options.radius))

    def _next(self, old: _Search, told: Told) -> _Search:
        options = self._options
        used = comparable(told.valid, options.antithetic)
        if not used.any():
            return old
        scores = without_unit(told.scores, used) if options.standardise else told.scores
        weights = np.where(used, scores, 0.0) / max(self.population_size, len(scores))
        away = told.codes.astype(np.float64)
        away -= old.centre
        centre = old.centre + options.learning_rate * (weights @ away) / old.radius**2
        # ∂ log N / ∂ radius = (z² - 1) / radius; one radius takes the mean over the genes.
        if options.radius_per_gene:
            squares = weights @ np.square(away, out=away)
        else:
            squares = weights @ np.vecdot(away, away) / self.code_dim
        pull = squares / old.radius**2 - weights.sum()
        radius = old.radius + options.radius_learning_rate * pull / old.radius
        return _Search(centre, np.maximum(radius, options.min_radius))
