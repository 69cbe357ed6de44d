"""SphereCMA, the evolution strategy on a sphere of Wang & Ponce 2022 (GECCO; arXiv 2204.06765).

Every generation shows its centre and samples around it, all of one norm. The centre then moves
along the arc towards the rank-weighted mean of the samples, and beyond it where `eta` exceeds 1.
How far samples lie from the centre is a schedule. With `mean="tangent"` it is the earlier search
ZOHA_Sphere (constant angle) or ZOHA_Sphere_lr (schedule) of the same authors.

What is left out: a covariance, evolution paths and any step size that the scores could change.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.limits import expected_step_deg
from controller.optimizers.options import (
    Angle,
    Count,
    Limits,
    PopulationSize,
    Positive,
    check_options,
)
from controller.optimizers.ranking import rank_weights
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
    logarithmic_map,
    refuse_zero_codes,
    unit,
    weighted_tangent,
)
from controller.optimizers.sphere.schedules import AfterSchedule, ScheduleKind


@dataclass(frozen=True)
class SphereCmaOptions:
    """Settings; the defaults are those of the 2022 study, the variant "exp".

    radius: norm of every code that is shown.
    population_size: codes per generation: the centre, and lambda samples around it.
    n_parents: mu, best codes that are recombined; without it half of lambda.
    eta: how far the centre moves, in units of the arc to the weighted mean; more than 1 overshoots.
    schedule: course of the angle between centre and samples: "exp", "inv", "lin" or "constant".
    first_angle_deg: angle of the first generation that is sampled; "inv" ignores it.
    last_angle_deg: angle after `schedule_length` generations; "inv" and "constant" ignore it.
    schedule_length: generations from the first angle to the last; one without a difference between
        scores is not counted.
    after_schedule: "hold" the last angle, or "continue" the formula.
    weights: "rank", or "score" for (s - s_0) / lambda with s_0 the score of the centre; with a
        Euclidean mean the centre then leaps away when it scores more than its samples.
    rank_centre: whether the centre competes with its samples for rank weights.
    mean: "euclidean", or "tangent" for the mean of the tangents that lead to the samples.
    """

    radius: Positive = 300.0
    population_size: PopulationSize = 41
    n_parents: Count | None = None
    eta: Positive = 1.5
    schedule: ScheduleKind = "exp"
    first_angle_deg: Angle = 50.0
    last_angle_deg: Angle = 7.33
    schedule_length: Annotated[int, Limits(at_least=2)] = 75
    after_schedule: AfterSchedule = "hold"
    weights: Weights = "rank"
    rank_centre: bool = False
    mean: Literal["euclidean", "tangent"] = "euclidean"

    def __post_init__(self) -> None:
        check_options(self)
        check_around_centre(self)

    def expected_step_deg(self, angle_deg: float) -> float:
        """Angle by which noise moves the centre, with samples at `angle_deg`, in many dimensions.

        0 with weights "score", where it depends on the size of the noise.
        """
        weights = rank_weights(parents_of(self))
        if self.weights == "score":
            return 0.0
        if self.mean == "tangent":
            return float(self.eta * np.linalg.norm(weights) * angle_deg)
        return expected_step_deg(angle_deg, weights, self.eta)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    centre: (code_dim,) float64 unit vector.
    n_steps: generations learned from; the next one is step `n_steps` of the schedule.
    """

    centre: Floats
    n_steps: int


class SphereCma:
    """The optimizer; see `Optimizer` for what it promises.

    The initial codes are recombined by rank, half of them as parents; a single one becomes the
    centre whatever it scores. Of later generations, the code with the lowest id is the centre.

    A code without a score counts as if it were the centre: the others get the weight that they
    would have on average, wherever the missing ones ranked. So fewer scores make smaller steps, and
    none makes none; the same holds for a generation of fewer codes. With weights "score", a
    generation whose centre has no score is compared with its mean score where the mean is
    "tangent", and is not learned from where it is "euclidean".

    initial_codes: (m, code_dim), none of them zero; they are shown scaled to the radius.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: SphereCmaOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._options = SphereCmaOptions() if options is None else options
        given = checked_initial_codes(initial_codes)
        refuse_zero_codes(given)
        self._initial_codes = checked_initial_codes(self._options.radius * unit(given))
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
        """Return the centre, then samples on the sphere around it; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        angle_deg = self._angles.angle_deg(self._search.n_steps)
        codes = centre_and_samples(rng, n or self.population_size, self._search.centre, angle_deg)
        codes *= self._options.radius
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move the centre; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        valid, before = told.valid & (told.norms > 0.0), self._search
        if before is None:
            self._search = self._first_search(told, valid)
        else:
            self._search = self._next_search(before, told, valid)
        if self._search is not before and self._search is not None:
            radius = self._options.radius
            was = None if before is None else radius * before.centre
            self._guard.moved(was, radius * self._search.centre)

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
        if "centre" in reader:
            search = _Search(
                centre=reader.array("centre", (self.code_dim,), np.float64),
                n_steps=reader.count("n_steps"),
            )
        reader.finish()
        self._guard.state, self._search = guard_state, search

    def _first_search(self, told: Told, valid: Valid) -> _Search | None:
        centre = first_direction(unit(told.codes), told.scores, valid)
        return None if centre is None else _Search(centre, 1)

    def _next_search(self, old: _Search, told: Told, valid: Valid) -> _Search:
        centre = unit(told.codes[0]) if told.norms[0] else old.centre
        weights = centre_weights(self._options, told.scores, valid)
        ranked, tangent_mean = self._options.weights == "rank", self._options.mean == "tangent"
        # Without the score of the centre, a Euclidean mean by score points anywhere.
        if weights is None or not (ranked or tangent_mean or valid[0]):
            return old
        if tangent_mean:
            towards = weighted_tangent(centre, told.codes, weights)
        else:
            rest = 1.0 - weights.sum() if ranked else 0.0
            shares = weights / np.where(told.norms > 0.0, told.norms, 1.0)
            mean = unit(shares @ told.codes + rest * centre)
            towards = logarithmic_map(centre, mean[np.newaxis])[0]
        new = exponential_map(centre, self._options.eta * towards[np.newaxis])[0]
        return _Search(new, old.n_steps + 1)
