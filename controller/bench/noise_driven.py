"""Optimizers whose scores are pure noise: what a trajectory looks like when there is no signal.

Whatever an optimizer does here it does on its own account, so this is the null that a success is
judged against. Published figures are those of Wang & Ponce 2022 for 4096 dimensions, 40 codes and
75 generations. What is left out: images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from controller.bench.addresses import RacePurpose, race_rng
from controller.bench.entrants import ENTRANTS, Setting
from controller.bench.errors import BenchError
from controller.bench.heat import N_INITIAL
from controller.optimizers.base import Codes, Floats

PUBLISHED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "cholesky_cma": {
            "norm2_linear_r2": 0.998,
            "pc1": 0.608,
            "pc2": 0.152,
            "last_sigma": 2.36,
            "first_angle_deg": 90.0,
            "last_angle_deg": 29.0,
            "last_norm": 423.7,
        },
        "genetic": {"last_norm": 165.7},
        "sphere_cma": {"last_norm": 300.0},
    }
)
"""Shares of variance are from runs driven by noise. Sigma and angles are of one evolution that
a model neuron drove, norms those of all such evolutions."""


@dataclass(frozen=True)
class Trajectory:
    """What characterises one run, or the mean of several.

    norm2_linear_r2: part of the variance of the mean code's squared norm that a straight line over
        generations explains.
    pc1, pc2: part of the variance of the mean codes along their first two principal components.
    last_sigma: NaN where the optimizer has none.
    first_angle_deg, last_angle_deg: mean angle between the codes of the second and of the last
        generation; the first one holds the initial codes.
    last_norm: mean norm of the last codes.
    """

    norm2_linear_r2: float
    pc1: float
    pc2: float
    last_sigma: float
    first_angle_deg: float
    last_angle_deg: float
    last_norm: float


def noise_driven(optimizer: str, seed: int, n_generations: int, code_dim: int) -> Trajectory:
    """Run an optimizer on scores from N(0, 1), from the code of zeros if it can start there."""
    zero = np.zeros((1, code_dim), np.float32)
    drawn = race_rng(seed, RacePurpose.INITIAL_CODES).standard_normal((N_INITIAL, code_dim))
    initial = zero if optimizer == "cholesky_cma" else drawn.astype(np.float32)
    search = ENTRANTS[optimizer].make(Setting(initial, _no_metric, n_generations * N_INITIAL))
    means: list[Floats] = []
    first_angle_deg = np.nan
    for generation in range(n_generations):
        shown = search.ask(race_rng(seed, RacePurpose.ASK, "", generation), 100 * generation)
        scores = race_rng(seed, RacePurpose.NOISE_DRIVEN, "", generation).standard_normal(
            len(shown.ids)
        )
        search.tell(shown.ids, shown.codes, scores, np.ones(len(shown.ids), np.int64))
        means.append(shown.codes.mean(axis=0, dtype=np.float64))
        if generation == 1:
            first_angle_deg = mean_angle_deg(shown.codes)
    variances = explained_variance(np.stack(means[1:]))
    return Trajectory(
        norm2_linear_r2=linear_r2(np.square(np.stack(means[1:])).sum(axis=1)),
        pc1=float(variances[0]),
        pc2=float(variances[1]),
        last_sigma=search.summary().get("sigma", np.nan),
        first_angle_deg=first_angle_deg,
        last_angle_deg=mean_angle_deg(shown.codes),
        last_norm=float(np.linalg.norm(shown.codes, axis=1).mean()),
    )


def mean_trajectory(runs: Sequence[Trajectory]) -> tuple[Trajectory, Trajectory]:
    """Return mean and standard deviation over runs, figure by figure."""
    table = np.array([list(vars(run).values()) for run in runs])
    return Trajectory(*table.mean(axis=0)), Trajectory(*table.std(axis=0))


def mean_angle_deg(codes: Codes) -> float:
    """Angle whose cosine is the mean cosine between any two of the codes (n, d)."""
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(codes), 1)]
    return float(np.degrees(np.arccos(cosines.mean())))


def explained_variance(means: Floats) -> Floats:
    """Part of the variance of mean codes (g, d) along each principal component, largest first."""
    centred = means - means.mean(axis=0)
    variances: Floats = np.linalg.svd(centred, compute_uv=False) ** 2
    explained: Floats = variances / variances.sum()
    return explained


def linear_r2(values: Floats) -> float:
    """Part of the variance of values (g,) that a straight line explains; 0 where none varies."""
    if np.ptp(values) < 1e-9 * abs(values).max():
        return 0.0
    return float(np.corrcoef(np.arange(values.size), values)[0, 1] ** 2)


def _no_metric() -> tuple[Floats, Floats]:
    raise BenchError("a search that is driven by noise has no code space of which to know a metric")
