"""Searches a flat part of code space: as many directions as you choose, of any orientation.

Few directions make a search faster where the right ones are known, such as the top eigenvectors of
a generator's metric; random ones are the control for that (Wang & Ponce 2022). What is left out:
finding directions.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Direction, Floats, MakeOptimizer
from controller.optimizers.basis import Basis, random_basis
from controller.optimizers.guard import checked_initial_codes
from controller.optimizers.options import Count, Whole, check_options, refusal
from controller.optimizers.wrappers.embedding import Embedded


@dataclass(frozen=True)
class SubspaceOptions:
    """Settings.

    n_dims: directions that are searched; without it all that `basis` has, or 50 random ones.
    basis: file of directions, the first `n_dims` of which are taken; without it they are random.
    seed: of random directions; the same seed gives the same ones.
    through: the point that the subspace goes through: "zero", or "initial", the mean of the initial
        codes.
    """

    n_dims: Count | None = None
    basis: Basis | None = None
    seed: Whole = 0
    through: Literal["zero", "initial"] = "zero"

    def __post_init__(self) -> None:
        check_options(self)
        if self.basis is not None and (self.n_dims or 0) > self.basis.n_dims:
            told = f"must not exceed the {self.basis.n_dims} directions of basis"
            raise refusal("n_dims", self.n_dims, told)

    def directions(self) -> int:
        """Return the number of directions that are searched."""
        if self.n_dims is not None:
            return self.n_dims
        return 50 if self.basis is None else self.basis.n_dims


@dataclass(frozen=True, eq=False)
class _Flat:
    """code = origin + coordinates · vectors.

    origin: (d,) float64.
    vectors: (k, d) float64, orthonormal rows.
    """

    origin: Floats
    vectors: Floats

    def coordinates(self, codes: NDArray[np.floating]) -> Floats:
        """Return the coordinates (n, k) of the nearest points of the subspace."""
        projected: Floats = (codes - self.origin) @ self.vectors.T
        return projected

    def codes(self, coordinates: NDArray[np.floating]) -> Floats:
        """Return the codes (n, d) at coordinates (n, k)."""
        points: Floats = self.origin + coordinates @ self.vectors
        return points


def subspace(
    initial_codes: NDArray[np.floating],
    options: SubspaceOptions,
    direction: Direction,
    make_inner: MakeOptimizer,
) -> Embedded:
    """Return an optimizer that searches a subspace with the one that `make_inner` makes.

    Raises:
        OptimizerOptionError: the directions do not fit the codes.

    """
    codes = checked_initial_codes(initial_codes)
    code_dim, n_dims = codes.shape[1], options.directions()
    if n_dims > code_dim:
        raise refusal("n_dims", n_dims, f"must not exceed the {code_dim} dimensions of a code")
    basis = options.basis
    if basis is not None and basis.code_dim != code_dim:
        raise refusal(
            "basis", f"{basis.code_dim} long", f"must hold directions of length {code_dim}"
        )
    vectors = (basis or random_basis(n_dims, code_dim, options.seed)).first(n_dims).vectors
    mean = codes.mean(axis=0, dtype=np.float64)
    origin = mean if options.through == "initial" else np.zeros(code_dim)
    return Embedded(codes, _Flat(origin, vectors), make_inner, direction)
