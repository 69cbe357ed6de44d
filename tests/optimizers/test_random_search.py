"""Random search: draws of the stated size, and a memory for the best."""

from typing import Any

import numpy as np
import pytest

from controller.optimizers import OptimizerOptionError
from controller.optimizers.random_search import RandomSearch, RandomSearchOptions
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all


def test_codes_have_the_norm_of_standard_normal_ones_times_the_scale() -> None:
    optimizer = RandomSearch(initial_codes(1, 4096), RandomSearchOptions(scale=2.0))
    _, shown = advance(optimizer, 2, objective=lambda codes: np.zeros(len(codes)))

    assert np.linalg.norm(shown.codes, axis=1) == pytest.approx(128.0, rel=0.05)


def test_the_best_code_of_all_generations_is_kept() -> None:
    optimizer = RandomSearch(initial_codes(5), direction="minimise")
    history = advance(optimizer, 6, objective=lambda codes: np.abs(codes[:, 0]).astype(float))
    seen = np.concatenate([shown.codes for shown in history])

    assert optimizer.best_code is not None
    np.testing.assert_array_equal(optimizer.best_code, seen[np.abs(seen[:, 0]).argmin()])


def test_there_is_no_best_code_before_a_score() -> None:
    optimizer = RandomSearch(initial_codes(2))
    shown = optimizer.ask(rng_of(0), first_id=0)
    tell_all(optimizer, shown, np.full(2, np.nan))

    assert optimizer.best_code is None


def test_the_best_code_is_read_only() -> None:
    optimizer = RandomSearch(initial_codes(2))
    advance(optimizer, 1)

    assert optimizer.best_code is not None
    with pytest.raises(ValueError, match="read-only"):
        optimizer.best_code[0] = 0.0


@pytest.mark.parametrize("options", [{"scale": 0.0}, {"population_size": 0}])
def test_an_impossible_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptimizerOptionError, match=min(options)):
        RandomSearchOptions(**options)
