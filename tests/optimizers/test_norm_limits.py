"""Codes of any optimizer stay between two norms, and what lies within is not touched."""

import numpy as np
import pytest

from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.genetic import Genetic
from controller.optimizers.random_search import RandomSearch
from controller.optimizers.wrappers.norm_limits import NormLimits, within_norms
from controller.testing.optimizer_contract import (
    LearningOptimizerContract,
    OptimizerFactory,
    assert_same_state,
)
from controller.testing.optimizer_runs import advance, initial_codes, rng_of

SIGMA_1 = CholeskyCmaEsOptions(sigma0=1.0)


class TestNormLimits(LearningOptimizerContract):
    @pytest.fixture(params=[CholeskyCmaEs, Genetic])
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        options = SIGMA_1 if request.param is CholeskyCmaEs else None
        # Initial codes have norms up to 5, and the target has 4.3.
        return lambda codes, direction: NormLimits(
            request.param(codes, options, direction), 0.1, 6.5
        )


def norms(codes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(codes.astype(float), axis=1)


def test_codes_beyond_a_limit_are_scaled_to_it_and_keep_their_direction() -> None:
    codes = np.array([[3.0, 4.0], [30.0, 40.0], [0.3, 0.4], [0.0, 0.0]], np.float32)
    scaled = within_norms(codes, 1.0, 10.0)

    np.testing.assert_allclose(scaled, [[3, 4], [6, 8], [0.6, 0.8], [0, 0]], rtol=1e-6)
    assert scaled.dtype == np.float32


def test_codes_within_the_limits_stay_bit_for_bit_also_when_they_were_scaled_before() -> None:
    codes = 7.0 * initial_codes(200, 31)
    once = within_norms(codes, 20.0, 40.0)
    inside = (norms(codes) > 20.0) & (norms(codes) < 40.0)

    assert 0 < inside.sum() < 200
    np.testing.assert_array_equal(once[inside], codes[inside])
    np.testing.assert_array_equal(within_norms(once, 20.0, 40.0), once)


def test_without_a_limit_nothing_changes() -> None:
    codes = 1e6 * initial_codes(3)

    np.testing.assert_array_equal(within_norms(codes, None, None), codes)
    assert norms(within_norms(codes, None, 5.0)) == pytest.approx(5.0)
    assert norms(within_norms(codes, 1e9, None)) == pytest.approx(1e9)


@pytest.mark.parametrize("make", [CholeskyCmaEs, Genetic, RandomSearch])
def test_every_generation_stays_within_the_limits(make: type) -> None:
    optimizer = NormLimits(make(3.0 * initial_codes(5)), 2.0, 4.0)
    shown = np.concatenate([norms(generation.codes) for generation in advance(optimizer, 8)])

    assert shown.min() >= 2.0 - 1e-5
    assert shown.max() <= 4.0 + 1e-5
    assert optimizer.summary()["code_norm"] <= 4.0 + 1e-5


def test_limits_that_nothing_reaches_change_nothing() -> None:
    plain, limited = CholeskyCmaEs(initial_codes(5)), NormLimits(CholeskyCmaEs(initial_codes(5)))
    for left, right in zip(advance(plain, 5), advance(limited, 5), strict=True):
        np.testing.assert_array_equal(left.codes, right.codes)

    assert_same_state(plain.state_dict(), limited.state_dict())
    assert plain.summary() == limited.summary()


def test_the_optimizer_inside_learns_from_the_codes_that_were_shown() -> None:
    limited, plain = NormLimits(Genetic(initial_codes(8)), None, 3.0), Genetic(initial_codes(8))
    shown = limited.ask(rng_of(0), first_id=0)
    plain.ask(rng_of(0), first_id=0)
    for optimizer in (limited, plain):
        optimizer.tell(shown.ids, shown.codes, np.arange(8.0), np.ones(8, dtype=np.int64))

    assert_same_state(limited.state_dict(), plain.state_dict())


def test_crossed_limits_are_refused_by_name() -> None:
    with pytest.raises(
        OptimizerOptionError, match=r"min_norm must not exceed max_norm.* 5"
    ) as told:
        NormLimits(Genetic(initial_codes(5)), 9.0, 5.0)

    assert told.value.option == "min_norm"
