"""PosteriorAscent: climb the posterior of the neuron's response, and show codes around its top.

Every generation, all responses that are remembered enter one regression (`regression`), whose
posterior mean is climbed from the former centre (`ascent`). Codes are shown in mirrored pairs
around the centre. Their spread shrinks only while the posterior predicts responses before they
come; near the end the norm of the centre, which sets contrast, follows the responses as well.
With the metric of a generator the regression knows which directions change the picture; the
evidence of the responses decides how much of that to believe, and codes are shown in all
directions, so a wrong metric costs little.

What is left out: any knowledge of the neuron, and a guarantee of the highest peak among several.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.basis import Basis
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import (
    Count,
    Limits,
    NotNegative,
    PopulationSize,
    Positive,
    Share,
    check_options,
    refusal,
)
from controller.optimizers.posterior.ascent import Reach, ascend
from controller.optimizers.posterior.memory import Memory
from controller.optimizers.posterior.progress import level_and_scale, norm_trend, pace
from controller.optimizers.posterior.regression import (
    CHOICES,
    Posterior,
    Responses,
    Settings,
    evidence,
    regress,
)
from controller.optimizers.posterior.views import Views
from controller.optimizers.saved_state import StateReader

_N_FIRST = 5
"""Generations in which every setting is chosen anew."""
_NORM_RATE = 0.08
_MOST_AXES_CHEAP = 1500


@dataclass(frozen=True)
class PosteriorAscentOptions:
    """Settings; the defaults were chosen on the tuning set of the race.

    metric: file of the eigenvectors and eigenvalues of the generator's metric; without it every
        direction of the code counts alike.
    population_size: codes per generation.
    first_sigma: standard deviation of the first codes along one axis; weaker initial codes are
        shown at that contrast.
    last_sigma: standard deviation of the codes around the centre at the end of the schedule.
    schedule_length: generations from the first sigma to the last, as long as responses can be
        predicted; in others only a part of a generation is counted.
    norm_from: share of the schedule after which the norm of the centre follows the responses.
    norm_range: largest norm of the centre, in units of the norm that it has until then.
    norm_jitter: standard deviation of the logarithm of the norm among the codes, from then on.
    first_norm: norm of the centre until then, in units of that of the first codes.
    block_gain_cv: coefficient of variation expected of the neuron's gain from block to block.
    n_remembered: responses that enter the regression.
    n_for_evidence: responses that settings are chosen by.
    max_directions: strongest directions of the metric that are used.
    faint: spread of the codes in all other directions, as a share, while the metric is believed.
    """

    metric: Basis | None = None
    population_size: PopulationSize = 40
    first_sigma: Positive = 4.5
    last_sigma: Positive = 1.0
    schedule_length: Annotated[int, Limits(at_least=2)] = 75
    norm_from: Share = 0.4
    norm_range: Annotated[float, Limits(at_least=1)] = 6.0
    norm_jitter: NotNegative = 0.2
    first_norm: Positive = 1.2
    block_gain_cv: NotNegative = 0.05
    n_remembered: Count = 1000
    n_for_evidence: Count = 300
    max_directions: Count = 500
    faint: Share = 0.4

    def __post_init__(self) -> None:
        check_options(self)
        if self.last_sigma > self.first_sigma:
            raise refusal("last_sigma", self.last_sigma, "must not exceed first_sigma")
        if self.metric is not None and self.metric.values is None:
            raise refusal("metric", "directions alone", "must hold eigenvalues too")

    def strongest(self) -> Basis | None:
        """Return the part of the metric that is used."""
        if self.metric is None:
            return None
        return self.metric.first(min(self.max_directions, self.metric.n_dims))


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    centre: (code_dim,) float64.
    progress: generations of the schedule that are done; not always whole.
    norm_factor: by which the norm of the centre exceeds its first limit.
    settings: of the regression.
    """

    centre: Floats
    progress: float
    norm_factor: float
    settings: Settings


@dataclass(frozen=True, eq=False)
class _Learned:
    """What was made of the responses.

    rows: of the memory that entered.
    level, scale: mean and standard deviation of their scores.
    """

    posterior: Posterior
    rows: NDArray[np.int64]
    level: float
    scale: float

    def expect(self, codes: Codes) -> Floats:
        """Scores (n,) to expect of codes (n, code_dim)."""
        mean, _ = self.posterior.at(self.posterior.view.coordinates(codes))
        expected: Floats = self.level + self.scale * mean
        return expected

    def with_rates(self, memory: Memory) -> Memory:
        """Return the memory with rates as they are estimated now: noise is reckoned from them."""
        rates = memory.rates.copy()
        rates[self.rows] = self.level + self.scale * self.posterior.fitted
        return replace(memory, rates=rates)


class PosteriorAscent:
    """The optimizer; see `Optimizer` for what it promises.

    Scores count with their number of valid presentations. A missing score is simply not among the
    responses.

    initial_codes: (m, code_dim); those weaker than `first_sigma` are shown scaled to it.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: PosteriorAscentOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._options = PosteriorAscentOptions() if options is None else options
        given = checked_initial_codes(initial_codes)
        sigma, code_dim = self._options.first_sigma, given.shape[1]
        self._views = Views(self._options.strongest(), sigma, code_dim)
        self._initial_codes = checked_initial_codes(_strong(given, sigma))
        self._guard = AskTellGuard(self.code_dim, direction)
        self._memory = Memory.empty(code_dim, self._views.n_directions)
        self._search: _Search | None = None
        self._learned: _Learned | None = None

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
        """Return mirrored pairs around the centre; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        size = n or self.population_size
        n_pairs = (size + 1) // 2
        noise = rng.standard_normal((n_pairs, self.code_dim), dtype=np.float32)
        scale = np.exp(self._norm_jitter() * rng.standard_normal((n_pairs, 1), dtype=np.float32))
        exponent = self._search.settings.exponent
        shaped = self._views.shaped(noise, exponent, self._options.faint)
        offsets = np.float32(self._sigma()) * shaped
        centre = scale * self._search.centre.astype(np.float32)
        codes = np.concatenate([centre + offsets, centre - offsets])[:size]
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Remember the scores, learn, and move the centre; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        if not told.valid.any():
            return
        self._remember(told)
        before = self._search
        old = _Search(self._first_centre(), 0.0, 1.0, Settings()) if before is None else before
        if before is not None:
            old = replace(old, progress=old.progress + pace(self._memory, self.generation))
            old = replace(old, norm_factor=self._norm_factor(old))
        old = replace(old, settings=self._settings(old.settings))
        self._search = replace(old, centre=self._climb(old))
        self._guard.moved(None if before is None else before.centre, self._search.centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            figures["sigma"] = self._sigma()
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Nothing: the spread of the codes stays between its limits."""
        return ()

    def state_dict(self) -> State:
        """Guard, memory, search and posterior as arrays; see `Optimizer.state_dict`."""
        state = self._guard.state.as_arrays() | self._memory.as_arrays()
        if self._search is None:
            return state
        search = self._search
        state |= {
            "centre": search.centre.copy(),
            "progress": np.array(search.progress),
            "norm_factor": np.array(search.norm_factor),
        }
        return state | {n: np.array(v) for n, v in vars(search.settings).items()}

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, search = GuardState.read(reader), None
        memory = Memory.read(reader, self.code_dim, self._views.n_directions)
        if "centre" in reader:
            search = _Search(
                centre=reader.array("centre", (self.code_dim,), np.float64),
                progress=reader.number("progress"),
                norm_factor=reader.number("norm_factor"),
                settings=Settings(**{name: reader.number(name) for name in vars(Settings())}),
            )
        reader.finish()
        self._guard.state, self._memory, self._search = guard_state, memory, search
        self._learned = None

    # Where to look.

    def _sigma(self) -> float:
        """Spread of the next codes, falling geometrically along the schedule."""
        options, progress = self._options, 0.0 if self._search is None else self._search.progress
        done = min(1.0, progress / (options.schedule_length - 1))
        return float(options.first_sigma * (options.last_sigma / options.first_sigma) ** done)

    def _follows_norm(self, search: _Search | None) -> bool:
        options = self._options
        return search is not None and search.progress > options.norm_from * options.schedule_length

    def _norm_jitter(self) -> np.float32:
        jitter = self._options.norm_jitter if self._follows_norm(self._search) else 0.0
        return np.float32(jitter)

    def _first_centre(self) -> Floats:
        """Mean of the codes with a score: no code among equals is preferred."""
        mean: Floats = self._memory.codes.mean(axis=0, dtype=np.float64)
        return mean

    # What was learned.

    def _remember(self, told: Told) -> None:
        """Add the scored codes, with what the posterior expected of them."""
        valid, n = told.valid, int(told.valid.sum())
        scores, codes = told.scores[valid], told.codes[valid]
        predicted = np.full(n, np.nan)
        if self._search is not None:
            learned = self._learn(self._search.settings)
            predicted = learned.expect(codes)
            self._memory = learned.with_rates(self._memory)
        news = Memory(
            codes=codes,
            scores=scores,
            n_valid=told.n_valid[valid].astype(np.int64),
            generations=np.full(n, self.generation, dtype=np.int64),
            predicted=predicted,
            rates=np.where(np.isnan(predicted), scores.mean(), predicted),
            coordinates=self._views.along(codes),
        )
        self._memory = self._memory.and_then(news, self._options.n_remembered)

    def _learn(self, settings: Settings) -> "_Learned":
        """Regress on what is remembered, unless that is at hand."""
        if self._learned is None:
            rows = self._rows_in_use(settings.exponent)
            memory = self._memory.take(rows)
            view, data = self._views.of(settings), self._views.data(memory, settings)
            posterior = regress(view, data, self._responses(memory), settings)
            self._learned = _Learned(posterior, rows, *level_and_scale(memory))
        return self._learned

    def _rows_in_use(self, exponent: float) -> NDArray[np.int64]:
        """Rows of the memory that are regressed on: fewer where every direction counts alike."""
        n, share = len(self._memory), min(1.0, _MOST_AXES_CHEAP / self._views.n_axes(exponent))
        return np.arange(max(0, n - max(1, int(share * self._options.n_remembered))), n)

    def _responses(self, memory: Memory) -> Responses:
        level, scale = level_and_scale(memory)
        gain_sd = self._options.block_gain_cv * np.abs(memory.rates).mean() / scale
        return Responses(
            scores=(memory.scores - level) / scale,
            rates=memory.rates,
            n_valid=memory.n_valid.astype(np.float64),
            generations=memory.generations,
            gain_variance=float(gain_sd**2),
        )

    def _settings(self, old: Settings) -> Settings:
        """Choose one of the settings anew; all of them after the first generations."""
        names = [name for name in CHOICES if len(self._choices(name)) > 1]
        turn = self.generation % len(names)
        due = names if self.generation <= _N_FIRST else [names[turn]]
        n = len(self._memory)
        rows = np.linspace(0, n - 1, min(n, self._options.n_for_evidence)).astype(np.int64)
        memory = self._memory.take(rows)
        responses, new = self._responses(memory), old
        products: dict[float, Floats] = {}
        for name in due:
            found = []
            for value in self._choices(name):
                tried = replace(new, **{name: value})
                if tried.exponent not in products:
                    # All else but the exponent only scales them.
                    data = self._views.data(memory, replace(tried, saturation=1.0))
                    products[tried.exponent] = data @ data.T
                scaled = tried.saturation * products[tried.exponent]
                likelihood, noise = evidence(scaled, responses, tried)
                found.append((likelihood, replace(tried, noise=noise)))
            new = max(found, key=lambda pair: pair[0])[1]
        return new

    def _choices(self, name: str) -> tuple[float, ...]:
        """Return the values among which the evidence chooses."""
        return self._views.exponents if name == "exponent" else CHOICES[name]

    # Where to go.

    def _climb(self, search: _Search) -> Floats:
        """Regress on everything, and return the best code (code_dim,) within reach."""
        self._learned = None
        posterior = self._learn(search.settings).posterior
        view = posterior.view
        options, root = self._options, self._views.n_axes(search.settings.exponent) ** 0.5
        reach = Reach(
            trust=self._sigma() * root,
            norm=options.first_norm * options.first_sigma * root * search.norm_factor,
            on_sphere=self._follows_norm(search),
        )
        newest = self._memory.take(slice(-self.population_size, None)).codes
        starts = search.centre[np.newaxis]
        if self._search is not None:
            starts = np.concatenate([starts, newest])
        coordinates = view.coordinates(starts)
        first = coordinates[int(np.argmax(posterior.at(coordinates)[0]))]
        return view.code(ascend(posterior, first, reach))

    def _norm_factor(self, search: _Search) -> float:
        """Let the norm of the centre follow the responses, once it is time."""
        if not self._follows_norm(self._search) or not search.centre.any():
            return search.norm_factor
        trend = norm_trend(self._memory, self.generation, search.centre)
        largest = self._options.norm_range
        factor = search.norm_factor * float(np.exp(_NORM_RATE * trend))
        return float(np.clip(factor, 1 / largest, largest))


def _strong(codes: Codes, sigma: float) -> Codes:
    """Scale codes (m, d) that are weaker than `sigma` per axis to it; zero stays zero."""
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    wanted = np.maximum(norms, sigma * np.sqrt(codes.shape[1]))
    strong: Codes = codes * np.divide(wanted, norms, out=np.ones_like(norms), where=norms > 0)
    return strong
