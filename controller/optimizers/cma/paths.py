"""The two paths of CMA-ES, along which the mean has moved: whitened for sigma, as it is for C.

What is left out: what is learned from them (`step_size`, `full`, `diagonal`).
"""

from dataclasses import dataclass

import numpy as np

from controller.optimizers.base import Floats
from controller.optimizers.cma.recombination import CmaConstants
from controller.optimizers.cma.step_size import path_is_calm


@dataclass(frozen=True, eq=False)
class Paths:
    """Where the paths lead after a generation.

    sigma, c: (code_dim,) float64.
    gain_c: how much of the mean's move entered `c`; 0 while that path stalls.
    c_1: learning rate of C's decay for its path; less than usual while that stalls, since its
        update then brings less variance.
    """

    sigma: Floats
    c: Floats
    gain_c: float
    c_1: float


def followed(
    path_sigma: Floats,
    path_c: Floats,
    white: Floats,
    moved: Floats,
    mu_eff: float,
    n_updates: int,
    k: CmaConstants,
) -> Paths:
    """Lead both paths on by one move of the mean.

    Args:
        path_sigma: (code_dim,) so far, the one for sigma.
        path_c: (code_dim,) so far, the one for C.
        white: (code_dim,) the move in units of sigma, whitened.
        moved: (code_dim,) the move in the units of `path_c`.
        mu_eff: variance-effective number of parents.
        n_updates: moves so far.
        k: constants.

    """
    gain_sigma = np.sqrt(k.c_sigma * (2.0 - k.c_sigma) * mu_eff)
    new_sigma = (1.0 - k.c_sigma) * path_sigma + gain_sigma * white
    calm = path_is_calm(new_sigma, k.c_sigma, n_updates + 1)
    gain_c = float(calm * np.sqrt(k.c_c * (2.0 - k.c_c) * mu_eff))
    return Paths(
        sigma=new_sigma,
        c=(1.0 - k.c_c) * path_c + gain_c * moved,
        gain_c=gain_c,
        c_1=k.c_1 if calm else k.c_1 * (1.0 - k.c_c * (2.0 - k.c_c)),
    )
