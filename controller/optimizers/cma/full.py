"""CMA-ES with a full covariance, equal to pycma's step by step (Hansen 2016, arXiv 1604.00772).

Active rank-mu and rank-one updates, cumulative step-size adaptation, a stalled path while sigma is
far too small, a lazily refreshed covariance. Given the same codes and scores, mean, sigma, paths
and covariance are pycma's to 1e-9. Two choices are ours: tied scores share their weights instead of
following the order of rows, and missing ones are left out and shorten the mean's way.

Cost in 4096 dimensions and 40 codes (`benchmarks/optimizers.py`): nothing is ever decomposed (see
`roots`). Generations 1 to 20 draw from the identity. After that a population is shaped and whitened
by all that was learned, which grows to the cost of a few products of the population with a (d, d)
matrix by generation 75, and stays there. `prepare` moves that into the time when images are shown;
the first images of the next generation then wait for less than 20 ms, also after a refresh. From
generation 100 on, when the covariance becomes a matrix, they wait for some 0.3 s after a refresh,
which is once in 20 generations. Memory: 240 MB at generation 75 (see `covariance`), half of that in
float32.

What is left out: bounds per gene, restarts, integers, rescaling of an ill-conditioned covariance.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.cma import step_size
from controller.optimizers.cma.cholesky import usual_population_size
from controller.optimizers.cma.covariance import Covariance
from controller.optimizers.cma.paths import Paths, followed
from controller.optimizers.cma.recombination import (
    CmaConstants,
    Recombination,
    full_constants,
    parent_weights,
    recombination,
)
from controller.optimizers.cma.roots import Root, TermsRoot, UpdatedRoot
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import NotNegative, PopulationSize, Positive, check_options
from controller.optimizers.ranking import rank_weights, share_by_rank
from controller.optimizers.saved_state import StateReader


@dataclass(frozen=True)
class CmaEsOptions:
    """Settings; the defaults are those of the 2022 study's "CMA".

    sigma0: first step size, standard deviation along one axis of the code.
    population_size: lambda; without it int(4 + 3 log2(code_dim)), 40 in 4096 dimensions.
    step_size: "csa", from the length of the mean's path, or "tpa", from two opposite codes.
    refresh_gap: tells between two refreshes of the covariance that codes are drawn from; without it
        1 / (10 code_dim (c_1 + c_mu)), 19.25 in 4096 dimensions.
    precision: "float64", or "float32" for the covariance alone, which halves memory and time.
    max_sigma: ceiling of the step size.
    """

    sigma0: Positive = 2.0
    population_size: PopulationSize | None = None
    step_size: Literal["csa", "tpa"] = "csa"
    refresh_gap: NotNegative | None = None
    precision: Literal["float64", "float32"] = "float64"
    max_sigma: Positive | None = None

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    mean, path_sigma, path_c: (code_dim,) float64.
    shift: (code_dim,) the mean's last move.
    signal: of two-point adaptation.
    n_updates, last_refresh: tells that taught something, and how many of them the root has seen.
    """

    mean: Floats
    sigma: float
    path_sigma: Floats
    path_c: Floats
    shift: Floats
    signal: float
    n_updates: int
    last_refresh: int


@dataclass(frozen=True, eq=False)
class _Ahead:
    """What `prepare` worked out: pure functions of the search, of `codes` and of `z`.

    white: the codes whitened by `root`.
    news: path and codes whitened by `base`, where a refresh is due; see `_by_base`.
    shaped: z shaped by `base` where there is one, else by what codes are drawn with now.
    """

    root: Root
    codes: Codes
    white: Floats
    news: Floats | None
    z: Floats
    drawing: Root | UpdatedRoot
    shaped: Floats


class CmaEs:
    """The optimizer; see `Optimizer` for what it promises.

    One initial code becomes the first mean whatever it scores; several are recombined by rank.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: CmaEsOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._initial_codes = checked_initial_codes(initial_codes)
        self._options = CmaEsOptions() if options is None else options
        size = self._options.population_size
        self._size = usual_population_size(self.code_dim) if size is None else size
        self._guard = AskTellGuard(self.code_dim, direction)
        self._covariance = Covariance(self.code_dim, np.dtype(self._options.precision))
        self._search: _Search | None = None
        self._shown: Codes | None = None
        self._ahead: _Ahead | None = None
        self.constants = _constants(self.code_dim, self._size, self._options)

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
        """Sample x = m + sigma C^(1/2) z, z ~ N(0, I); see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        z = rng.standard_normal((n or self._size, self.code_dim))
        shown = self._guard.open(self._proposals(self._search, z), first_id)
        self._shown = shown.codes
        return shown

    def prepare(self, rng: np.random.Generator) -> None:
        """Work ahead while the codes of the last `ask` are shown; may be left out.

        Changes no proposal and no state, only how long `tell` and the next `ask` take.

        Args:
            rng: a generator of random numbers like the one that the next `ask` will get.

        """
        if self._search is None or self._shown is None:
            return
        z = rng.standard_normal((self._size, self.code_dim))
        root, codes, learned = self._covariance.root, self._shown, self._covariance
        deviations = self._deviations(self._search, codes)
        white = root.whiten(deviations)
        learned.catch_up()
        news, drawing = None, learned.drawing
        base = learned.base() if self._is_due(self._search) else None
        if base is not None:
            news, drawing = self._by_base(base, self._search, deviations), base
        self._ahead = _Ahead(root, codes, white, news, z, drawing, drawing.shape(z))

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move mean, paths, step size and covariance; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        before = self._search
        if before is None:
            self._search = self._first_search(told)
        elif told.valid.sum() > 1:
            # One score alone says nothing about which direction is better.
            self._search = self._next_search(before, told)
        if self._search is not before and self._search is not None:
            self._guard.moved(None if before is None else before.mean, self._search.mean)
        self._shown = None

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            sigma, spread = self._search.sigma, float(np.sqrt(self._covariance.trace))
            weights = parent_weights(self._size)
            figures |= step_size.sigma_figures(sigma, sigma * spread, figures["mean_norm"], weights)
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Tell of a step size that exploded or vanished; see `Optimizer.stop_reasons`."""
        if self._search is None:
            return ()
        return step_size.sigma_reasons(self._search.sigma, self._options.sigma0)

    def covariance(self) -> NDArray[np.floating]:
        """Write the covariance out as a new (code_dim, code_dim) matrix, without sigma."""
        return self._covariance.matrix()

    def state_dict(self) -> State:
        """Guard, search and covariance as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays()
        if self._search is None:
            return state
        for name, value in vars(self._search).items():
            state[name] = np.array(value)
        return state | self._covariance.as_arrays()

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, search = GuardState.read(reader), None
        covariance = Covariance(self.code_dim, np.dtype(self._options.precision))
        if "mean" in reader:
            search = self._read_search(reader)
            covariance = covariance.read(reader)
        reader.finish()
        self._guard.state, self._search, self._covariance = guard_state, search, covariance
        self._shown = self._ahead = None

    def _proposals(self, search: _Search, z: Floats) -> Floats:
        codes = search.sigma * self._shaped(z)
        codes += search.mean
        if self._options.step_size == "tpa" and len(codes) > 1 and search.shift.any():
            length = np.linalg.norm(self._covariance.root.whiten(search.shift[np.newaxis]))
            step = search.sigma * (np.linalg.norm(z[0]) / length) * search.shift
            step_size.show_two_points(codes, search.mean, step)
        return codes

    def _shaped(self, z: Floats) -> Floats:
        drawing, ahead = self._covariance.drawing, self._ahead
        if ahead is not None and np.array_equal(ahead.z, z):
            if ahead.drawing is drawing:
                return ahead.shaped
            if isinstance(drawing, UpdatedRoot) and ahead.drawing is drawing.base:
                return drawing.finish(z, ahead.shaped)
        return drawing.shape(z)

    def _deviations(self, search: _Search, codes: Codes) -> Floats:
        deviations: Floats = (codes - search.mean) / search.sigma
        return deviations

    def _first_search(self, told: Told) -> _Search | None:
        if len(told.ids) > 1 and not told.valid.any():
            return None
        mean = first_mean(told, self._size)
        still = np.zeros(self.code_dim)
        sigma = step_size.at_most(self._options.sigma0, self._options.max_sigma)
        return _Search(mean, sigma, still, still, still, 0.0, 0, 0)

    def _next_search(self, old: _Search, told: Told) -> _Search:
        k, mix = self.constants, recombination(told, self.constants, self.code_dim)
        deviations = self._deviations(old, told.codes)
        white = self._whitened(deviations, told.codes)[told.valid]
        news = self._news(old, deviations, told.codes)
        deviations = deviations[told.valid]
        moved = mix.mean_weights @ deviations
        white_move = mix.mean_weights @ white
        paths = followed(
            old.path_sigma, old.path_c, white_move, moved, mix.mu_eff, old.n_updates, k
        )
        self._learn(paths, deviations, white, mix)
        if self._is_due(old):
            self._refresh(news, told, paths.gain_c * mix.mean_weights)
        signal = step_size.tpa_signal(old.signal, told)
        growth = step_size.growth(self._options.step_size, paths.sigma, signal, k)
        shift = mix.mean_rate * old.sigma * moved
        return _Search(
            mean=old.mean + shift,
            sigma=step_size.at_most(old.sigma * float(np.exp(growth)), self._options.max_sigma),
            path_sigma=paths.sigma,
            path_c=paths.c,
            shift=shift,
            signal=signal,
            n_updates=old.n_updates + 1,
            last_refresh=old.n_updates + 1 if self._is_due(old) else old.last_refresh,
        )

    def _whitened(self, deviations: Floats, codes: Codes) -> Floats:
        ahead, root = self._ahead, self._covariance.root
        if ahead is not None and ahead.root is root and np.array_equal(ahead.codes, codes):
            return ahead.white
        return root.whiten(deviations)

    def _learn(self, paths: Paths, deviations: Floats, white: Floats, mix: Recombination) -> None:
        """Update C by the path and by the codes, (n, code_dim) as they are and whitened."""
        k = self.constants
        weights = k.c_mu * mix.weights
        decay = 1.0 - paths.c_1 - weights.sum()
        # A code of negative weight counts by direction only, as if its z had the expected length.
        lengths = np.linalg.norm(white, axis=1) + 1e-9
        weights = np.where(weights < 0.0, weights * self.code_dim / lengths**2, weights)
        rows = np.vstack([paths.c, deviations])
        self._covariance.learn(rows, np.concatenate([[k.c_1], weights]), decay)

    def _is_due(self, old: _Search) -> bool:
        """Whether the next tell that teaches something is followed by a refresh."""
        return old.n_updates + 1 >= old.last_refresh + self.constants.refresh_gap

    def _by_base(self, base: TermsRoot, old: _Search, deviations: Floats) -> Floats:
        """Path and codes (1 + n, code_dim), whitened by what a refresh will build on."""
        return base.whiten(np.vstack([old.path_c, deviations]))

    def _news(self, old: _Search, deviations: Floats, codes: Codes) -> Floats | None:
        """Return the same, as worked out ahead or now; None where no refresh builds on anything."""
        base, ahead = self._covariance.base(), self._ahead
        if base is None or not self._is_due(old):
            return None
        if ahead is not None and ahead.drawing is base and np.array_equal(ahead.codes, codes):
            return ahead.news
        return self._by_base(base, old, deviations)

    def _refresh(self, news: Floats | None, told: Told, path_weights: Floats) -> None:
        """Refresh the covariance's root; the path, too, is whitened as the sum that it is."""
        if news is None:
            self._covariance.refresh()
            return
        white = news[1:][told.valid]
        path = (1.0 - self.constants.c_c) * news[0] + path_weights @ white
        self._covariance.refresh(np.vstack([path, white]))

    def _read_search(self, reader: StateReader) -> _Search:
        gene = (self.code_dim,)
        return _Search(
            mean=reader.array("mean", gene, np.float64),
            sigma=reader.number("sigma"),
            path_sigma=reader.array("path_sigma", gene, np.float64),
            path_c=reader.array("path_c", gene, np.float64),
            shift=reader.array("shift", gene, np.float64),
            signal=reader.number("signal"),
            n_updates=reader.count("n_updates"),
            last_refresh=reader.count("last_refresh"),
        )


def first_mean(told: Told, population_size: int) -> Floats:
    """Return the mean (code_dim,) after the initial codes: the one code, or the best by rank."""
    if len(told.ids) == 1:
        mean: Floats = told.codes[0].astype(np.float64)
        return mean
    weights = rank_weights(max(1, population_size // 2))[: int(told.valid.sum())]
    shares = share_by_rank(told.scores, told.valid, weights / weights.sum())
    recombined: Floats = shares @ told.codes
    return recombined


def _constants(code_dim: int, population_size: int, options: CmaEsOptions) -> CmaConstants:
    k = full_constants(code_dim, population_size)
    gap = options.refresh_gap
    return k if gap is None else replace(k, refresh_gap=gap)
