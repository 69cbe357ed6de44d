"""Rank weights against the published numbers, and the sharing of weights among ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimizers.ranking import effective_parents, rank_weights, share_by_rank


def test_the_weights_of_twenty_parents_are_the_published_ones() -> None:
    weights = rank_weights(20)

    assert weights[[0, 1, 2]] == pytest.approx([0.1671, 0.1288, 0.1063], abs=5e-5)
    assert weights[19] == pytest.approx(0.00137, abs=5e-6)
    assert weights.sum() == pytest.approx(1.0)
    assert np.square(weights).sum() == pytest.approx(0.0884, abs=5e-5)
    assert effective_parents(weights) == pytest.approx(11.309, abs=5e-4)


def test_the_best_score_gets_the_largest_weight() -> None:
    scores = np.array([1.0, 9.0, 5.0, 0.0])
    shared = share_by_rank(scores, np.full(4, True), np.array([0.7, 0.3]))

    np.testing.assert_array_equal(shared, [0.0, 0.7, 0.3, 0.0])


def test_tied_codes_share_the_mean_weight_of_their_ranks() -> None:
    scores = np.array([5.0, 9.0, 5.0, 5.0])
    shared = share_by_rank(scores, np.full(4, True), np.array([0.6, 0.3, 0.1]))

    np.testing.assert_allclose(shared, [0.4 / 3, 0.6, 0.4 / 3, 0.4 / 3])


@settings(max_examples=50, deadline=None)
@given(
    ranks=st.lists(st.integers(0, 4), min_size=1, max_size=20),
    missing=st.sets(st.integers(0, 19)),
    seed=st.integers(0, 1000),
)
def test_weights_follow_their_codes_through_any_order(
    ranks: list[int], missing: set[int], seed: int
) -> None:
    scores = np.array(ranks, dtype=float)
    valid = np.array([i == 0 or i not in missing for i in range(scores.size)])
    weights = rank_weights(max(1, int(valid.sum()) // 2))
    shared = share_by_rank(scores, valid, weights)
    order = np.random.default_rng(seed).permutation(scores.size)

    np.testing.assert_array_equal(
        share_by_rank(scores[order], valid[order], weights), shared[order]
    )
    assert shared.sum() == pytest.approx(1.0)
    assert not shared[~valid].any()
