"""Every optimizer that a session can use, by the `kind` that a config names it with.

A new one is a file of its own and one entry here: from the entry follow its config table, the
reference page, the checks of a config, and how it is built. What is left out: reading configs and
files (`controller.config`, `controller.assembly`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from controller.optimizers.base import Optimizer
from controller.optimizers.cma.cholesky import (
    CholeskyCmaEs,
    CholeskyCmaEsOptions,
    usual_population_size,
)
from controller.optimizers.cma.diagonal import DiagonalCmaEs, DiagonalCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.optimizers.cma.hessian import HessianCmaEs, HessianCmaEsOptions
from controller.optimizers.genetic import Genetic, GeneticOptions
from controller.optimizers.gradient.finite_difference import (
    FiniteDifference,
    FiniteDifferenceOptions,
)
from controller.optimizers.gradient.hessian_aware import (
    HessianAwareGradient,
    HessianAwareOptions,
)
from controller.optimizers.gradient.natural_gradient import NaturalGradient, NaturalGradientOptions
from controller.optimizers.library.nevergrad import Nevergrad, NevergradOptions
from controller.optimizers.library.pycma import Pycma, PycmaOptions
from controller.optimizers.options import option_fields
from controller.optimizers.posterior.posterior_ascent import (
    PosteriorAscent,
    PosteriorAscentOptions,
)
from controller.optimizers.random_search import RandomSearch, RandomSearchOptions
from controller.optimizers.sphere.cholesky_sphere import (
    SphereCholeskyCmaEs,
    SphereCholeskyCmaEsOptions,
)
from controller.optimizers.sphere.cylinder import CylinderSearch, CylinderSearchOptions
from controller.optimizers.sphere.sphere_cma import SphereCma, SphereCmaOptions
from controller.optimizers.wrappers.concatenated import Concatenated, ConcatenatedOptions
from controller.optimizers.wrappers.frozen import FrozenOptions, frozen
from controller.optimizers.wrappers.subspace import SubspaceOptions, subspace
from controller.optimizers.xdream_genetic import XdreamGenetic, XdreamGeneticOptions


def _population_size(options: Any, code_dim: int) -> int:
    """Return the option `population_size`, or what the 2022 study takes where it is None."""
    size: int | None = options.population_size
    return usual_population_size(code_dim) if size is None else size


def _nothing_inside(_options: Any, _code_dim: int) -> tuple[int, ...]:
    return ()


def _samples(options: Any, _code_dim: int) -> int:
    """Return lambda of a kind whose generations hold a centre besides."""
    n_samples: int = options.population_size - 1
    return n_samples


def _of_axes(options: HessianCmaEsOptions, _code_dim: int) -> int:
    """Return lambda of a search along the axes of a metric."""
    return _population_size(options, len(options.frame().lengths))


@dataclass(frozen=True)
class OptimizerKind:
    """One optimizer: its kind in a config, its options, how it is made, and what to say of it.

    name: as `kind` names it.
    options: frozen dataclass of its settings (see `controller.optimizers.options`).
    make: its class, called with initial codes (m, code_dim), options and direction; that of a
        wrapper also with `MakeOptimizer`s of what is inside.
    about: what it is, in one sentence.
    citation: where it comes from; empty where there is nothing to cite.
    n_initial: from options and code_dim to how many codes it usually starts from.
    inner: the key of a wrapper's config under which the optimizers inside stand: "inner" for one
        table, "parts" for a list of tables.
    inner_dims: from options and code_dim to the code_dim of each optimizer inside.
    """

    name: str
    options: type[Any]
    make: Callable[..., Optimizer]
    about: str
    citation: str = ""
    n_initial: Callable[[Any, int], int] = _population_size
    inner: Literal["", "inner", "parts"] = ""
    inner_dims: Callable[[Any, int], tuple[int, ...]] = _nothing_inside

    @property
    def is_plain(self) -> bool:
        """Whether its name alone makes a config: nothing inside, and no option without default."""
        return not self.inner and not any(field.required for field in option_fields(self.options))


_KINDS = (
    OptimizerKind(
        "posterior_ascent",
        PosteriorAscentOptions,
        PosteriorAscent,
        "Climbs the posterior of the response, from every response so far; our own.",
    ),
    OptimizerKind(
        "cholesky_cma",
        CholeskyCmaEsOptions,
        CholeskyCmaEs,
        "Cholesky CMA-ES, the evolution strategy of closed-loop work in visual cortex.",
        "Wang & Ponce 2022, GECCO; arXiv 2204.06765",
    ),
    OptimizerKind(
        "cma",
        CmaEsOptions,
        CmaEs,
        "CMA-ES with a full covariance and negative weights, equal to pycma's step by step.",
        "Hansen 2016, arXiv 1604.00772",
    ),
    OptimizerKind(
        "diagonal_cma",
        DiagonalCmaEsOptions,
        DiagonalCmaEs,
        "CMA-ES with one variance per gene, equal to pycma's step by step; the cheapest.",
        "Hansen 2016, arXiv 1604.00772; Akimoto & Hansen 2020, Evolutionary Computation 28",
    ),
    OptimizerKind(
        "hessian_cma",
        HessianCmaEsOptions,
        HessianCmaEs,
        "Cholesky CMA-ES along the eigenvectors of a generator's metric (HessCMAES).",
        "Wang & Ponce 2021, ICLR",
        n_initial=_of_axes,
    ),
    OptimizerKind(
        "sphere_cma",
        SphereCmaOptions,
        SphereCma,
        "SphereCMA, which keeps the norm of codes and evolves their direction on a schedule.",
        "Wang & Ponce 2022, GECCO; arXiv 2204.06765",
        n_initial=_samples,
    ),
    OptimizerKind(
        "sphere_cholesky_cma",
        SphereCholeskyCmaEsOptions,
        SphereCholeskyCmaEs,
        "Cholesky CMA-ES on a sphere, whose angle follows the evidence instead of a schedule.",
        "Wang & Ponce 2022, GECCO; arXiv 2204.06765",
    ),
    OptimizerKind(
        "cylinder_search",
        CylinderSearchOptions,
        CylinderSearch,
        "ZOHA_Cylind, which evolves the direction and the norm of codes side by side.",
        "Wang & Ponce 2022, GECCO; arXiv 2204.06765",
        n_initial=_samples,
    ),
    OptimizerKind(
        "genetic",
        GeneticOptions,
        Genetic,
        "The classic genetic algorithm of the field.",
        "Ponce et al. 2019, Cell; Wang & Ponce 2022, GECCO",
    ),
    OptimizerKind(
        "xdream_genetic",
        XdreamGeneticOptions,
        XdreamGenetic,
        "The genetic algorithm with the selection and the defaults of the XDream package.",
        "Xiao & Kreiman 2020, PLoS Computational Biology",
    ),
    OptimizerKind(
        "finite_difference",
        FiniteDifferenceOptions,
        FiniteDifference,
        "Ascent along finite differences (FDGD) of the XDream package.",
        "Xiao & Kreiman 2020, PLoS Computational Biology",
    ),
    OptimizerKind(
        "natural_gradient",
        NaturalGradientOptions,
        NaturalGradient,
        "The natural evolution strategy (NES) of the XDream package.",
        "Ilyas et al. 2018, arXiv 1804.08598; Xiao & Kreiman 2020, PLoS Computational Biology",
    ),
    OptimizerKind(
        "hessian_aware_gradient",
        HessianAwareOptions,
        HessianAwareGradient,
        "Ascent along a gradient from samples that an estimated Hessian shapes (HessAware_Gauss).",
        "Ye et al. 2018, arXiv 1812.11377; Wang & Ponce 2021, ICLR",
        n_initial=_samples,
    ),
    OptimizerKind(
        "random",
        RandomSearchOptions,
        RandomSearch,
        "Random search, the floor of every comparison.",
    ),
    OptimizerKind(
        "pycma",
        PycmaOptions,
        Pycma,
        "CMA-ES by its authors, as a baseline; needs the extra `baselines`.",
        "Hansen, Akimoto & Baudis 2019, pycma, doi 10.5281/zenodo.2559634",
    ),
    OptimizerKind(
        "nevergrad",
        NevergradOptions,
        Nevergrad,
        "Black-box methods of the library nevergrad, as baselines; needs the extra `baselines`.",
        "Rapin & Teytaud 2018, Nevergrad; Wang & Ponce 2022, GECCO",
    ),
    OptimizerKind(
        "subspace",
        SubspaceOptions,
        subspace,
        "Any optimizer, in some directions of code space only.",
        "Wang & Ponce 2022, GECCO",
        inner="inner",
        inner_dims=lambda options, _: (options.directions(),),
    ),
    OptimizerKind(
        "frozen",
        FrozenOptions,
        frozen,
        "Any optimizer, on some of the genes; the others stay as the first initial code has them.",
        inner="inner",
        inner_dims=lambda options, _: (options.n_free,),
    ),
    OptimizerKind(
        "concatenated",
        ConcatenatedOptions,
        Concatenated,
        "Several optimizers, each on its part of the code, told the same scores.",
        inner="parts",
        inner_dims=lambda options, _: options.sizes,
    ),
)

KINDS: Mapping[str, OptimizerKind] = {kind.name: kind for kind in _KINDS}
"""Every kind by its name, in the order of the reference page."""
