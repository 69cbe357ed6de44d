"""nevergrad's methods as baselines, eleven of the twelve of the 2022 study's first round.

Codes lie in a box, except for the CMA methods: these hardly reached it in the study, and in a box
later versions of nevergrad begin with a far smaller step. Missing scores are not told; a method
that waits for whole populations (the CMA ones) then learns a generation later. What is left out:
SQPCMA, whose solvers learn from what they proposed and not from what was shown; recommendations,
constraints, several objectives.
"""

from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Direction, Floats
from controller.optimizers.library.told_history import LibraryOptimizer, required
from controller.optimizers.options import Count, PopulationSize, Positive, check_options

_OUTSIDE_THE_BOX = ("CMA", "DiagonalCMA", "RescaledCMA")
_FOLLOWS = ("boxed_data", "#CMA#datacache")
"""What nevergrad derives from a code and keeps beside it."""


@dataclass(frozen=True)
class NevergradOptions:
    """Settings; the defaults are those of the 2022 study.

    algorithm: its name in nevergrad's registry.
    population_size: codes per generation, nevergrad's number of workers.
    budget: images that the method is told to plan for.
    bound: half the width of the box, for each gene around 0.
    """

    algorithm: Literal[
        "CMA",
        "DiagonalCMA",
        "RescaledCMA",
        "ES",
        "NGOpt",
        "DE",
        "TwoPointsDE",
        "PSO",
        "OnePlusOne",
        "TBPSA",
        "RandomSearch",
    ] = "CMA"
    population_size: PopulationSize = 40
    budget: Count = 3000
    bound: Positive = 6.0

    def __post_init__(self) -> None:
        check_options(self)


class Nevergrad(LibraryOptimizer):
    """The optimizer; see `LibraryOptimizer`.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: NevergradOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        chosen = NevergradOptions() if options is None else options
        library = required("nevergrad")

        def make_method(centre: Floats) -> "_Method":
            return _Method(library, centre, chosen)

        super().__init__(initial_codes, chosen.population_size, make_method, direction)


class _Method:
    """One optimizer of nevergrad; its random state is set anew at each ask and each tell.

    nevergrad remembers how each proposal was drawn. What is told is therefore a twin of the
    proposal with the code that was shown, and with what follows from that code.
    """

    def __init__(self, library: ModuleType, centre: Floats, options: NevergradOptions) -> None:
        boxed = options.algorithm not in _OUTSIDE_THE_BOX
        self._bound = options.bound if boxed else np.inf
        space = library.p.Array(init=np.clip(centre, -self._bound, self._bound))
        if boxed:
            space.set_bounds(-options.bound, options.bound)
        self._random = np.random.RandomState(0)
        space.random_state = self._random
        make = _as_in_the_study(library, options.algorithm)
        self._optimizer = make(space, budget=options.budget, num_workers=options.population_size)
        rescaled = options.algorithm == "RescaledCMA"
        self._centre = space.value.copy()
        self._scale = float(np.sqrt(np.log(options.budget) / centre.size)) if rescaled else 1.0
        self._asked: list[Any] = []
        self._directions: list[tuple[Any, list[Floats], int]] = []
        self._n_learned = 0

    def propose(self, rng: np.random.Generator, n: int) -> Floats:
        self._reseed(int(rng.integers(2**32)))
        self._directions = []
        for part in _cma_parts(self._optimizer):
            # Left over from a larger population: drawn by other random numbers than these.
            part._to_be_asked.clear()  # noqa: SLF001  it has no public name
            waiting = deepcopy(part.es.pop_injection_directions)
            self._directions.append((part.es, waiting, part.es.countiter))
        self._asked = [self._optimizer.ask() for _ in range(n)]
        values = np.array([candidate.value for candidate in self._asked])
        codes: Floats = self._centre + self._scale * (values - self._centre)
        return codes

    def learn(self, codes: Floats, losses: Floats) -> None:
        self._n_learned += 1
        self._reseed(self._n_learned)
        values = self._centre + (codes - self._centre) / self._scale
        for candidate, value, loss in zip(self._asked, values, losses, strict=True):
            shown, members = self._as_shown(candidate, value), _members(self._optimizer)
            if candidate.uid in members:
                # A founder of the population, which is in it before it has a score.
                members[candidate.uid] = shown
            if not np.isnan(loss):
                self._optimizer.tell(shown, loss)
        self._asked = []
        for strategy, waiting, count in self._directions:
            # Two opposite steps for the step size, lost where a strategy waits for more scores.
            if strategy.countiter == count:
                strategy.pop_injection_directions = waiting

    def _reseed(self, seed: int) -> None:
        fresh = np.random.RandomState(seed)
        self._random.set_state(fresh.get_state())

    def _as_shown(self, candidate: Any, value: Floats) -> Any:
        shown = candidate.copy()
        shown.uid = candidate.uid
        shown.value = np.clip(value, -self._bound, self._bound)
        shown.heritage.update(candidate.heritage)
        known = candidate._meta  # noqa: SLF001  where nevergrad keeps what it knows of a proposal
        shown._meta.update((k, v) for k, v in known.items() if k not in _FOLLOWS)  # noqa: SLF001
        if "speed" in shown.heritage:
            shown.heritage["speed"] = self._speed(shown)
        if isinstance(known.get("sigma"), float) and hasattr(self._optimizer, "current_center"):
            data = shown.get_standardized_data(reference=self._optimizer.parametrization)
            away = np.linalg.norm(data - self._optimizer.current_center)
            shown._meta["sigma"] = float(away) / data.size**0.5  # noqa: SLF001
        return shown

    def _speed(self, shown: Any) -> Floats:
        """Return how far a particle of the swarm was seen to move; a new one's is drawn."""
        parent = self._optimizer.population.get(shown.heritage["lineage"])
        if parent is None or parent.uid == shown.uid:
            drawn: Floats = self._random.uniform(-1.0, 1.0, shown.dimension)
            return drawn
        inside = self._optimizer._get_boxed_data  # noqa: SLF001
        moved: Floats = inside(shown) - inside(parent)
        return moved


def _as_in_the_study(library: ModuleType, algorithm: str) -> Any:
    """Return what makes an algorithm; later versions of nevergrad mean a diagonal one by CMA.

    RescaledCMA is CMA with shorter steps. Taken from nevergrad, it would learn from codes other
    than those that were shown.
    """
    if algorithm not in ("CMA", "RescaledCMA"):
        return library.optimizers.registry[algorithm]
    rule = required("cma").sigma_adaptation.CMAAdaptSigmaCSA
    return library.optimizers.ParametrizedCMA(inopts={"AdaptSigma": rule})


def _members(optimizer: Any) -> dict[str, Any]:
    """Return the population, by uid, of one of nevergrad's optimizers that keeps one."""
    if hasattr(optimizer, "optim"):
        return _members(optimizer.optim)
    empty: dict[str, Any] = {}
    found: dict[str, Any] = getattr(
        optimizer, "_population", getattr(optimizer, "population", empty)
    )
    return found


def _cma_parts(optimizer: Any) -> list[Any]:
    """Return the optimizer inside one of nevergrad's that holds a CMA-ES, if there is one."""
    if hasattr(optimizer, "_to_be_asked"):
        return [optimizer]
    return _cma_parts(optimizer.optim) if hasattr(optimizer, "optim") else []
