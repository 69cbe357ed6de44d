"""Every shipped optimizer passes the contract suite that plug-ins are held to."""

import pytest

from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.genetic import Genetic, GeneticOptions
from controller.optimizers.random_search import RandomSearch, RandomSearchOptions
from controller.testing.optimizer_contract import (
    LearningOptimizerContract,
    OptimizerContract,
    OptimizerFactory,
)


class TestCholeskyCmaEs(LearningOptimizerContract):
    @pytest.fixture(
        params=[
            CholeskyCmaEsOptions(sigma0=1.0),
            CholeskyCmaEsOptions(sigma0=1.0, update_period=0),
            CholeskyCmaEsOptions(sigma0=1.0, covariance="none", population_size=9),
            CholeskyCmaEsOptions(sigma0=1.0, max_sigma=2.0),
        ],
        ids=["default", "covariance every generation", "no covariance", "bounded step"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: CholeskyCmaEs(codes, request.param, direction)


class TestGenetic(LearningOptimizerContract):
    @pytest.fixture(
        params=[GeneticOptions(), GeneticOptions(population_size=12, n_elites=0)],
        ids=["default", "no elites"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: Genetic(codes, request.param, direction)


class TestRandomSearch(OptimizerContract):
    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        options = RandomSearchOptions(population_size=12, scale=2.0)
        return lambda codes, direction: RandomSearch(codes, options, direction)
