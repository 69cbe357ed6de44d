"""What scores an optimizer survives: missing, tied, of unequal counts, or none at all."""

import numpy as np
import pytest

from controller.testing.optimizer_contract.common import (
    ContractBase,
    OptimizerFactory,
    assert_same_state,
)
from controller.testing.optimizer_runs import (
    advance,
    distance_score,
    initial_codes,
    rng_of,
    tell_all,
    tell_with_gaps,
)


class ScoresContract(ContractBase):
    """Obligations to scores as neurons give them."""

    @pytest.mark.parametrize("placeholder", [np.nan, 1e6, -1e6])
    def test_a_missing_score_carries_no_weight_whatever_stands_in_its_place(
        self, make_optimizer: OptimizerFactory, placeholder: float
    ) -> None:
        optimizer, other = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        for generation in range(3):
            shown = optimizer.ask(rng_of(generation), first_id=0)
            other.ask(rng_of(generation), first_id=0)
            tell_with_gaps(optimizer, shown, np.array([0, 3]), placeholder)
            tell_with_gaps(other, shown, np.array([0, 3]), 0.0)

        assert_same_state(optimizer.state_dict(), other.state_dict())
        assert optimizer.summary()["best_score"] < 0.0
        assert optimizer.summary()["n_missing"] == 2.0

    def test_a_generation_with_one_score_is_survived(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        for generation in range(4):
            shown = optimizer.ask(rng_of(generation), first_id=0)
            tell_with_gaps(optimizer, shown, np.arange(1, len(shown.ids)), np.nan)

        assert np.isfinite(optimizer.ask(rng_of(4), first_id=0).codes).all()

    @pytest.mark.parametrize("n_initial", [1, 5])
    @pytest.mark.parametrize("n_before", [0, 3])
    def test_generations_without_any_score_are_survived_and_proposed_afresh(
        self, make_optimizer: OptimizerFactory, n_initial: int, n_before: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(n_initial), "maximise")
        advance(optimizer, n_before)
        before = optimizer.summary().get("best_score")
        for generation in range(n_before, n_before + 3):
            shown = optimizer.ask(rng_of(generation), first_id=0)
            tell_all(optimizer, shown, np.full(len(shown.ids), np.nan))
        following = advance(optimizer, 2)[-1]

        assert np.isfinite(following.codes).all()
        assert optimizer.generation == n_before + 5
        assert before is None or optimizer.summary()["best_score"] >= before
        if n_before:
            assert not np.array_equal(shown.codes, following.codes)

    def test_counts_of_presentations_may_differ_from_code_to_code(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        straight, shuffled = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        for generation in range(4):
            luck = np.random.default_rng(generation)
            left, right = (o.ask(rng_of(generation), first_id=7) for o in (straight, shuffled))
            scores, n_valid = distance_score(left.codes), luck.integers(0, 6, len(left.ids))
            scores[n_valid == 0] = np.nan
            order = luck.permutation(len(scores))
            straight.tell(left.ids, left.codes, scores, n_valid)
            shuffled.tell(right.ids[order], right.codes[order], scores[order], n_valid[order])

        assert np.isfinite(straight.ask(rng_of(4), first_id=7).codes).all()
        shuffled.ask(rng_of(4), first_id=7)
        assert_same_state(straight.state_dict(), shuffled.state_dict())

    @pytest.mark.parametrize("n_tied", [2, 5, None])
    def test_tied_scores_give_no_code_an_advantage_by_its_id(
        self, make_optimizer: OptimizerFactory, n_tied: int | None
    ) -> None:
        # The same codes with the same scores, under ids that are exchanged among the tied ones.
        left, right = (make_optimizer(initial_codes(12), "maximise") for _ in range(2))
        shown, _ = (optimizer.ask(rng_of(0), first_id=0) for optimizer in (left, right))
        tied = np.arange(12)[:n_tied]
        scores = -np.arange(12.0)
        scores[tied] = 3.0
        exchanged = np.arange(12)
        exchanged[tied] = tied[::-1]
        tell_all(left, shown, scores)
        right.tell(shown.ids[exchanged], shown.codes, scores, np.ones(12, dtype=np.int64))

        assert left.summary() == pytest.approx(right.summary(), rel=1e-5, abs=1e-5)

    def test_equal_scores_everywhere_are_survived(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        history = advance(optimizer, 4, objective=lambda codes: np.zeros(len(codes)))

        assert np.isfinite(history[-1].codes).all()
