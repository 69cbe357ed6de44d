"""What must not matter to Cholesky CMA-ES: rotation, translation and the scale of scores.

Each property runs two optimizers side by side and tells the second one changed codes or scores; the
search depends on what it is told only, so the proposals of the second need no changed randomness.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimizers import Codes, Floats, State
from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from controller.optimizers.cma.factor import CholeskyFactor
from controller.optimizers.saved_state import StateReader
from controller.testing.optimizer_runs import rng_of

D = 6
SEEDS = st.integers(0, 2**16)
few = settings(max_examples=12, deadline=None)

Change = Callable[[Floats], Floats]


def _as_it_was(values: Floats) -> Floats:
    return values


def _pair(
    seed: int, change_codes: Change = _as_it_was, change_scores: Change = _as_it_was
) -> tuple[State, State]:
    """States after ten generations: of one search, and of one that was told changed values."""
    options = CholeskyCmaEsOptions(sigma0=0.5, update_period=0)
    optimizers = [CholeskyCmaEs(np.zeros((1, D), np.float32), options) for _ in range(2)]
    for generation in range(10):
        shown, _ = (o.ask(rng_of(generation, seed), first_id=0) for o in optimizers)
        # On a grid of 1/1024, so that translations are exact in float32.
        codes = (np.round(shown.codes * 1024) / 1024).astype(np.float32)
        scores = rng_of(generation, seed + 1).standard_normal(len(codes))
        changed: Codes = change_codes(codes.astype(float)).astype(np.float32)
        ones = np.ones(len(codes), dtype=np.int64)
        optimizers[0].tell(shown.ids, codes, scores, ones)
        optimizers[1].tell(shown.ids, changed, change_scores(scores), ones)
    return optimizers[0].state_dict(), optimizers[1].state_dict()


def _covariance(state: State) -> Floats:
    factor, _ = CholeskyFactor.read(StateReader(state), D).matrices()
    covariance: Floats = factor.T @ factor
    return covariance


@few
@given(seed=SEEDS)
def test_a_rotated_problem_gives_the_rotated_search(seed: int) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((D, D)))
    plain, rotated = _pair(seed, change_codes=lambda codes: codes @ rotation)

    assert rotated["sigma"] == pytest.approx(float(plain["sigma"]), rel=1e-5)
    for name in ("mean", "path_sigma", "path_c"):
        np.testing.assert_allclose(rotated[name], plain[name] @ rotation, atol=1e-5)
    expected = rotation.T @ _covariance(plain) @ rotation
    np.testing.assert_allclose(_covariance(rotated), expected, atol=1e-5)


@few
@given(seed=SEEDS, shift=st.integers(-64, 64))
def test_a_shifted_problem_gives_the_shifted_search(seed: int, shift: int) -> None:
    plain, shifted = _pair(seed, change_codes=lambda codes: codes + shift)

    np.testing.assert_allclose(shifted["mean"], plain["mean"] + shift, atol=1e-9)
    for name in ("sigma", "path_sigma", "path_c"):
        np.testing.assert_allclose(shifted[name], plain[name], atol=1e-9)
    np.testing.assert_allclose(_covariance(shifted), _covariance(plain), atol=1e-9)


@few
@given(seed=SEEDS, change=st.sampled_from([np.exp, np.arctan, lambda s: 7.0 * s - 3.0]))
def test_only_the_order_of_the_scores_counts(seed: int, change: Change) -> None:
    plain, bent = _pair(seed, change_scores=change)

    for name in plain.keys() - {"best_score"}:
        np.testing.assert_array_equal(plain[name], bent[name], err_msg=name)
