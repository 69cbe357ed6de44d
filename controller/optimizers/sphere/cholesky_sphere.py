"""Cholesky CMA-ES on a sphere (CMAES_Sphere): the norm is kept, and the angle follows the evidence.

The evolution strategy of `cma.cholesky` runs in the tangents at its centre. When the centre moves,
both paths and the covariance are carried along the arc, so that they keep their meaning there. What
is left out: a schedule; the step size is adapted by the length of its path.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Codes, Direction, Floats, Ids, Population, State
from controller.optimizers.cma.cholesky import (
    CholeskyCmaEsOptions,
    constants,
    usual_population_size,
)
from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.guard import AskTellGuard, GuardState, Told, checked_initial_codes
from controller.optimizers.in_place import add_multiples
from controller.optimizers.options import (
    Angle,
    Limits,
    PopulationSize,
    Positive,
    Rate,
    Whole,
    check_options,
    refusal,
)
from controller.optimizers.ranking import (
    effective_parents,
    rank_weights,
    share_by_rank,
    weights_with_gaps,
)
from controller.optimizers.saved_state import StateReader
from controller.optimizers.sphere.around_centre import Valid, first_direction
from controller.optimizers.sphere.geometry import (
    exponential_map,
    refuse_zero_codes,
    tangent_part,
    transport,
    unit,
    walked,
    weighted_tangent,
)

_SMALLEST_ANGLE_DEG = 1e-3


@dataclass(frozen=True)
class SphereCholeskyCmaEsOptions:
    """Settings; the angles are the 0.4 and 0.5 radians of the lab's tests.

    radius: norm of every code that is shown.
    first_angle_deg: angle between the first centre and its samples, as expected in many dimensions.
    max_angle_deg: ceiling of that angle.
    population_size: lambda; without it int(4 + 3 log2(code_dim - 1)), 39 in 4096 dimensions.
    update_period: the covariance learns once more than this many populations were scored since the
        last time.
    covariance: "rank_one", or "none" to keep it at the identity.
    c_c: learning rate of the covariance path; without it that of Cholesky CMA-ES in code_dim - 1
        dimensions.
    c_sigma: learning rate of the step-size path; without it the same.
    c_1: learning rate of the covariance; without it the same.
    """

    radius: Positive = 300.0
    first_angle_deg: Angle = 23.0
    max_angle_deg: Angle = 29.0
    population_size: PopulationSize | None = None
    update_period: Whole = 10
    covariance: Literal["rank_one", "none"] = "rank_one"
    c_c: Rate | None = None
    c_sigma: Rate | None = None
    c_1: Annotated[float, Limits(at_least=0, below=1)] | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.first_angle_deg > self.max_angle_deg:
            told = f"must not exceed max_angle_deg, which is {self.max_angle_deg:g}"
            raise refusal("first_angle_deg", self.first_angle_deg, told)


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the search stands.

    centre: (code_dim,) float64 unit vector.
    angle_deg: expected angle between it and its samples.
    path_sigma, path_c: (code_dim,) float64, tangents at the centre.
    n_scored: codes that have entered the search; n_scored_at_update: the same at the last time
        that the covariance learned.
    """

    centre: Floats
    angle_deg: float
    path_sigma: Floats
    path_c: Floats
    n_scored: int
    n_scored_at_update: int


class SphereCholeskyCmaEs:
    """The optimizer; see `Optimizer` for what it promises.

    The initial codes are recombined by rank, half of them as parents; a single one becomes the
    centre whatever it scores. A code without a score counts as if it were the centre, and so do
    those that a smaller generation lacks, so that fewer scores make smaller steps.

    initial_codes: (m, code_dim), none of them zero; they are shown scaled to the radius.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: SphereCholeskyCmaEsOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        self._options = SphereCholeskyCmaEsOptions() if options is None else options
        given = checked_initial_codes(initial_codes)
        refuse_zero_codes(given)
        self._initial_codes = checked_initial_codes(self._options.radius * unit(given))
        n_axes, size = self.code_dim - 1, self._options.population_size
        self._size = max(2, usual_population_size(n_axes)) if size is None else size
        self._guard = AskTellGuard(self.code_dim, direction)
        self._factor = CholeskyFactor(self.code_dim)
        self._search: _Search | None = None
        rates = CholeskyCmaEsOptions(
            c_c=self._options.c_c, c_sigma=self._options.c_sigma, c_1=self._options.c_1
        )
        self.constants = constants(n_axes, self._size, rates)

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
        """Sample on the sphere around the centre; see `Optimizer.ask`."""
        self._guard.require_ask(first_id, n)
        if self._search is None:
            return self._guard.open(self._initial_codes, first_id)
        centre = self._search.centre
        z = rng.standard_normal((n or self._size, self.code_dim))
        z = add_multiples(z, -(z @ centre), centre)
        codes = walked(centre, self._factor.apply(z, overwrite=True), self._sigma(self._search))
        codes *= self._options.radius
        return self._guard.open(codes, first_id)

    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        """Move centre, paths, angle and, when due, covariance; see `Optimizer.tell`."""
        told = self._guard.close(ids, codes, scores, n_valid)
        valid = told.valid & (told.norms > 0.0)
        before, radius = self._search, self._options.radius
        if before is None:
            self._search = self._first_search(told, valid)
        elif valid.any():
            self._search = self._next_search(before, told, valid)
        if self._search is not before and self._search is not None:
            was = None if before is None else radius * before.centre
            self._guard.moved(was, radius * self._search.centre)

    def summary(self) -> dict[str, float]:
        """Figures for the operator; see `Optimizer.summary`."""
        figures = self._guard.summary()
        if self._search is not None:
            angle = self._search.angle_deg
            figures["exploration_angle_deg"] = angle
            weights = rank_weights(self.constants.n_parents)
            figures["expected_step_deg"] = float(angle * np.linalg.norm(weights))
        return figures

    def stop_reasons(self) -> tuple[str, ...]:
        """Tell of an angle that vanished; see `Optimizer.stop_reasons`."""
        if self._search is None or self._search.angle_deg > _SMALLEST_ANGLE_DEG:
            return ()
        angle = self._search.angle_deg
        return (f"the angle has shrunk to {angle:.1g}°: all codes look the same; start again",)

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
        reader, gene = StateReader(state), (self.code_dim,)
        guard_state, search, factor = GuardState.read(reader), None, CholeskyFactor(self.code_dim)
        if "centre" in reader:
            search = _Search(
                centre=reader.array("centre", gene, np.float64),
                angle_deg=reader.number("angle_deg"),
                path_sigma=reader.array("path_sigma", gene, np.float64),
                path_c=reader.array("path_c", gene, np.float64),
                n_scored=reader.count("n_scored"),
                n_scored_at_update=reader.count("n_scored_at_update"),
            )
            factor = CholeskyFactor.read(reader, self.code_dim)
        reader.finish()
        self._guard.state, self._search, self._factor = guard_state, search, factor

    def _sigma(self, search: _Search) -> float:
        """Return the standard deviation along one axis of the tangents, in radians."""
        return float(np.radians(search.angle_deg) / np.sqrt(self.code_dim - 1))

    def _first_search(self, told: Told, valid: Valid) -> _Search | None:
        centre = first_direction(unit(told.codes), told.scores, valid)
        if centre is None:
            return None
        still = np.zeros(self.code_dim)
        n_scored = 1 if len(told.ids) == 1 else int(valid.sum())
        return _Search(centre, self._options.first_angle_deg, still, still, n_scored, 0)

    def _next_search(self, old: _Search, told: Told, valid: Valid) -> _Search:
        k, sigma, n_valid = self.constants, self._sigma(old), int(valid.sum())
        n_ranks = max(self._size, len(told.ids))
        of_known = weights_with_gaps(rank_weights(k.n_parents), n_valid, n_ranks)
        weights = share_by_rank(told.scores, valid, of_known)
        mu_eff = effective_parents(weights)
        mean_tangent: Floats = weighted_tangent(old.centre, told.codes, weights) / sigma
        gain_sigma = np.sqrt(k.c_sigma * (2.0 - k.c_sigma) * mu_eff)
        gain_c = np.sqrt(k.c_c * (2.0 - k.c_c) * mu_eff)
        white = self._factor.solve(mean_tangent)
        path_sigma = (1.0 - k.c_sigma) * old.path_sigma + gain_sigma * white
        growth = (k.c_sigma / k.damping) * (np.linalg.norm(path_sigma) / k.chi - 1.0)
        angle = min(old.angle_deg * float(np.exp(growth)), self._options.max_angle_deg)
        new = replace(
            old,
            angle_deg=angle,
            path_sigma=path_sigma,
            path_c=(1.0 - k.c_c) * old.path_c + gain_c * mean_tangent,
            n_scored=old.n_scored + n_valid,
        )
        centre = exponential_map(old.centre, sigma * mean_tangent[np.newaxis])[0]
        return self._carried(self._with_covariance(new), centre)

    def _with_covariance(self, search: _Search) -> _Search:
        due = search.n_scored - search.n_scored_at_update > self._options.update_period * self._size
        if self._options.covariance == "none" or not due:
            return search
        self._factor.update(search.path_c, self.constants.c_1)
        return replace(search, n_scored_at_update=search.n_scored)

    def _carried(self, search: _Search, centre: Floats) -> _Search:
        """Carry paths and covariance along the arc to the new centre."""
        paths = np.stack([search.path_sigma, search.path_c])
        path_sigma, path_c = tangent_part(transport(paths, search.centre, centre), centre)
        self._factor.mirror(unit(search.centre + centre))
        return replace(search, centre=centre, path_sigma=path_sigma, path_c=path_c)
