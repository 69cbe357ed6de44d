"""Searches some genes of a code and keeps the others as the first initial code has them.

Codes of some generators have parts of different meaning, such as noise and class of BigGAN; this
evolves one of them. What is left out: evolving both, each in its way (`concatenated`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Direction, Floats, MakeOptimizer
from controller.optimizers.guard import checked_initial_codes
from controller.optimizers.options import Count, Whole, check_options, refusal
from controller.optimizers.wrappers.embedding import Embedded


@dataclass(frozen=True)
class FrozenOptions:
    """Settings.

    first_free: place of the first gene that is searched, from 0.
    n_free: how many genes from there on are searched; the others are frozen.
    """

    first_free: Whole
    n_free: Count

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, eq=False)
class _Genes:
    """Coordinates are the genes `free`; the others are those of `template` (d,) float64."""

    template: Floats
    free: slice

    def coordinates(self, codes: NDArray[np.floating]) -> Floats:
        """Return the free genes (n, k)."""
        return codes[:, self.free].astype(np.float64)

    def codes(self, coordinates: NDArray[np.floating]) -> Floats:
        """Return codes (n, d) with these free genes (n, k)."""
        filled = np.tile(self.template, (len(coordinates), 1))
        filled[:, self.free] = coordinates
        return filled


def frozen(
    initial_codes: NDArray[np.floating],
    options: FrozenOptions,
    direction: Direction,
    make_inner: MakeOptimizer,
) -> Embedded:
    """Return an optimizer that searches the free genes with the one that `make_inner` makes.

    Raises:
        OptimizerOptionError: a code has fewer genes.

    """
    codes = checked_initial_codes(initial_codes)
    end = options.first_free + options.n_free
    if end > codes.shape[1]:
        left = codes.shape[1] - options.first_free
        raise refusal("n_free", options.n_free, f"must not exceed the {max(0, left)} genes there")
    genes = _Genes(codes[0].astype(np.float64), slice(options.first_free, end))
    return Embedded(codes, genes, make_inner, direction)
