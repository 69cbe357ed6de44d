"""PosteriorAscent: climb the posterior of the neuron's response, and look around at low contrast.

Every generation, all responses that are remembered enter one regression (`regression`), whose
posterior mean is climbed from the former centre (`ascent`). Codes are shown in mirrored pairs. Some
lie close around the centre, at a contrast that varies a little; the others explore: far apart, and
around a fainter centre, where the noise of a response is small and its changes are large. With the
metric of a generator the regression knows which directions change the picture; the evidence of the
responses decides whether to believe it, and codes are shown in all directions, so a wrong metric
costs little.

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
from controller.optimizers.posterior.artefacts import doubts
from controller.optimizers.posterior.ascent import Reach, ascend
from controller.optimizers.posterior.choosing import choose, rows_for_evidence
from controller.optimizers.posterior.memory import Memory
from controller.optimizers.posterior.regression import (
    Learned,
    Prepared,
    Responses,
    Settings,
    first_lesson,
    prepare,
)
from controller.optimizers.posterior.views import Points, Views
from controller.optimizers.saved_state import StateReader

_EXPLORES = 0.85
"""Of the schedule, the part in which codes explore."""
_TRUST = 2.5
"""How far the centre may go in a generation, in units of the spread of the codes around it."""


@dataclass(frozen=True)
class PosteriorAscentOptions:
    """Settings; the defaults were chosen on the tuning set of the race.

    metric: file of the eigenvectors and eigenvalues of the generator's metric; without it every
        direction of the code counts alike.
    population_size: codes per generation.
    first_sigma: standard deviation along one axis of the first codes, and later of those that
        explore; weaker initial codes are shown at that contrast.
    sigma: standard deviation along one axis of the codes close to the centre.
    explore: share of the codes that explore.
    schedule_length: generations that you expect; after 85 % of them none explores any more.
    explore_contrast: norm of the centre that is explored around, in units of that of the best.
    norm_jitter: standard deviation of the logarithm of the norm among the codes close by.
    largest_contrast: of the centre, in units of that of the first codes.
    block_gain_cv: coefficient of variation expected of the neuron's gain from block to block.
    n_remembered: responses that enter the regression.
    n_for_evidence: responses that settings are chosen by.
    max_directions: strongest directions of the metric that are used.
    faint: spread of the codes in all other directions, as a share, while the metric is believed.
    """

    metric: Basis | None = None
    population_size: PopulationSize = 40
    first_sigma: Positive = 4.5
    sigma: Positive = 1.0
    explore: Share = 0.7
    schedule_length: Annotated[int, Limits(at_least=2)] = 75
    explore_contrast: Share = 0.5
    norm_jitter: NotNegative = 0.3
    largest_contrast: Annotated[float, Limits(at_least=1)] = 6.0
    block_gain_cv: NotNegative = 0.05
    n_remembered: Count = 1000
    n_for_evidence: Count = 300
    max_directions: Count = 500
    faint: Share = 0.4

    def __post_init__(self) -> None:
        check_options(self)
        if self.sigma > self.first_sigma:
            raise refusal("sigma", self.sigma, "must not exceed first_sigma")
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
    settings: of the regression.
    """

    centre: Floats
    settings: Settings


@dataclass(frozen=True, eq=False)
class _Ahead:
    """What was worked out while the codes were shown; a function of state and codes alone.

    codes: (m, code_dim) float32, whose scores are waited for.
    points: everything remembered, the codes and the centre.
    prepared: the regression that waits for their scores.
    """

    codes: Codes
    points: Points
    prepared: Prepared


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
        self._shown: Codes | None = None
        self._ahead: _Ahead | None = None

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
        search, codes = self._search, self._initial_codes
        if search is not None:
            codes = self._pairs(search, rng, n or self.population_size)
        shown = self._guard.open(codes, first_id)
        self._shown, self._ahead = shown.codes, None
        return shown

    def prepare(self, rng: np.random.Generator) -> None:  # noqa: ARG002 - the next codes come easily
        """Work ahead while the codes of the last `ask` are shown; see `WorksAhead.prepare`."""
        if self._shown is not None and self._search is not None:
            self._ahead = self._work_ahead(self._search, self._shown, self.generation)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Remember the scores, learn, and move the centre; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        ahead, before = self._ahead, self._search
        self._shown = self._ahead = None
        if not told.valid.any():
            return
        if before is None:
            self._search = self._first_search(told)
        else:
            if ahead is None or not np.array_equal(ahead.codes, told.codes):
                # The tell that is under way counts already; working ahead comes before it.
                ahead = self._work_ahead(before, told.codes, self.generation - 1)
            self._search = self._next_search(ahead, told)
        self._guard.moved(None if before is None else before.centre, self._search.centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            options, explore = self._options, self._share_that_explores()
            variances = np.square([options.first_sigma, options.sigma])
            figures["sigma"] = float(np.sqrt(variances @ [explore, 1 - explore]))
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
        state["centre"] = search.centre.copy()
        return state | {n: np.array(v) for n, v in vars(search.settings).items()}

    def load_state_dict(self, state: State) -> None:
        """Continue from a saved state; see `Optimizer.load_state_dict`."""
        reader = StateReader(state)
        guard_state, search = GuardState.read(reader), None
        memory = Memory.read(reader, self.code_dim, self._views.n_directions)
        if "centre" in reader:
            search = _Search(
                centre=reader.array("centre", (self.code_dim,), np.float64),
                settings=Settings(**{name: reader.number(name) for name in vars(Settings())}),
            )
        reader.finish()
        self._guard.state, self._memory, self._search = guard_state, memory, search
        self._shown = self._ahead = None

    # Where to look.

    def _share_that_explores(self) -> float:
        exploring = self.generation <= round(_EXPLORES * self._options.schedule_length)
        return self._options.explore if exploring else 0.0

    def _pairs(self, search: _Search, rng: np.random.Generator, size: int) -> Codes:
        """Codes (size, code_dim): some around a fainter centre, the others close to the best."""
        options, n_pairs = self._options, (size + 1) // 2
        explores = np.arange(n_pairs) < round(self._share_that_explores() * n_pairs)
        noise = rng.standard_normal((n_pairs, self.code_dim), dtype=np.float32)
        jitter = np.exp(options.norm_jitter * rng.standard_normal(n_pairs))
        norms = np.where(explores, options.explore_contrast, jitter).astype(np.float32)
        sigmas = np.where(explores, options.first_sigma, options.sigma).astype(np.float32)
        shaped = self._views.shaped(noise, search.settings.exponent, options.faint)
        offsets = sigmas[:, np.newaxis] * shaped
        centres = norms[:, np.newaxis] * search.centre.astype(np.float32)
        pairs: Codes = np.concatenate([centres + offsets, centres - offsets])[:size]
        return pairs

    # What is learned.

    def _first_search(self, told: Told) -> _Search:
        """Learn from the first scores, and start from their mean code or from the best of them."""
        settings = Settings(exponent=self._views.exponents[-1])
        heard = told.valid
        mean_code = told.codes[heard].mean(axis=0, dtype=np.float64)
        points = self._views.points(np.concatenate([told.codes[heard], mean_code[np.newaxis]]))
        rates = np.full(int(heard.sum()), told.scores[heard].mean())
        trust = told.n_valid[heard].astype(np.float64)
        news = self._news(told, points.coordinates[:-1], trust, rates)
        products = settings.saturation * self._views.products(points, settings.exponent)
        # From all of them: what is remembered is less where there are very many first codes.
        lesson = first_lesson(self._responses(news), products, settings)
        self._memory = self._memory.and_then(news, self._options.n_remembered)
        return self._climb(lesson, points, len(rates), settings)

    def _work_ahead(self, search: _Search, codes: Codes, generation: int) -> _Ahead:
        """Choose settings and prepare the regression of codes (m, code_dim) without scores.

        generation: tells before the one that will bring the scores.
        """
        memory, views = self._memory, self._views
        points = memory.points.and_then(views.points(codes), views.points(search.centre[None]))
        responses = self._responses(memory)
        rows = rows_for_evidence(len(memory), self._options.n_for_evidence)
        few = memory.take(rows).points
        settings = choose(
            search.settings,
            generation,
            views.exponents,
            responses.take(rows),
            lambda exponent: views.products(few, exponent),
        )
        products = settings.saturation * views.products(points, settings.exponent)
        return _Ahead(codes, points, prepare(responses, len(codes), products, settings))

    def _next_search(self, ahead: _Ahead, told: Told) -> _Search:
        """Learn from scores, remember them, and climb."""
        prepared, n_known = ahead.prepared, len(self._memory)
        expected = prepared.expected_scores()
        one = prepared.known.noise_of_one(expected, prepared.settings.noise_power)
        presentations = np.maximum(told.n_valid, 1)
        surprises = (told.scores - expected) / np.sqrt(one / presentations)
        trust = presentations / doubts(surprises)
        lesson = prepared.learn(told.scores, trust)
        heard, coordinates = told.valid, ahead.points.coordinates[n_known:-1]
        news = self._news(told, coordinates[heard], trust[heard], lesson.rates[n_known:])
        known = replace(self._memory, rates=lesson.rates[:n_known])
        self._memory = known.and_then(news, self._options.n_remembered)
        return self._climb(lesson, ahead.points, len(told.scores), prepared.settings)

    def _news(self, told: Told, coordinates: Floats, trust: Floats, rates: Floats) -> Memory:
        """Take what is to be remembered; all but `told` hold rows that were heard alone."""
        heard = told.valid
        generations = np.full(int(heard.sum()), self.generation, dtype=np.int64)
        return Memory(
            codes=told.codes[heard],
            scores=told.scores[heard],
            trust=trust,
            generations=generations,
            rates=rates,
            coordinates=coordinates,
        )

    def _responses(self, memory: Memory) -> Responses:
        return Responses(
            scores=memory.scores,
            rates=memory.rates,
            trust=memory.trust,
            generations=memory.generations,
            gain_cv=self._options.block_gain_cv,
        )

    # Where to go.

    def _climb(self, lesson: Learned, points: Points, n_new: int, settings: Settings) -> _Search:
        """Climb from the best of the newest codes and the centre, the last of the points."""
        surface, n, root = lesson.surface, len(points), settings.saturation**0.5
        options = self._options
        starts = [surface.point(index) for index in range(n - 1 - n_new, n)]
        start = max(reversed(starts), key=surface.value)
        reach = Reach(
            trust=_TRUST * root * options.sigma / options.first_sigma,
            contrast=root * options.largest_contrast,
        )
        top = ascend(surface, start, reach)
        centre = self._views.mixed(points, top.shares, settings.exponent)
        return _Search(centre, settings)


def _strong(codes: Codes, sigma: float) -> Codes:
    """Scale codes (m, d) that are weaker than `sigma` per axis to it; zero stays zero."""
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    wanted = np.maximum(norms, sigma * np.sqrt(codes.shape[1]))
    strong: Codes = codes * np.divide(wanted, norms, out=np.ones_like(norms), where=norms > 0)
    return strong
