"""Cholesky CMA-ES, the evolution strategy of Wang & Ponce 2022 (GECCO; arXiv 2204.06765).

One Gaussian is moved and scaled: the mean follows the rank-weighted best codes, the step size
`sigma` follows the length of the path that the mean takes, and every few generations the
covariance learns one direction. In 4096 dimensions and 75 generations the last part changes nothing
that can be measured (condition number 1.0002), so `covariance="none"` is an honest, cheaper choice.

What is left out: bounds of genes and of norms, restarts, negative weights.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.cma import step_size
from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.cma.frame import Frame
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import (
    Limits,
    PopulationSize,
    Positive,
    Rate,
    Whole,
    check_options,
)
from controller.optimizers.ranking import effective_parents, rank_weights, share_by_rank
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class CholeskyCmaEsOptions:
    """Settings; the defaults are those of the 2022 study.

    sigma0: first step size, standard deviation along one axis of the code.
    population_size: lambda; without it int(4 + 3 log2(code_dim)), 40 in 4096 dimensions.
    update_period: the covariance learns once more than this many populations were scored since the
        last time, which for 10 is generations 11, 22, 33, … counted from 1.
    covariance: "rank_one", or "none" to keep it at the identity.
    max_sigma: ceiling of the step size.
    c_c: learning rate of the covariance path; without it 4 / (code_dim + 4).
    c_sigma: learning rate of the step-size path; without it sqrt(mu_eff) / (sqrt(mu_eff) +
        sqrt(code_dim)).
    c_1: learning rate of the covariance; without it 2 / (code_dim + sqrt(2))².
    """

    sigma0: Positive = 3.0
    population_size: PopulationSize | None = None
    update_period: Whole = 10
    covariance: Literal["rank_one", "none"] = "rank_one"
    max_sigma: Positive | None = None
    c_c: Rate | None = None
    c_sigma: Rate | None = None
    c_1: Annotated[float, Limits(at_least=0, below=1)] | None = None

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class Constants:
    """Numbers that follow from the dimension and the population size (Wang & Ponce 2022).

    n_parents: mu, half of the population.
    mu_eff: variance-effective number of parents when all scores are there.
    c_c, c_sigma, c_1: learning rates, see the options.
    damping: slows the change of sigma.
    chi: expected length of a standard normal vector.
    """

    n_parents: int
    mu_eff: float
    c_c: float
    c_sigma: float
    c_1: float
    damping: float
    chi: float


def constants(n_axes: int, population_size: int, options: CholeskyCmaEsOptions) -> Constants:
    """Constants for a search of `n_axes` dimensions; overrides in `options` win."""
    d, n_parents = n_axes, population_size // 2
    mu_eff = effective_parents(rank_weights(n_parents))
    default_c_sigma = np.sqrt(mu_eff) / (np.sqrt(mu_eff) + np.sqrt(d))
    c_sigma = float(default_c_sigma) if options.c_sigma is None else options.c_sigma
    return Constants(
        n_parents=n_parents,
        mu_eff=mu_eff,
        c_c=4.0 / (d + 4.0) if options.c_c is None else options.c_c,
        c_sigma=c_sigma,
        c_1=2.0 / float(d + np.sqrt(2.0)) ** 2 if options.c_1 is None else options.c_1,
        damping=float(1.0 + c_sigma + 2.0 * max(0.0, np.sqrt((mu_eff - 1.0) / (d + 1.0)) - 1.0)),
        chi=float(np.sqrt(d) * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d**2))),
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    mean: (code_dim,) float64.
    path_sigma, path_c: (n_axes,) float64.
    n_scored: codes that have entered the search; n_scored_at_update: the same at the last time
        that the covariance learned.
    """

    mean: Floats
    sigma: float
    path_sigma: Floats
    path_c: Floats
    n_scored: int
    n_scored_at_update: int


def usual_population_size(code_dim: int) -> int:
    """Return lambda as the 2022 study chooses it: int(4 + 3 log2(code_dim))."""
    return int(4 + 3 * np.log2(code_dim))


class CholeskyCmaEs:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the first mean whatever it scores; several are recombined by rank.
    Tied codes share the mean weight of their ranks. With missing scores the rank weights are those
    of the min(mu, valid) best, and mu_eff is that of the weights in use, so that neither ties nor
    gaps shrink sigma by themselves.

    initial_codes: (m, code_dim), shown first as they are.
    frame: axes to search along; None for those of the code.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: CholeskyCmaEsOptions | None = None,
        direction: Direction = "maximise",
        frame: Frame | None = None,
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = CholeskyCmaEsOptions() if options is None else options
        self._frame = frame
        self._n_axes = self.code_dim if frame is None else len(frame.lengths)
        size = self._options.population_size
        self._size = usual_population_size(self._n_axes) if size is None else size
        self._guard = AskTellGuard(self.code_dim, direction)
        self._factor = CholeskyFactor(self._n_axes)
        self._search: _Search | None = None
        self.constants = constants(self._n_axes, self._size, self._options)

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return int(self._initial_codes.shape[1])

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first (lambda)."""
        return self._size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._guard.generation

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Sample x = m + sigma z A, z ~ N(0, I); see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        # In place: each new array of this size costs as much time as the arithmetic in it.
        z = rng.standard_normal((n or self._size, self._n_axes))
        codes = self._factor.apply(z, overwrite=True)
        if self._frame is not None:
            codes = self._frame.steps(codes)
        codes *= self._search.sigma
        codes += self._search.mean
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move mean, paths, step size and, when due, covariance; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        before = self._search
        if before is None:
            self._search = self._first_search(told)
        elif told.valid.any():
            self._search = self._next_search(before, told)
        if self._search is not before and self._search is not None:
            self._guard.moved(None if before is None else before.mean, self._search.mean)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            reach = np.sqrt(self.code_dim) if self._frame is None else self._frame.spread
            sigma, weights = self._search.sigma, rank_weights(self.constants.n_parents)
            spread = float(sigma * reach)
            figures |= step_size.sigma_figures(sigma, spread, figures["mean_norm"], weights)
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Tell of a step size that exploded or vanished; see `Optimizer.stop_reasons`."""
        if self._search is None:
            return ()
        return step_size.sigma_reasons(self._search.sigma, self._options.sigma0)

    def state_dict(self) -> State:
        """Guard, search and factor as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._search is None:
            return state
        for name, value in vars(self._search).items():
            state[name] = np.array(value)
        return state | self._factor.as_arrays()

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, search, factor = GuardState.read(reader), None, CholeskyFactor(self._n_axes)
        if "mean" in reader:
            search = self._read_search(reader)
            factor = CholeskyFactor.read(reader, self._n_axes)
        reader.finish()
        self._guard.state, self._search, self._factor = guard_state, search, factor

    def _first_search(self, told: Told) -> _Search | None:
        if len(told.ids) > 1 and not told.valid.any():
            return None
        mean = told.codes[0].astype(np.float64)
        n_scored = 1
        if len(told.ids) > 1:
            n_scored = int(told.valid.sum())
            weights = rank_weights(self.constants.n_parents)[:n_scored]
            mean = share_by_rank(told.scores, told.valid, weights / weights.sum()) @ told.codes
        still = np.zeros(self._n_axes)
        sigma = step_size.at_most(self._options.sigma0, self._options.max_sigma)
        return _Search(mean, sigma, still, still, n_scored, 0)

    def _next_search(self, old: _Search, told: Told) -> _Search:
        k, n_valid = self.constants, int(told.valid.sum())
        parents = rank_weights(min(k.n_parents, n_valid))
        weights = share_by_rank(told.scores, told.valid, parents)
        mu_eff = effective_parents(weights)
        mean: Floats = weights @ told.codes
        # Σ w z A = (new mean - old mean) / sigma, so the noise behind the codes is never needed.
        moved = (mean - old.mean) / old.sigma
        if self._frame is not None:
            moved = self._frame.coordinates(moved)
        gain_sigma = np.sqrt(k.c_sigma * (2.0 - k.c_sigma) * mu_eff)
        gain_c = np.sqrt(k.c_c * (2.0 - k.c_c) * mu_eff)
        path_sigma = (1.0 - k.c_sigma) * old.path_sigma + gain_sigma * self._factor.solve(moved)
        growth = (k.c_sigma / k.damping) * (np.linalg.norm(path_sigma) / k.chi - 1.0)
        new = replace(
            old,
            mean=mean,
            path_sigma=path_sigma,
            path_c=(1.0 - k.c_c) * old.path_c + gain_c * moved,
            sigma=step_size.at_most(old.sigma * float(np.exp(growth)), self._options.max_sigma),
            n_scored=old.n_scored + n_valid,
        )
        return self._with_covariance(new)

    def _with_covariance(self, search: _Search) -> _Search:
        due = search.n_scored - search.n_scored_at_update > self._options.update_period * self._size
        if self._options.covariance == "none" or not due:
            return search
        self._factor.update(search.path_c, self.constants.c_1)
        return replace(search, n_scored_at_update=search.n_scored)

    def _read_search(self, reader: StateReader) -> _Search:
        axis = (self._n_axes,)
        return _Search(
            mean=reader.array("mean", (self.code_dim,), np.float64),
            sigma=reader.number("sigma"),
            path_sigma=reader.array("path_sigma", axis, np.float64),
            path_c=reader.array("path_c", axis, np.float64),
            n_scored=reader.count("n_scored"),
            n_scored_at_update=reader.count("n_scored_at_update"),
        )
