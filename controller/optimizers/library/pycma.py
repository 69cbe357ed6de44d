"""pycma, CMA-ES by its authors, as a baseline: full, diagonal and VD-CMA.

The full and the diagonal one are also ours (`cma.full`, `cma.diagonal`), step by step and faster;
VD-CMA (Akimoto, Auger & Hansen 2014) has a diagonal and one direction. pycma breaks ties by the
order of rows. With missing scores it is told the others, as long as there are as many as parents;
otherwise it stays where it was. What is left out: pycma's bounds, restarts and stopping criteria.
"""

from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Direction, Floats
from controller.optimizers.cma.cholesky import usual_population_size
from controller.optimizers.guard import checked_initial_codes
from controller.optimizers.library.told_history import LibraryOptimizer, required
from controller.optimizers.options import PopulationSize, Positive, check_options


@dataclass(frozen=True)
class PycmaOptions:
    """Settings; the defaults are those of the 2022 study.

    covariance: "full", "diagonal" or "vd".
    sigma0: first step size, standard deviation along one axis of the code.
    population_size: lambda, taken as 3 at least; without it int(4 + 3 log2(code_dim)), 40 in 4096
        dimensions.
    """

    covariance: Literal["full", "diagonal", "vd"] = "full"
    sigma0: Positive = 2.0
    population_size: PopulationSize | None = None

    def __post_init__(self) -> None:
        check_options(self)


class Pycma(LibraryOptimizer):
    """The optimizer; see `LibraryOptimizer`.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: PycmaOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        chosen = PycmaOptions() if options is None else options
        library = required("cma")
        code_dim = checked_initial_codes(initial_codes).shape[1]
        size = chosen.population_size
        size = max(3, usual_population_size(code_dim) if size is None else size)

        def make_method(centre: Floats) -> "_Method":
            return _Method(library, centre, chosen, size)

        super().__init__(initial_codes, size, make_method, direction)


class _Method:
    """One `CMAEvolutionStrategy`; it draws from the generator of random numbers of each ask."""

    def __init__(
        self, library: ModuleType, centre: Floats, options: PycmaOptions, size: int
    ) -> None:
        self._rng = np.random.default_rng(0)
        settings: dict[str, Any] = {
            "popsize": size,
            "randn": self._randn,
            "seed": np.nan,
            "verbose": -9,
            # The step-size rules of the 2022 study; later versions take TPA for both.
            "AdaptSigma": library.sigma_adaptation.CMAAdaptSigmaCSA,
        }
        if options.covariance == "diagonal":
            settings |= {"CMA_diagonal": True, "AdaptSigma": True}
        elif options.covariance == "vd":
            sampler = library.restricted_gaussian_sampler.GaussVDSampler
            settings |= {"CMA_active": False, "CMA_sampler": sampler}
            settings["CMA_sampler_options"] = {"randn": self._randn}
        self._strategy = library.CMAEvolutionStrategy(centre, options.sigma0, settings)
        self._next_directions: list[Floats] = []

    def propose(self, rng: np.random.Generator, n: int) -> Floats:
        self._rng = rng
        # Two opposite steps for the step size, which would be lost when nothing is told of them.
        self._next_directions = deepcopy(self._strategy.pop_injection_directions)
        return np.array(self._strategy.ask(max(n, 2)))[:n]

    def learn(self, codes: Floats, losses: Floats) -> None:
        known = ~np.isnan(losses)
        if known.sum() < max(3, self._strategy.sp.weights.mu):
            self._strategy.pop_injection_directions = self._next_directions
            return
        self._rng = np.random.default_rng(0)
        # Codes that pycma does not recognise to the last bit are not to be shortened.
        self._strategy.tell(list(codes[known]), list(losses[known]), check_points=False)

    def _randn(self, *shape: int) -> Any:
        return self._rng.standard_normal(shape)
