"""Full and diagonal CMA-ES against pycma, its authors' implementation, and against purecma.

pycma is told the codes that our optimizer drew, and must then have the same mean, step size, paths
and covariance, generation after generation. Three things are switched off in it: it starts from
eigenvalues that differ by 1e-4, for the sake of old solvers; it rescales what is ill conditioned;
and it shortens codes that it did not draw itself.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cma
import numpy as np
import pytest
from cma import purecma
from cma.recombination_weights import RecombinationWeights
from cma.sigma_adaptation import CMAAdaptSigmaCSA, CMAAdaptSigmaTPA
from numpy.typing import NDArray

from controller.optimizers.cma.diagonal import DiagonalCmaEs, DiagonalCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.optimizers.cma.recombination import diagonal_constants, full_constants
from controller.testing.optimizer_runs import advance, rng_of, tell_all

Matrix = NDArray[np.float64]

RULES = {"csa": CMAAdaptSigmaCSA, "tpa": CMAAdaptSigmaTPA}
QUIET = pytest.mark.filterwarnings(
    "ignore:TPA. apparent inconsistency:UserWarning",  # the mirrored codes are ours, not pycma's
    "ignore::cma.evolution_strategy.InjectionWarning",  # so pycma misses its own among those told
)


def _bent(codes: Matrix) -> Matrix:
    """Score (n,) on a curved, ill-conditioned hill, where a covariance is of use."""
    stretch = 10.0 ** np.linspace(0, 2, codes.shape[1])
    score: Matrix = -(stretch * (codes - 1.0) ** 2).sum(axis=1) + np.sin(codes).sum(axis=1)
    return score


def _pycma(d: int, population_size: int, sigma0: float = 2.0, **options: Any) -> Any:
    quiet = {"popsize": population_size, "verbose": -9, "conditioncov_alleviate": None}
    return cma.CMAEvolutionStrategy(np.zeros(d), sigma0, quiet | options)


def _full_pycma(d: int, population_size: int, gap: float | None, rule: str) -> Any:
    oracle = _pycma(d, population_size, updatecovwait=gap, AdaptSigma=RULES[rule])
    oracle.sm.C, oracle.sm.B, oracle.sm.D = np.eye(d), np.eye(d), np.ones(d)
    return oracle


def _side_by_side(
    optimizer: CmaEs | DiagonalCmaEs, oracle: Any, n_generations: int, compare: Callable[[], None]
) -> None:
    advance(optimizer, 1, objective=lambda codes: np.zeros(len(codes)))
    for generation in range(n_generations):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        codes = shown.codes.astype(float)
        scores = _bent(codes)
        tell_all(optimizer, shown, scores)
        oracle.ask()
        oracle.tell(list(codes), list(-scores), check_points=False)
        compare()


@QUIET
@pytest.mark.parametrize("rule", ["csa", "tpa"])
@pytest.mark.parametrize(
    ("d", "population_size", "gap", "n_generations"),
    [(2, 3, 0, 60), (6, 10, None, 100), (12, 9, 0, 100), (30, 14, 3.5, 120), (60, 40, None, 30)],
)
def test_full_cma_es_is_that_of_pycma(
    d: int, population_size: int, gap: float | None, n_generations: int, rule: Any
) -> None:
    options = CmaEsOptions(population_size=population_size, refresh_gap=gap, step_size=rule)
    optimizer = CmaEs(np.zeros((1, d), np.float32), options)
    oracle = _full_pycma(d, population_size, gap, rule)

    def compare() -> None:
        state = optimizer.state_dict()
        np.testing.assert_allclose(state["mean"], oracle.mean, rtol=0, atol=1e-9)
        np.testing.assert_allclose(state["sigma"], oracle.sigma, rtol=1e-9)
        np.testing.assert_allclose(state["path_c"], oracle.pc, rtol=0, atol=1e-9)
        np.testing.assert_allclose(state["path_sigma"], oracle.adapt_sigma.ps, rtol=0, atol=1e-9)
        learned = np.tril(oracle.sm.C) + np.tril(oracle.sm.C, -1).T
        np.testing.assert_allclose(optimizer.covariance(), learned, rtol=1e-9, atol=1e-9)

    _side_by_side(optimizer, oracle, n_generations, compare)
    assert oracle.sm.condition_number > 1.4


@QUIET
@pytest.mark.parametrize("rule", ["csa", "tpa", None])
@pytest.mark.parametrize(("d", "population_size"), [(6, 10), (30, 13), (300, 14)])
def test_diagonal_cma_es_is_that_of_pycma(d: int, population_size: int, rule: Any) -> None:
    options = DiagonalCmaEsOptions(population_size=population_size, step_size=rule)
    optimizer = DiagonalCmaEs(np.zeros((1, d), np.float32), options)
    adapt = True if rule is None else RULES[rule]
    oracle = _pycma(d, population_size, CMA_diagonal=True, AdaptSigma=adapt)
    # pycma's expected length of a normal vector is good to 1e-9 only, in more than 100 dimensions.
    near = 1e-9 if d <= 100 else 1e-8

    def compare() -> None:
        state = optimizer.state_dict()
        np.testing.assert_allclose(state["mean"], oracle.mean, rtol=0, atol=near)
        np.testing.assert_allclose(state["sigma"], oracle.sigma, rtol=near)
        np.testing.assert_allclose(state["path_c"], oracle.pc, rtol=0, atol=near)
        np.testing.assert_allclose(state["path_sigma"], oracle.adapt_sigma.ps, rtol=0, atol=near)
        np.testing.assert_allclose(state["deviations"], oracle.sigma_vec.scaling, rtol=near)

    _side_by_side(optimizer, oracle, 60, compare)


@QUIET
@pytest.mark.parametrize("diagonal", [False, True])
def test_the_path_stalls_where_that_of_pycma_does(diagonal: bool) -> None:
    d, size, tiny = 6, 10, 1e-3
    start = np.zeros((1, d), np.float32)
    optimizer: CmaEs | DiagonalCmaEs
    if diagonal:
        options = DiagonalCmaEsOptions(sigma0=tiny, population_size=size)
        optimizer, oracle = (
            DiagonalCmaEs(start, options),
            _pycma(d, size, tiny, CMA_diagonal=True, AdaptSigma=CMAAdaptSigmaCSA),
        )
    else:
        optimizer = CmaEs(start, CmaEsOptions(tiny, population_size=size, refresh_gap=0))
        oracle = _pycma(d, size, tiny, updatecovwait=0, AdaptSigma=CMAAdaptSigmaCSA)
        oracle.sm.C, oracle.sm.B, oracle.sm.D = np.eye(d), np.eye(d), np.ones(d)
    paths, rate = [np.zeros(d)], optimizer.constants.c_c

    def compare() -> None:
        state = optimizer.state_dict()
        np.testing.assert_allclose(state["path_c"], oracle.pc, rtol=0, atol=1e-6)
        np.testing.assert_allclose(state["sigma"], oracle.sigma, rtol=1e-6)
        if isinstance(optimizer, DiagonalCmaEs):
            found, expected = state["deviations"], oracle.sigma_vec.scaling
        else:
            found = optimizer.covariance()
            expected = np.tril(oracle.sm.C) + np.tril(oracle.sm.C, -1).T
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        paths.append(state["path_c"])

    _side_by_side(optimizer, oracle, 25, compare)
    stalled = [np.allclose(new, (1 - rate) * old) for old, new in itertools.pairwise(paths)]
    assert 2 <= sum(stalled) < 25


@pytest.mark.parametrize(("d", "population_size"), [(2, 3), (6, 10), (256, 28), (4096, 40)])
def test_the_constants_are_those_of_pycma(d: int, population_size: int) -> None:
    oracle = _pycma(d, population_size, CMA_diagonal=True, AdaptSigma=CMAAdaptSigmaCSA)
    two_point = CMAAdaptSigmaTPA(dimension=d, popsize=population_size).initialize()
    full, diagonal = full_constants(d, population_size), diagonal_constants(d, population_size)

    assert full.mu_eff == pytest.approx(oracle.sp.weights.mueff, rel=1e-12)
    assert full.chi == pytest.approx(cma.utilities.math.Mh.chiN(d), rel=1e-8)
    for ours, pycma in ((full, ""), (diagonal, "_sep")):
        found = (ours.c_c, ours.c_1, ours.c_mu)
        expected = [getattr(oracle.sp, name + pycma) for name in ("cc", "c1", "cmu")]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert ours.c_sigma == pytest.approx(oracle.adapt_sigma.cs, rel=1e-12)
        assert ours.damping == pytest.approx(oracle.adapt_sigma.damps, rel=1e-12)
        assert ours.tpa_damping == pytest.approx(two_point.sp.damp, rel=1e-12)


def test_the_constants_at_4096_dimensions_are_those_of_the_2022_study() -> None:
    full, diagonal = full_constants(4096, 40), diagonal_constants(4096, 40)

    assert (full.c_1, full.c_mu) == pytest.approx((1.191e-7, 1.149e-6), rel=5e-4)
    assert (full.c_c, full.c_sigma) == pytest.approx((9.76e-4, 0.00324), rel=1e-3)
    assert (full.damping, full.refresh_gap) == pytest.approx((1.0032, 19.25), rel=2e-4)
    assert (diagonal.c_1, diagonal.c_mu) == pytest.approx((2.367e-4, 2.214e-3), rel=5e-4)
    assert diagonal.c_c == pytest.approx(0.0157, abs=5e-5)


def test_mean_paths_and_covariance_are_those_of_purecma() -> None:
    d, population_size = 6, 10
    options = CmaEsOptions(population_size=population_size, refresh_gap=0)
    optimizer = CmaEs(np.zeros((1, d), np.float32), options)
    oracle = purecma.CMAES(d * [0.0], 2.0, popsize=population_size)
    near = 1e-8  # as exact as its own eigenvectors
    # It takes slightly other rates than pycma, no negative weights unless it is given them, and
    # another rule for the step size.
    rates = oracle.params
    rates.lazy_gap_evals = 0
    rates.weights = RecombinationWeights(population_size)
    rates.weights.finalize_negative_weights(d, rates.c1, rates.cmu)
    optimizer.constants = replace(
        optimizer.constants, c_c=rates.cc, c_sigma=rates.cs, c_1=rates.c1, c_mu=rates.cmu
    )
    advance(optimizer, 1, objective=lambda codes: np.zeros(len(codes)))
    for generation in range(40):
        shown = optimizer.ask(rng_of(generation), first_id=0)
        codes = shown.codes.astype(float)
        tell_all(optimizer, shown, _bent(codes))
        oracle.ask()
        oracle.tell(codes.tolist(), (-_bent(codes)).tolist())
        state = optimizer.state_dict()
        oracle.sigma = float(state["sigma"])

        np.testing.assert_allclose(state["mean"], oracle.xmean, rtol=0, atol=near)
        np.testing.assert_allclose(state["path_c"], oracle.pc, rtol=0, atol=near)
        np.testing.assert_allclose(state["path_sigma"], oracle.ps, rtol=0, atol=near)
        learned = [[oracle.C[i][j] for j in range(d)] for i in range(d)]
        np.testing.assert_allclose(optimizer.covariance(), learned, rtol=0, atol=near)
