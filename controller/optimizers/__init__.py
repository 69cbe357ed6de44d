"""Optimizers: ask for codes, show them, tell their scores.

    base             Optimizer (the contract), Population
    errors           OptimizerError and its four kinds
    registry         KINDS: every optimizer by its name in a config, with options and citation

    cma/             evolution strategies that adapt a Gaussian
    sphere/          searches for the direction of codes, with their norm kept or apart
    gradient/        ascent along gradients estimated from differences
    genetic          the genetic algorithm of the field
    xdream_genetic   the same with the selection and defaults of XDream
    random_search    the floor of every comparison
    library/         optimizers of other libraries, as baselines

For those who write another one:

    guard            AskTellGuard (order, ids, direction), Told, checked_initial_codes
    options          Positive, Share, …, check_options: limits and words of options
    ranking          rank_weights, effective_parents, share_by_rank
    saved_state      StateReader

A new optimizer is one file that holds an `AskTellGuard` and passes the suite in
`controller.testing.optimizer_contract`, one entry in the registry, and one test that compares it
with an independent implementation. Needs numpy and scipy only, but for `library`. What is left out:
where initial codes and randomness come from (the caller), rendering, scoring, logging.
"""

from controller.optimizers.base import Codes, Direction, Floats, Ids, Optimizer, Population, State
from controller.optimizers.errors import (
    AskTellError,
    DivergedError,
    OptimizerError,
    OptimizerOptionError,
    OptimizerStateError,
)

__all__ = [
    "AskTellError",
    "Codes",
    "Direction",
    "DivergedError",
    "Floats",
    "Ids",
    "Optimizer",
    "OptimizerError",
    "OptimizerOptionError",
    "OptimizerStateError",
    "Population",
    "State",
]
