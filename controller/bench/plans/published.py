"""What Wang & Ponce 2022 found in its second round, to hold a benchmark against.

Pooled ratios of normalised clean maxima, 1050 runs of each optimizer: AlexNet units, the network
DeePSiM fc6. Names are those that a plan gives its optimizers; one with other names is compared with
nothing. What is left out: the first round, whose scores are noisy maxima.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

GENETIC, CHOLESKY, FULL = "GA", "Cholesky CMA", "CMA"
DIAGONAL, SPHERE_EXP, SPHERE_INV = "Diagonal CMA", "SphereCMA-exp", "SphereCMA-inv"
POOLED = "all"
LEVELS = ("none", "gain_0.2", "gain_0.5")

MEANS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        GENETIC: {POOLED: 0.3335, "none": 0.370, "gain_0.2": 0.341, "gain_0.5": 0.290},
        CHOLESKY: {POOLED: 0.5557, "none": 0.726, "gain_0.2": 0.518, "gain_0.5": 0.424},
        FULL: {POOLED: 0.547, "none": 0.724, "gain_0.2": 0.512, "gain_0.5": 0.406},
        DIAGONAL: {POOLED: 0.563, "none": 0.700, "gain_0.2": 0.556, "gain_0.5": 0.434},
        SPHERE_EXP: {POOLED: 0.5957, "none": 0.860, "gain_0.2": 0.527, "gain_0.5": 0.400},
        SPHERE_INV: {POOLED: 0.546, "none": 0.739, "gain_0.2": 0.506, "gain_0.5": 0.392},
    }
)
"""Mean normalised clean maximum of each optimizer by noise."""


@dataclass(frozen=True)
class Claim:
    """Something published: under a noise level, `better` does better than `worse`."""

    better: str
    worse: str
    noise: str

    @property
    def ratio(self) -> float:
        """Return the published ratio of their mean scores."""
        return MEANS[self.better][self.noise] / MEANS[self.worse][self.noise]


CLAIMS = (
    *(Claim(CHOLESKY, GENETIC, noise) for noise in (POOLED, *LEVELS)),
    *(Claim(SPHERE_EXP, other, "none") for other in (CHOLESKY, SPHERE_INV, DIAGONAL, GENETIC)),
    Claim(SPHERE_EXP, CHOLESKY, POOLED),
    Claim(CHOLESKY, DIAGONAL, "none"),
    *(Claim(DIAGONAL, other, "gain_0.2") for other in (CHOLESKY, SPHERE_EXP, GENETIC)),
    *(Claim(DIAGONAL, other, "gain_0.5") for other in (CHOLESKY, SPHERE_EXP, GENETIC)),
    Claim(CHOLESKY, SPHERE_EXP, "gain_0.5"),
)
"""The published orders, one pair each."""
