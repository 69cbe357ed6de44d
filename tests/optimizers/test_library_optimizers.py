"""Optimizers of other libraries keep every promise of an optimizer, and stay what they are."""

import sys
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from controller.optimizers.base import Codes, Floats
from controller.optimizers.cma.diagonal import DiagonalCmaEs, DiagonalCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.optimizers.errors import OptimizerOptionError, OptimizerStateError
from controller.optimizers.library.nevergrad import Nevergrad, NevergradOptions
from controller.optimizers.library.pycma import Pycma, PycmaOptions
from controller.testing.optimizer_contract import (
    LearningOptimizerContract,
    OptimizerContract,
    OptimizerFactory,
    assert_same_state,
)
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all

D = 12


class TestPycma(LearningOptimizerContract):
    @pytest.fixture(
        params=[PycmaOptions(covariance, sigma0=1.0) for covariance in ("full", "diagonal", "vd")],
        ids=["full", "diagonal", "vd"],
    )
    def make_optimizer(self, request: pytest.FixtureRequest) -> OptimizerFactory:
        return lambda codes, direction: Pycma(codes, request.param, direction)


class TestNevergradsCma(LearningOptimizerContract):
    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        options = NevergradOptions("CMA", population_size=12)
        return lambda codes, direction: Nevergrad(codes, options, direction)


class TestNevergradsSwarm(OptimizerContract):
    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        options = NevergradOptions("PSO", population_size=12)
        return lambda codes, direction: Nevergrad(codes, options, direction)


ALGORITHMS = get_args(get_type_hints(NevergradOptions)["algorithm"])
EACH_ALGORITHM = pytest.mark.parametrize("algorithm", ALGORITHMS)


def _nevergrad(algorithm: Any, codes: Codes | None = None) -> Nevergrad:
    options = NevergradOptions(algorithm, population_size=12)
    return Nevergrad(initial_codes(5) if codes is None else codes, options)


def _hill(codes: Codes) -> Floats:
    score: Floats = -np.square(codes.astype(float) - 1.0).sum(axis=1)
    return score


@EACH_ALGORITHM
def test_every_algorithm_goes_on_bit_for_bit_from_what_it_was_told(algorithm: str) -> None:
    original, copy = _nevergrad(algorithm), _nevergrad(algorithm)
    for generation in range(6):
        shown = original.ask(rng_of(generation), first_id=0)
        # Some are missing, and what was shown is not quite what was asked for.
        codes = shown.codes * np.float32(1.0 + 1e-6)
        scores = np.where(np.arange(len(codes)) % 5 == generation, np.nan, _hill(codes))
        original.tell(shown.ids, codes, scores, np.ones(len(codes), dtype=np.int64))
    copy.load_state_dict(original.state_dict())
    for generation in range(6, 9):
        left, right = (one.ask(rng_of(generation), first_id=0) for one in (original, copy))
        np.testing.assert_array_equal(left.codes, right.codes)
        for one, shown in ((original, left), (copy, right)):
            tell_all(one, shown, _hill(shown.codes))

    assert_same_state(original.state_dict(), copy.state_dict())


@EACH_ALGORITHM
def test_every_algorithm_proposes_by_the_numbers_it_is_given(algorithm: str) -> None:
    same, other = (
        [advance(_nevergrad(algorithm), 4, seed)[-1].codes for seed in seeds]
        for seeds in ((0, 0), (0, 1))
    )

    np.testing.assert_array_equal(*same)
    assert not np.array_equal(*other)


@EACH_ALGORITHM
def test_every_algorithm_leaves_numpys_common_random_state_alone(algorithm: str) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  it is what is looked at
    advance(_nevergrad(algorithm), 4)

    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("algorithm", ["DE", "TwoPointsDE", "PSO", "OnePlusOne", "ES"])
def test_codes_stay_in_the_box(algorithm: Any) -> None:
    options = NevergradOptions(algorithm, population_size=12, bound=0.5)
    optimizer = Nevergrad(initial_codes(5), options)
    for shown in advance(optimizer, 8)[1:]:
        assert np.abs(shown.codes).max() <= 0.5


def test_rescaled_cma_takes_steps_as_short_as_the_study_has_them() -> None:
    d = 400
    start = np.zeros((1, d), np.float32)
    spreads = [
        advance(_nevergrad(algorithm, start), 2, objective=_hill)[-1].codes.std()
        for algorithm in ("CMA", "RescaledCMA")
    ]

    # In 4096 dimensions that is 0.044.
    assert spreads[1] / spreads[0] == pytest.approx(np.sqrt(np.log(3000) / d), rel=0.05)


@pytest.mark.parametrize("library", ["pycma", "nevergrad"])
def test_the_two_opposite_codes_survive_a_generation_that_was_not_learned(library: str) -> None:
    start = np.zeros((1, 300), np.float32)
    optimizer = (
        Pycma(start, PycmaOptions("diagonal", population_size=12))
        if library == "pycma"
        else _nevergrad("DiagonalCMA", start)
    )
    advance(optimizer, 4, objective=_hill)
    for generation in range(2):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        scores = np.where(np.arange(12) < 8, np.nan, _hill(shown.codes))
        tell_all(optimizer, shown, scores)
    pair = optimizer.ask(rng_of(2), first_id=0).codes[:2].astype(float)

    step = pair[0] - pair[1]
    middle = pair.mean(axis=0)
    assert np.linalg.norm(step) / 2 == pytest.approx(np.linalg.norm(pair[0] - middle), rel=1e-5)
    # Other codes would lie at a right angle to each other, as seen from the mean.
    others = optimizer._told[-1].codes[4:6].astype(float) - middle  # type: ignore[union-attr]
    cosine = others[0] @ others[1] / np.prod(np.linalg.norm(others, axis=1))
    assert abs(cosine) < 0.5
    assert np.linalg.norm(step) > 1.6 * np.linalg.norm(others[0])


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_pycma_moves_where_our_own_goes(covariance: Any) -> None:
    start = np.zeros((1, D), np.float32)
    library = Pycma(start, PycmaOptions(covariance, population_size=10))
    ours = (
        CmaEs(start, CmaEsOptions(population_size=10))
        if covariance == "full"
        else DiagonalCmaEs(start, DiagonalCmaEsOptions(population_size=10))
    )
    for generation in range(30):
        shown = library.ask(rng_of(generation), first_id=0)
        ours.ask(rng_of(generation), first_id=0)
        for optimizer in (library, ours):
            tell_all(optimizer, shown, _hill(shown.codes))

    strategy = library._method._strategy  # type: ignore[union-attr]
    np.testing.assert_allclose(ours.state_dict()["mean"], strategy.mean, atol=2e-3)
    assert ours.summary()["sigma"] == pytest.approx(strategy.sigma, rel=1e-2)


@pytest.mark.parametrize("make", [Pycma, Nevergrad])
def test_a_library_that_is_not_installed_is_named_with_what_to_do(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cma", "nevergrad"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(OptimizerOptionError, match=r"not installed; run `pip install"):
        make(initial_codes(1))


def test_a_damaged_history_is_refused() -> None:
    optimizer = Pycma(initial_codes(5))
    advance(optimizer, 3)
    state = optimizer.state_dict()
    sizes = np.append(state["told_sizes"], 0)
    with pytest.raises(OptimizerStateError, match="without codes"):
        optimizer.load_state_dict(state | {"told_sizes": sizes})
