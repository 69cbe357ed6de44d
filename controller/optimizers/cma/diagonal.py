"""CMA-ES with a diagonal covariance, equal to pycma's `CMA_diagonal=True` step by step.

One standard deviation per gene, learned exponentially, and the step size by two-point adaptation
from 300 genes on, where the first two codes of a generation are opposite steps along the mean's
last move (Hansen 2016; Akimoto & Hansen 2020). The cheapest CMA-ES and, at a response noise of
0.2, the best of the 2022 study; its code norm is not bounded by anything. Given the same codes and
scores, mean, sigma, deviations and paths are pycma's to 1e-9. Two choices are ours: tied scores
share their weights instead of following the order of rows, and missing ones are left out and
shorten the mean's way; while one of the two opposite codes has no score, sigma goes on by what
was known.

Linear in the length of the code, in time and memory. What is left out: bounds per gene, restarts.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.cma import step_size
from controller.optimizers.cma.cholesky import usual_population_size
from controller.optimizers.cma.full import first_mean
from controller.optimizers.cma.paths import Paths, followed
from controller.optimizers.cma.recombination import (
    Recombination,
    diagonal_constants,
    parent_weights,
    recombination,
)
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import PopulationSize, Positive, check_options
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class DiagonalCmaEsOptions:
    """Settings; the defaults are those of the 2022 study's "Diagonal CMA".

    sigma0: first step size, standard deviation along one axis of the code.
    population_size: lambda; without it int(4 + 3 log2(code_dim)), 40 in 4096 dimensions.
    step_size: "csa", from the length of the mean's path, or "tpa", from two opposite codes; without
        it "tpa" from 300 genes on.
    max_sigma: ceiling of the step size.
    """

    sigma0: Positive = 2.0
    population_size: PopulationSize | None = None
    step_size: Literal["csa", "tpa"] | None = None
    max_sigma: Positive | None = None

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands; arrays are (code_dim,) float64.

    deviations: standard deviation of each gene, in units of sigma.
    shift: the mean's last move.
    signal: of two-point adaptation.
    n_updates: tells that taught something.
    """

    mean: Floats
    sigma: float
    deviations: Floats
    path_sigma: Floats
    path_c: Floats
    shift: Floats
    signal: float
    n_updates: int


class DiagonalCmaEs:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the first mean whatever it scores; several are recombined by rank.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: DiagonalCmaEsOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = DiagonalCmaEsOptions() if options is None else options
        size, rule = self._options.population_size, self._options.step_size
        self._size = usual_population_size(self.code_dim) if size is None else size
        self._rule = step_size.usual_rule(self.code_dim) if rule is None else rule
        self._guard = AskTellGuard(self.code_dim, direction)
        self._search: _Search | None = None
        self.constants = diagonal_constants(self.code_dim, self._size)

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
        """Sample x = m + sigma D z, z ~ N(0, I); see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        search = self._search
        if search is None:
            return self._guard.open(self._initial_codes, first_id)
        codes = rng.standard_normal((n or self._size, self.code_dim))
        length = np.linalg.norm(codes[0])
        codes *= search.sigma * search.deviations
        codes += search.mean
        if self._rule == "tpa" and len(codes) > 1 and search.shift.any():
            white_shift = np.linalg.norm(search.shift / search.deviations)
            step = search.sigma * length / white_shift * search.shift
            step_size.show_two_points(codes, search.mean, step)
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move mean, paths, step size and deviations; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        before = self._search
        if before is None:
            self._search = self._first_search(told)
        elif told.valid.sum() > 1:
            # One score alone says nothing about which direction is better.
            self._search = self._next_search(before, told)
        if self._search is not before and self._search is not None:
            self._guard.moved(None if before is None else before.mean, self._search.mean)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            sigma, spread = self._search.sigma, float(np.linalg.norm(self._search.deviations))
            weights = parent_weights(self._size)
            figures |= step_size.sigma_figures(sigma, sigma * spread, figures["mean_norm"], weights)
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Tell of a step size that exploded or vanished; see `Optimizer.stop_reasons`."""
        if self._search is None:
            return ()
        return step_size.sigma_reasons(self._search.sigma, self._options.sigma0)

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
        if "mean" in reader:
            search = self._read_search(reader)
        reader.finish()
        self._guard.state, self._search = guard_state, search

    def _first_search(self, told: Told) -> _Search | None:
        if len(told.ids) > 1 and not told.valid.any():
            return None
        still, ones = np.zeros(self.code_dim), np.ones(self.code_dim)
        sigma = step_size.at_most(self._options.sigma0, self._options.max_sigma)
        return _Search(first_mean(told, self._size), sigma, ones, still, still, still, 0.0, 0)

    def _next_search(self, old: _Search, told: Told) -> _Search:
        k, mix = self.constants, recombination(told, self.constants, bounded_dim=None)
        white = told.codes[told.valid] - old.mean
        white /= old.sigma * old.deviations
        moved = mix.mean_weights @ white
        paths = followed(old.path_sigma, old.path_c, moved, moved, mix.mu_eff, old.n_updates, k)
        signal = step_size.tpa_signal(old.signal, told)
        growth = step_size.growth(self._rule, paths.sigma, signal, k)
        shift = mix.mean_rate * old.sigma * old.deviations * moved
        return _Search(
            mean=old.mean + shift,
            sigma=step_size.at_most(old.sigma * float(np.exp(growth)), self._options.max_sigma),
            deviations=old.deviations * self._factors(paths, white, mix),
            path_sigma=paths.sigma,
            path_c=paths.c,
            shift=shift,
            signal=signal,
            n_updates=old.n_updates + 1,
        )

    def _factors(self, paths: Paths, white: Floats, mix: Recombination) -> Floats:
        """Factor of each gene's deviation, exp(ln 2 Σ w (z² - 1) / 2) with path and codes as z.

        `white` is overwritten.
        """
        c_1, weights = paths.c_1, self.constants.c_mu * mix.weights
        squares = c_1 * np.square(paths.c) + weights @ np.square(white, out=white)
        factors: Floats = np.exp(np.log(2.0) / 2.0 * (squares - c_1 - weights.sum()))
        return factors

    def _read_search(self, reader: StateReader) -> _Search:
        gene = (self.code_dim,)
        vectors = ("mean", "deviations", "path_sigma", "path_c", "shift")
        read = {name: reader.array(name, gene, np.float64) for name in vectors}
        return _Search(
            sigma=reader.number("sigma"),
            signal=reader.number("signal"),
            n_updates=reader.count("n_updates"),
            **read,
        )
