"""The genetic algorithm of the public package XDream (Xiao & Kreiman 2020, PLoS Comput. Biol.).

It is the algorithm of `genetic` under other names and with other defaults: `selectivity` is one
over the temperature, the highest scores are clipped, and a short set of initial codes is filled up.
What is left out: genealogy, and a choice among more initial codes than the population; all of them
are shown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Direction
from controller.optimizers.genetic import Genetic, GeneticOptions, Percentile
from controller.optimizers.options import (
    NotNegative,
    PopulationSize,
    Positive,
    Share,
    Whole,
    check_options,
    refusal,
)


@dataclass(frozen=True)
class XdreamGeneticOptions:
    """Settings; the defaults are those of the package's examples.

    population_size: codes per generation.
    n_conserve: best codes that pass unchanged and are shown again.
    mutation_rate: probability that a gene of a child mutates.
    mutation_size: standard deviation of what a mutation adds.
    selectivity: how many kT make one standard deviation of the scores; larger is greedier.
    heritability: probability that a gene comes from the one parent and not from the other; as it is
        symmetrical, a value below one half means what is missing to 1.
    clip_percentile: scores above this percentile of their generation count as that percentile when
        parents are drawn; without it none is clipped.
    fill_initial: whether a short set of initial codes is filled up with mutated children of them,
        which are drawn with equal chances; if not, it is shown as it is.
    """

    population_size: PopulationSize = 20
    n_conserve: Whole = 0
    mutation_rate: Share = 0.5
    mutation_size: NotNegative = 0.5
    selectivity: Positive = 2.0
    heritability: Share = 0.5
    clip_percentile: Percentile | None = 95.0
    fill_initial: bool = True

    def __post_init__(self) -> None:
        check_options(self)
        if self.n_conserve >= self.population_size:
            told = f"must be smaller than the population of {self.population_size}"
            raise refusal("n_conserve", self.n_conserve, told)

    def as_genetic(self) -> GeneticOptions:
        """Return the same settings under the names of `genetic`."""
        return GeneticOptions(
            population_size=self.population_size,
            n_elites=self.n_conserve,
            mutation_rate=self.mutation_rate,
            mutation_sd=self.mutation_size,
            temperature_per_sd=1.0 / self.selectivity,
            parental_skew=max(self.heritability, 1.0 - self.heritability),
            clip_percentile=self.clip_percentile,
            fill_initial=self.fill_initial,
        )


class XdreamGenetic(Genetic):
    """The optimizer; see `Genetic` for what it does.

    initial_codes: (m, code_dim), shown first, before what fills them up.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: XdreamGeneticOptions | None = None,
        direction: Direction = "maximise",
    ) -> None:
        own = XdreamGeneticOptions() if options is None else options
        super().__init__(initial_codes, own.as_genetic(), direction)
