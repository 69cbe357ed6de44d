"""Cholesky CMA-ES along the eigenvectors of a metric (HessCMAES; Wang & Ponce 2021, ICLR).

The first covariance factor has the eigenvectors of a generator's metric as rows, scaled by
eigenvalue^(-p), and may hold the strongest of them only. All else is Cholesky CMA-ES, with the
constants of as many dimensions as there are axes. What is left out: a metric that changes with the
code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from controller.optimizers.base import Direction
from controller.optimizers.basis import Basis
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.cma.frame import Frame, metric_frame
from controller.optimizers.guard import checked_initial_codes
from controller.optimizers.options import (
    Count,
    Limits,
    NotNegative,
    PopulationSize,
    Positive,
    Rate,
    Whole,
    check_options,
    refusal,
)


@dataclass(frozen=True)
class HessianCmaEsOptions:
    """Settings; the defaults are those for DeePSiM fc6.

    metric: file of the eigenvectors and eigenvalues of a metric of the space of codes.
    n_axes: strongest eigenvectors that are searched; without it all that the metric holds.
    exponent: p; an axis is as long as its eigenvalue to the power of -p.
    unit_lengths: whether lengths are divided by their root mean square, so that sigma0 does not
        depend on the unit of the metric.
    sigma0: first step size, standard deviation along an axis of length 1.
    population_size: lambda; without it int(4 + 3 log2(axes)), 32 for 800 axes.
    update_period: the covariance learns once more than this many populations were scored since the
        last time.
    covariance: "rank_one", or "none" to keep it as it began.
    max_sigma: ceiling of the step size.
    c_c: learning rate of the covariance path; without it 4 / (axes + 4).
    c_sigma: learning rate of the step-size path; without it sqrt(mu_eff) / (sqrt(mu_eff) +
        sqrt(axes)).
    c_1: learning rate of the covariance; without it 2 / (axes + sqrt(2))².
    """

    metric: Basis
    n_axes: Count | None = None
    exponent: NotNegative = 0.2
    unit_lengths: bool = False
    sigma0: Positive = 0.8
    population_size: PopulationSize | None = None
    update_period: Whole = 10
    covariance: Literal["rank_one", "none"] = "rank_one"
    max_sigma: Positive | None = None
    c_c: Rate | None = None
    c_sigma: Rate | None = None
    c_1: Annotated[float, Limits(at_least=0, below=1)] | None = None

    def __post_init__(self) -> None:
        check_options(self)
        self.frame()

    def frame(self) -> Frame:
        """Axes that are searched.

        Raises:
            OptimizerOptionError: the metric does not hold what is asked for.

        """
        return metric_frame(self.metric, self.exponent, self.n_axes, self.unit_lengths)

    def as_cholesky(self) -> CholeskyCmaEsOptions:
        """Return what is left without the metric."""
        return CholeskyCmaEsOptions(
            sigma0=self.sigma0,
            population_size=self.population_size,
            update_period=self.update_period,
            covariance=self.covariance,
            max_sigma=self.max_sigma,
            c_c=self.c_c,
            c_sigma=self.c_sigma,
            c_1=self.c_1,
        )


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fc6, 800 axes": {"n_axes": 800, "sigma0": 0.8, "exponent": 1 / 5},
    "fc6, 500 axes": {"n_axes": 500, "sigma0": 0.8, "exponent": 1 / 5},
    "fc6, 500 axes, steeper": {"n_axes": 500, "sigma0": 0.4, "exponent": 1 / 4},
    "BigGAN": {"sigma0": 0.2, "exponent": 1 / 2.5},
}
"""Settings of the lab by generator, beside the metric, which is the generator's own."""


class HessianCmaEs(CholeskyCmaEs):
    """The optimizer; see `CholeskyCmaEs` for what it does.

    Initial codes are shown as they are, and of their mean all is kept, also what lies along no
    axis; the search then moves along the axes only.

    initial_codes: (m, code_dim), shown first as they are.
    """

    def __init__(
        self,
        initial_codes: NDArray[np.floating],
        options: HessianCmaEsOptions,
        direction: Direction = "maximise",
    ) -> None:
        frame, code_dim = options.frame(), checked_initial_codes(initial_codes).shape[1]
        if frame.axes.shape[1] != code_dim:
            told = f"must hold directions of length {code_dim}"
            raise refusal("metric", f"{frame.axes.shape[1]} long", told)
        super().__init__(initial_codes, options.as_cholesky(), direction, frame)
