"""What must not matter to CMA-ES: rotation (full only), translation and the scale of scores.

Each property runs two optimizers side by side and tells the second one changed codes or scores; the
search depends on what it is told only, so the proposals of the second need no changed randomness.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimizers.base import Codes, Floats
from controller.optimizers.cma.diagonal import DiagonalCmaEs, DiagonalCmaEsOptions
from controller.optimizers.cma.full import CmaEs, CmaEsOptions
from controller.testing.optimizer_runs import rng_of

D = 6
SEEDS = st.integers(0, 2**16)
few = settings(max_examples=8, deadline=None)

Change: TypeAlias = Callable[[Floats], Floats]
Either: TypeAlias = CmaEs | DiagonalCmaEs


def _full() -> CmaEs:
    return CmaEs(np.zeros((1, D), np.float32), CmaEsOptions(sigma0=0.5, refresh_gap=1.5))


def _diagonal() -> DiagonalCmaEs:
    options = DiagonalCmaEsOptions(sigma0=0.5, step_size="tpa")
    return DiagonalCmaEs(np.zeros((1, D), np.float32), options)


def _as_it_was(values: Floats) -> Floats:
    return values


def _pair(
    make: Callable[[], Either],
    seed: int,
    change_codes: Change = _as_it_was,
    change_scores: Change = _as_it_was,
) -> tuple[Either, Either]:
    """Two searches after ten generations: one, and one that was told changed values."""
    optimizers = make(), make()
    for generation in range(10):
        shown, _ = (o.ask(rng_of(generation, seed), first_id=0) for o in optimizers)
        # On a grid of 1/1024, so that translations are exact in float32.
        codes = (np.round(shown.codes * 1024) / 1024).astype(np.float32)
        scores = rng_of(generation, seed + 1).standard_normal(len(codes))
        changed: Codes = change_codes(codes.astype(float)).astype(np.float32)
        ones = np.ones(len(codes), dtype=np.int64)
        optimizers[0].tell(shown.ids, codes, scores, ones)
        optimizers[1].tell(shown.ids, changed, change_scores(scores), ones)
    return optimizers


@few
@given(seed=SEEDS)
def test_a_rotated_problem_gives_the_rotated_search(seed: int) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((D, D)))
    searches = _pair(_full, seed, change_codes=lambda codes: codes @ rotation)
    plain, rotated = (search.state_dict() for search in searches)

    assert rotated["sigma"] == pytest.approx(float(plain["sigma"]), rel=1e-4)
    for name in ("mean", "path_sigma", "path_c"):
        np.testing.assert_allclose(rotated[name], plain[name] @ rotation, atol=1e-4)
    left, right = (search.covariance() for search in searches if isinstance(search, CmaEs))
    np.testing.assert_allclose(right, rotation.T @ left @ rotation, atol=1e-4)


@pytest.mark.parametrize("make", [_full, _diagonal])
@few
@given(seed=SEEDS, shift=st.integers(-64, 64))
def test_a_shifted_problem_gives_the_shifted_search(
    make: Callable[[], Either], seed: int, shift: int
) -> None:
    searches = _pair(make, seed, change_codes=lambda codes: codes + shift)
    plain, shifted = (search.state_dict() for search in searches)

    np.testing.assert_allclose(shifted["mean"], plain["mean"] + shift, atol=1e-8)
    for name in ("sigma", "path_sigma", "path_c"):
        np.testing.assert_allclose(shifted[name], plain[name], atol=1e-8)


@pytest.mark.parametrize("make", [_full, _diagonal])
@few
@given(seed=SEEDS, change=st.sampled_from([np.exp, np.arctan, lambda s: 7.0 * s - 3.0]))
def test_only_the_order_of_the_scores_counts(
    make: Callable[[], Either], seed: int, change: Change
) -> None:
    plain, bent = (search.state_dict() for search in _pair(make, seed, change_scores=change))

    for name in plain.keys() - {"best_score"}:
        np.testing.assert_array_equal(plain[name], bent[name], err_msg=name)
