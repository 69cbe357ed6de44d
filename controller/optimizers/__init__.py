"""Optimizers: ask for codes, show them, tell their scores.

    base               Optimizer (the contract), Population
    cholesky_cma_es    CholeskyCmaEs, CholeskyCmaEsOptions, Constants, constants
    genetic            Genetic, GeneticOptions, parent_probabilities
    random_search      RandomSearch, RandomSearchOptions
    errors             OptimizerError and its four kinds

For those who write another one:

    guard              AskTellGuard (order, ids, direction), Told, checked_initial_codes
    ranking            rank_weights, effective_parents, share_by_rank
    cholesky_factor    CholeskyFactor, a covariance factor that starts as the identity
    saved_state        StateReader

A new optimizer is one file that holds an `AskTellGuard` and passes the suite in
`controller.testing.optimizer_contract`, and one test that compares it with an independent
implementation. Needs numpy only. What is left out: where initial codes and randomness come from
(the caller), rendering, scoring, logging.
"""

from controller.optimizers.base import Codes, Direction, Floats, Ids, Optimizer, Population, State
from controller.optimizers.cholesky_cma_es import (
    CholeskyCmaEs,
    CholeskyCmaEsOptions,
    usual_population_size,
)
from controller.optimizers.errors import (
    AskTellError,
    DivergedError,
    OptimizerError,
    OptimizerOptionError,
    OptimizerStateError,
)
from controller.optimizers.genetic import Genetic, GeneticOptions
from controller.optimizers.random_search import RandomSearch, RandomSearchOptions

__all__ = [
    "AskTellError",
    "CholeskyCmaEs",
    "CholeskyCmaEsOptions",
    "Codes",
    "Direction",
    "DivergedError",
    "Floats",
    "Genetic",
    "GeneticOptions",
    "Ids",
    "Optimizer",
    "OptimizerError",
    "OptimizerOptionError",
    "OptimizerStateError",
    "Population",
    "RandomSearch",
    "RandomSearchOptions",
    "State",
    "usual_population_size",
]
