"""Small runs of an optimizer for tests: codes, an objective, addressed randomness, generations.

What is left out: noise, presentations, a log; a simulated session has those.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from controller.optimizers.base import Codes, Floats, Ids, Optimizer, Population

Objective: TypeAlias = Callable[[Codes], Floats]

CODE_DIM = 12
_TARGET = np.linspace(-2.0, 2.0, CODE_DIM)


def distance_score(codes: Codes) -> Floats:
    """Score (n,) of codes (n, CODE_DIM): minus the distance to a fixed target."""
    score: Floats = -np.linalg.norm(codes - _TARGET, axis=1)
    return score


def initial_codes(n: int, code_dim: int = CODE_DIM) -> Codes:
    """Draw standard normal codes (n, code_dim), always the same."""
    return np.random.default_rng(7).standard_normal((n, code_dim)).astype(np.float32)


def rng_of(generation: int, seed: int = 0) -> np.random.Generator:
    """Return the generator of random numbers that belongs to one generation."""
    return np.random.default_rng([seed, generation])


def tell_all(optimizer: Optimizer, shown: Population, scores: Floats) -> None:
    """Tell the scores (n,) of a population in the order that it was asked."""
    optimizer.tell(shown.ids, shown.codes, scores, np.ones(len(shown.ids), dtype=np.int64))


def advance(
    optimizer: Optimizer,
    n_generations: int,
    seed: int = 0,
    objective: Objective = distance_score,
) -> list[Population]:
    """Run generations and return what was shown in each."""
    history = []
    for _ in range(n_generations):
        generation = optimizer.generation
        shown = optimizer.ask(rng_of(generation, seed), first_id=100 * generation)
        tell_all(optimizer, shown, objective(shown.codes))
        history.append(shown)
    return history


def tell_with_gaps(optimizer: Optimizer, shown: Population, missing: Ids, filler: float) -> None:
    """Tell `distance_score`, but `filler` with `n_valid` 0 at the rows `missing`."""
    scores, n_valid = distance_score(shown.codes), np.ones(len(shown.ids), dtype=np.int64)
    scores[missing], n_valid[missing] = filler, 0
    optimizer.tell(shown.ids, shown.codes, scores, n_valid)
