"""What the searches share whose generations hold a centre first and then samples around it.

Their options look alike, so one set of functions checks them and weighs a generation. What is left
out: how far the centre goes.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Floats
from controller.optimizers.limits import LARGEST_ANGLE_DEG, refuse_wide_angles
from controller.optimizers.options import refusal
from controller.optimizers.ranking import (
    mean_of_better_half,
    rank_weights,
    share_by_rank,
    weights_with_gaps,
)
from controller.optimizers.sphere.geometry import unit, walked
from controller.optimizers.sphere.schedules import AfterSchedule, AngleSchedule, ScheduleKind

Valid: TypeAlias = NDArray[np.bool_]
Weights: TypeAlias = Literal["rank", "score"]


class AroundCentreOptions(Protocol):
    """Options that these searches have in common; `SphereCmaOptions` says what each means."""

    @property
    def population_size(self) -> int: ...  # noqa: D102 - said there
    @property
    def n_parents(self) -> int | None: ...  # noqa: D102 - said there
    @property
    def schedule(self) -> ScheduleKind: ...  # noqa: D102 - said there
    @property
    def first_angle_deg(self) -> float: ...  # noqa: D102 - said there
    @property
    def last_angle_deg(self) -> float: ...  # noqa: D102 - said there
    @property
    def schedule_length(self) -> int: ...  # noqa: D102 - said there
    @property
    def after_schedule(self) -> AfterSchedule: ...  # noqa: D102 - said there
    @property
    def weights(self) -> Weights: ...  # noqa: D102 - said there
    @property
    def rank_centre(self) -> bool: ...  # noqa: D102 - said there
    def expected_step_deg(self, angle_deg: float) -> float: ...  # noqa: D102 - said there


def parents_of(options: AroundCentreOptions) -> int:
    """Return mu, half of the samples where it is not set."""
    usual = (options.population_size - 1) // 2
    return usual if options.n_parents is None else options.n_parents


def angles_of(options: AroundCentreOptions) -> AngleSchedule:
    """Return the schedule that the options describe."""
    return AngleSchedule(
        options.schedule,
        options.first_angle_deg,
        options.last_angle_deg,
        options.schedule_length,
        options.after_schedule,
    )


def check_around_centre(options: AroundCentreOptions) -> None:
    """Check what is between several options.

    Raises:
        OptimizerOptionError: they do not go together; the error names one.

    """
    if options.population_size < 3:
        told = "must be 3 or more, for a centre and two samples"
        raise refusal("population_size", options.population_size, told)
    if parents_of(options) >= options.population_size:
        told = f"must be smaller than the population of {options.population_size}"
        raise refusal("n_parents", options.n_parents, told)
    if (options.schedule, options.after_schedule) == ("lin", "continue"):
        told = "must be 'hold' where the schedule is 'lin', since its line reaches zero"
        raise refusal("after_schedule", options.after_schedule, told)
    schedule = angles_of(options)
    widest = max(schedule.angle_deg(1), schedule.angle_deg(options.schedule_length))
    refuse_wide_angles("eta", widest, options.expected_step_deg(widest))


def centre_and_samples(
    rng: np.random.Generator, n: int, centre: Floats, angle_deg: float
) -> Floats:
    """Return unit vectors (n, d): the centre (d,), then samples.

    Their angle is `angle_deg`, as expected in many dimensions.
    """
    rows = np.empty((n, centre.size))
    rows[0] = centre
    noise = rng.standard_normal(out=rows[1:])
    rows[1:] = walked(centre, noise, float(np.radians(angle_deg) / np.sqrt(centre.size)))
    return rows


def angle_figures(options: AroundCentreOptions, angle_deg: float) -> dict[str, float]:
    """Return what `Optimizer.summary` tells of a generation at `angle_deg` from its centre."""
    figures = {"exploration_angle_deg": angle_deg}
    if options.weights == "rank":
        figures["expected_step_deg"] = options.expected_step_deg(angle_deg)
    return figures


def leap_reasons(figures: Mapping[str, float]) -> tuple[str, ...]:
    """Tell of a step beyond 90°, which scores as weights can cause, for `stop_reasons`."""
    step = figures.get("step_angle_deg", 0.0)
    if step <= LARGEST_ANGLE_DEG:
        return ()
    return (f"the centre has moved by {step:.0f}°, away from what it had found; lower eta",)


def centre_weights(options: AroundCentreOptions, scores: Floats, valid: Valid) -> Floats | None:
    """Weights (n,) of a generation whose row 0 is the centre; None where nothing can be learned.

    That is where no two scores differ, as with a silent unit: it is no reason to move, and none to
    look more closely.

    With ranks, codes without a score take their share of the sum with them, which is 1 otherwise;
    so do those that a smaller generation lacks. With scores, (s - s_0) / lambda; where s_0 is
    missing, the mean score takes its place.
    """
    usual = max(options.population_size, len(scores))
    competes = valid.copy()
    competes[0] &= options.rank_centre or options.weights == "score"
    if not competes.any() or np.ptp(scores[competes]) == 0.0:
        return None
    if options.weights == "score":
        base = scores[0] if valid[0] else scores[valid].mean()
        differences: Floats = np.where(valid, scores - base, 0.0) / (usual - 1)
        return differences
    n_ranks = usual if options.rank_centre else usual - 1
    of_known = weights_with_gaps(rank_weights(parents_of(options)), int(competes.sum()), n_ranks)
    return share_by_rank(scores, competes, of_known)


def first_direction(points: Floats, scores: Floats, valid: Valid) -> Floats | None:
    """Return a unit vector (d,) after the initial codes: the only one, or the better half's mean.

    None where none of several has a score.

    Args:
        points: (m, d) unit vectors.
        scores: (m,) larger is better.
        valid: (m,) whether there is one.

    """
    if len(points) == 1:
        only: Floats = points[0]
        return only
    if not valid.any():
        return None
    mean = mean_of_better_half(points, scores, valid)
    # Two best codes that are tied and opposite have no mean direction; one of them has.
    return unit(mean if mean.any() else points[np.argmax(np.where(valid, scores, -np.inf))])
