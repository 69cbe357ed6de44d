"""ZOHA_Cylind, which evolves the direction and the norm of a code side by side.

Samples lie at an angle from the centre and at norms of their own. The direction of the centre
follows their weighted mean tangent, its norm their weighted mean norm (the cylindrical search of
Wang & Ponce's optimizers, with a schedule as in ZOHA_Cylind_lr and momentum as in _normmom). What
is left out: a metric of the space.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.options import (
    Angle,
    Count,
    Limits,
    NotNegative,
    PopulationSize,
    Positive,
    check_options,
)
from controller.optimizers.ranking import mean_of_better_half, rank_weights
from controller.optimizers.saved_state import StateReader
from controller.optimizers.sphere.around_centre import (
    Valid,
    Weights,
    angle_figures,
    angles_of,
    centre_and_samples,
    centre_weights,
    check_around_centre,
    first_direction,
    leap_reasons,
    parents_of,
)
from controller.optimizers.sphere.geometry import (
    exponential_map,
    refuse_zero_codes,
    unit,
    weighted_tangent,
)
from controller.optimizers.sphere.schedules import AfterSchedule, ScheduleKind
from controller.optimizers.wrappers.norm_limits import refuse_crossed_norms, within_norms


@dataclass(frozen=True)
class CylinderSearchOptions:
    """Settings; the defaults are those of the lab's tests in 4096 dimensions.

    population_size: codes per generation: the centre, and lambda samples around it.
    n_parents: mu, best codes that are recombined; without it half of lambda.
    min_norm: no code is shown with a smaller norm.
    max_norm: no code is shown with a larger norm.
    eta: how far the direction moves, in units of the weighted mean tangent.
    norm_eta: how far the norm moves, in units of the weighted mean difference of norms.
    norm_spread: standard deviation of the norms of samples around that of the centre.
    norm_momentum: share of the last move of the norm that is kept in the next; 0.9 to 0.95 smooth.
    schedule: course of the angle between centre and samples: "exp", "inv", "lin" or "constant".
    first_angle_deg: angle of the first generation that is sampled; "inv" ignores it.
    last_angle_deg: angle after `schedule_length` generations; "inv" and "constant" ignore it.
    schedule_length: generations from the first angle to the last; one without a difference between
        scores is not counted.
    after_schedule: "hold" the last angle, or "continue" the formula.
    weights: "rank", or "score" for (s - s_0) / lambda with s_0 the score of the centre.
    rank_centre: whether the centre competes with its samples for rank weights.
    """

    population_size: PopulationSize = 41
    n_parents: Count | None = None
    min_norm: Positive = 50.0
    max_norm: Positive = 300.0
    eta: Positive = 2.0
    norm_eta: NotNegative = 5.0
    norm_spread: NotNegative = 5.0
    norm_momentum: Annotated[float, Limits(at_least=0, below=1)] = 0.0
    schedule: ScheduleKind = "constant"
    first_angle_deg: Angle = 18.33
    last_angle_deg: Angle = 7.33
    schedule_length: Annotated[int, Limits(at_least=2)] = 75
    after_schedule: AfterSchedule = "hold"
    weights: Weights = "rank"
    rank_centre: bool = True

    def __post_init__(self) -> None:
        check_options(self)
        check_around_centre(self)
        refuse_crossed_norms(self.min_norm, self.max_norm)

    def expected_step_deg(self, angle_deg: float) -> float:
        """Angle by which noise moves the centre, with samples at `angle_deg`, in many dimensions.

        0 with weights "score", where it depends on the size of the noise.
        """
        if self.weights == "score":
            return 0.0
        return float(self.eta * np.linalg.norm(rank_weights(parents_of(self))) * angle_deg)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    direction: (code_dim,) float64 unit vector of the centre.
    norm: its norm.
    norm_move: smoothed weighted mean difference of norms.
    n_steps: generations learned from; the next one is step `n_steps` of the schedule.
    """

    direction: Floats
    norm: float
    norm_move: float
    n_steps: int


class CylinderSearch:
    """The optimizer; see `Optimizer` for what it promises.

    Of the initial codes, directions and norms are recombined apart, by rank, half of them as
    parents; a single one becomes the centre whatever it scores. Of later generations, the code with
    the lowest id is the centre. The fewer codes and scores a generation has, the smaller its step.

    initial_codes: (m, code_dim), none of them zero; those beyond the norms are scaled to them.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: CylinderSearchOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._options = CylinderSearchOptions() if options is None else options
        given = checked_initial_codes(initial_codes)
        refuse_zero_codes(given)
        within = within_norms(given, self._options.min_norm, self._options.max_norm)
        self._initial_codes = checked_initial_codes(within)
        self._angles = angles_of(self._options)
        self._guard = AskTellGuard(self.code_dim, direction)
        self._search: _Search | None = None

    @property
    def code_dim(self) -> int:
        """Length of a code."""
        return int(self._initial_codes.shape[1])

    @property
    def population_size(self) -> int:
        """Number of codes per generation after the first: the centre and lambda samples."""
        return self._options.population_size

    @property
    def generation(self) -> int:
        """Number of completed `tell` calls."""
        return self._guard.generation

    def ask(self, rng: np.random.Generator, first_id: int, n: int | None = None) -> Population:
        """Return the centre, then samples at angles and norms around it; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        old = self._search
        if old is None:
            return self._guard.open(self._initial_codes, first_id)
        size, angle_deg = n or self.population_size, self._angles.angle_deg(old.n_steps)
        codes = centre_and_samples(rng, size, old.direction, angle_deg)
        norms = old.norm + self._options.norm_spread * rng.standard_normal(size - 1)
        codes *= np.append(old.norm, self._clamped(norms))[:, np.newaxis]
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move direction and norm of the centre; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        valid, before = told.valid & (told.norms > 0.0), self._search
        if before is None:
            self._search = self._first_search(told, valid)
        else:
            self._search = self._next_search(before, told, valid)
        if self._search is not before and self._search is not None:
            was = None if before is None else before.norm * before.direction
            self._guard.moved(was, self._search.norm * self._search.direction)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            angle_deg = self._angles.angle_deg(self._search.n_steps)
            figures |= angle_figures(self._options, angle_deg)
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Tell of a step beyond 90°, which scores as weights can cause; see the promises."""
        return leap_reasons(self.summary())

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
        if "direction" in reader:
            search = _Search(
                direction=reader.array("direction", (self.code_dim,), np.float64),
                norm=reader.number("norm"),
                norm_move=reader.number("norm_move"),
                n_steps=reader.count("n_steps"),
            )
        reader.finish()
        self._guard.state, self._search = guard_state, search

    def _first_search(self, told: Told, valid: Valid) -> _Search | None:
        direction = first_direction(unit(told.codes), told.scores, valid)
        if direction is None:
            return None
        norms = told.norms[:, np.newaxis]
        norm = norms[0] if len(norms) == 1 else mean_of_better_half(norms, told.scores, valid)
        return _Search(direction, float(self._clamped(norm)[0]), 0.0, 1)

    def _next_search(self, old: _Search, told: Told, valid: Valid) -> _Search:
        weights = centre_weights(self._options, told.scores, valid)
        if weights is None:
            return old
        centre, norm = old.direction, old.norm
        if told.norms[0]:
            centre, norm = unit(told.codes[0]), float(told.norms[0])
        mean_tangent = weighted_tangent(centre, told.codes, weights)
        direction = exponential_map(centre, self._options.eta * mean_tangent[np.newaxis])[0]
        kept = self._options.norm_momentum
        move = kept * old.norm_move + (1.0 - kept) * float(weights @ (told.norms - norm))
        new_norm = self._clamped(np.array([norm + self._options.norm_eta * move]))
        return _Search(direction, float(new_norm[0]), move, old.n_steps + 1)

    def _clamped(self, norms: Floats) -> Floats:
        return np.clip(norms, self._options.min_norm, self._options.max_norm)
