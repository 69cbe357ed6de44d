"""Optimizers whose scores are pure noise: what a trajectory looks like when there is no signal.

Whatever an optimizer does here it does on its own account, so this is the null that a success is
judged against. Published figures are those of Wang & Ponce 2022 for 4096 dimensions, 40 codes and
75 generations. What is left out: images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once

from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.entrants import ENTRANTS, Setting
from controller.bench.errors import BenchError
from controller.bench.heat import N_INITIAL
from controller.optimizers.base import Floats
from sessions.analysis.trajectory import (
    cosine_fits,
    linear_r2,
    mean_angle_deg,
    principal_components,
)


@dataclass(frozen=True)
class Published:
    """A published figure.

    tolerance: how far the mean of runs may be from it, for its rounding.
    one_run: it is of a single run, and so may be as far off the mean as one run in a hundred is.
    """

    value: float
    tolerance: float
    one_run: bool = False

    def agrees(self, mean: float, sd: float, n_runs: int) -> bool:
        """Whether `n_runs` runs with this mean and standard deviation show the published figure.

        It lies in the 99 % interval of the mean, or of one more run (Student's t): there are so
        many figures that one in twenty would often miss one.
        """
        spread = sd * np.sqrt(1 / n_runs + self.one_run)
        return bool(
            abs(mean - self.value)
            <= self.tolerance + scipy.special.stdtrit(n_runs - 1, 0.995) * spread
        )


PUBLISHED: Mapping[str, Mapping[str, Published]] = MappingProxyType(
    {
        "cholesky_cma": {
            "norm2_linear_r2": Published(0.998, 0.003),
            "pc1": Published(0.60, 0.01),
            "pc2": Published(0.15, 0.01),
            "pc3": Published(0.068, 0.005),
            "cosine_1": Published(0.99, 0.01, one_run=True),
            "cosine_2": Published(0.99, 0.005, one_run=True),
            "cosine_3": Published(0.98, 0.005, one_run=True),
            "cosine_5": Published(0.92, 0.005, one_run=True),
            "cosine_8": Published(0.86, 0.005, one_run=True),
            "cosine_10": Published(0.66, 0.005, one_run=True),
            "cosine_15": Published(0.24, 0.005, one_run=True),
            "sigma_5": Published(2.71, 0.005),
            "sigma_10": Published(2.53, 0.005),
            "sigma_20": Published(2.38, 0.005),
            "last_sigma": Published(2.37, 0.005, one_run=True),
            "first_angle_deg": Published(90.0, 0.5),
            "last_angle_deg": Published(29.0, 0.5),
            "last_norm": Published(417.0, 1.0, one_run=True),
        },
        "genetic": {"last_norm": Published(192.0, 1.0, one_run=True)},
        "sphere_cma": {"last_norm": Published(300.0, 0.5)},
    }
)
"""Of runs that noise drives. For `last_sigma`, 2.36 of an evolution is published too; without a
signal the mean is 2.30, and one run of sixteen ends at 2.365 or above, as
`sessions.analysis.null_theory.StepSizeControl` computes."""


@dataclass(frozen=True)
class Trajectory:
    """What characterises one run, or the mean of several.

    norm2_linear_r2: part of the variance of the mean code's squared norm that a straight line over
        generations explains.
    pc1, pc2, pc3: parts of the variance of the mean codes along their principal components.
    cosine_1 … cosine_15: part of the variance of the projection on the k-th component that a
        cosine of k/2 cycles explains, its phase fixed at that of an ideal random walk; NaN where
        there are too few generations.
    sigma_5, sigma_10, sigma_20: with which the 5th, 10th and 20th generation was sampled, the first
        one with codes of the optimizer's own being generation 1; NaN where it has none.
    last_sigma: with which the last generation was sampled.
    first_angle_deg, last_angle_deg: mean angle between the codes of the second and of the last
        generation; the first one holds the initial codes.
    last_norm: mean norm of the last codes.
    """

    norm2_linear_r2: float
    pc1: float
    pc2: float
    pc3: float
    cosine_1: float
    cosine_2: float
    cosine_3: float
    cosine_5: float
    cosine_8: float
    cosine_10: float
    cosine_15: float
    sigma_5: float
    sigma_10: float
    sigma_20: float
    last_sigma: float
    first_angle_deg: float
    last_angle_deg: float
    last_norm: float


_COSINES = (1, 2, 3, 5, 8, 10, 15)
_SIGMAS = (5, 10, 20)


def noise_driven(optimizer: str, seed: int, n_generations: int, code_dim: int) -> Trajectory:
    """Run an optimizer on scores from N(0, 1), from the code of zeros if it can start there."""
    zero = np.zeros((1, code_dim), np.float32)
    drawn = race_rng(seed, RacePurpose.INITIAL_CODES).standard_normal((N_INITIAL, code_dim))
    initial = zero if optimizer == "cholesky_cma" else drawn.astype(np.float32)
    search = ENTRANTS[optimizer].make(Setting(initial, _no_metric, n_generations * N_INITIAL))
    means: list[Floats] = []
    sigmas: list[float] = []
    first_angle_deg = np.nan
    for generation in range(n_generations):
        shown = search.ask(race_rng(seed, RacePurpose.ASK, "", generation), 100 * generation)
        sigmas.append(search.summary().get("sigma", np.nan))
        scores = race_rng(seed, RacePurpose.NOISE_DRIVEN, "", generation).standard_normal(
            len(shown.ids)
        )
        search.tell(shown.ids, shown.codes, scores, np.ones(len(shown.ids), np.int64))
        means.append(shown.codes.mean(axis=0, dtype=np.float64))
        if generation == 1:
            first_angle_deg = mean_angle_deg(shown.codes)
    return Trajectory(
        **_of_path(np.stack(means[1:])),
        **{f"sigma_{g}": sigmas[g] if g < len(sigmas) else np.nan for g in _SIGMAS},
        last_sigma=sigmas[-1],
        first_angle_deg=first_angle_deg,
        last_angle_deg=mean_angle_deg(shown.codes),
        last_norm=float(np.linalg.norm(shown.codes, axis=1).mean()),
    )


def _of_path(means: Floats) -> dict[str, float]:
    """Figures of the mean codes (g, d)."""
    projections, shares = principal_components(means)
    fits = cosine_fits(projections[:, : max(_COSINES)])
    known = {k: fits[k - 1].fixed_r2 if k < len(means) else np.nan for k in _COSINES}
    return {
        "norm2_linear_r2": linear_r2(np.square(means).sum(axis=1)),
        **{f"pc{k}": float(shares[k - 1]) for k in (1, 2, 3)},
        **{f"cosine_{k}": r2 for k, r2 in known.items()},
    }


def mean_trajectory(runs: Sequence[Trajectory]) -> tuple[Trajectory, Trajectory]:
    """Return mean and standard deviation over runs, figure by figure."""
    table = np.array([list(vars(run).values()) for run in runs])
    return Trajectory(*table.mean(axis=0)), Trajectory(*table.std(axis=0, ddof=1))


def _no_metric() -> tuple[Floats, Floats]:
    raise BenchError("a search that is driven by noise has no code space of which to know a metric")
