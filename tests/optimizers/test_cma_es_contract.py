"""Full and diagonal CMA-ES keep every promise of an optimizer."""

import pytest

from controller.optimizers.cma.diagonal import DiagonalCmaEs, DiagonalCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.testing.optimizer_contract import (
    LearningOptimizerContract,
    OptimizerFactory,
    WorksAheadContract,
)


class TestCmaEs(LearningOptimizerContract, WorksAheadContract):
    @pytest.fixture(
        params=[
            CmaEsOptions(sigma0=1.0),
            CmaEsOptions(sigma0=1.0, step_size="tpa", refresh_gap=2.5, max_sigma=2.0),
            CmaEsOptions(sigma0=1.0, population_size=9, precision="float32"),
        ],
        ids=["default", "two-point, lazy, bounded", "single precision"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: CmaEs(codes, request.param, direction)


class TestDiagonalCmaEs(LearningOptimizerContract):
    @pytest.fixture(
        params=[
            DiagonalCmaEsOptions(sigma0=1.0),
            DiagonalCmaEsOptions(sigma0=1.0, step_size="tpa", population_size=9, max_sigma=2.0),
        ],
        ids=["default", "two-point, bounded"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: DiagonalCmaEs(codes, request.param, direction)
