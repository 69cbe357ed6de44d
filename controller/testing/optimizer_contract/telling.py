"""What an optimizer takes back: rows by id, nonsense refused, arguments left alone."""

import numpy as np
import pytest

from controller.optimizers.errors import AskTellError
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
)


class TellContract(ContractBase):
    """Obligations of `tell`."""

    def test_tell_without_ask_is_refused_and_names_the_call(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        (shown,) = advance(optimizer, 1)
        with pytest.raises(AskTellError, match="tell"):
            tell_all(optimizer, shown, distance_score(shown.codes))

    @pytest.mark.parametrize(
        ("told", "culprit"),
        [([0, 1, 2, 3, 77], "77"), ([0, 1, 2, 3, 3], "3"), ([0, 1, 2, 4], "3")],
        ids=["unknown", "repeated", "missing"],
    )
    def test_ids_that_do_not_match_are_refused_by_name(
        self, make_optimizer: OptimizerFactory, told: list[int], culprit: str
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        codes = optimizer.ask(rng_of(0), first_id=0).codes
        n = len(told)
        with pytest.raises(AskTellError, match=culprit):
            optimizer.tell(
                np.array(told), codes[:n], np.arange(n, dtype=float), np.ones(n, dtype=np.int64)
            )

    @pytest.mark.parametrize("fault", ["ids", "codes", "scores", "n_valid"])
    def test_rows_of_another_shape_are_refused(
        self, make_optimizer: OptimizerFactory, fault: str
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        shown = optimizer.ask(rng_of(0), first_id=0)
        ids, codes, scores = shown.ids, shown.codes, distance_score(shown.codes)
        n_valid = np.ones(5, dtype=np.int64)
        with pytest.raises(AskTellError, match=fault):
            optimizer.tell(
                ids[:, np.newaxis] if fault == "ids" else ids,
                codes[0] if fault == "codes" else codes,
                scores[:4] if fault == "scores" else scores,
                n_valid[:4] if fault == "n_valid" else n_valid,
            )

    @pytest.mark.parametrize("infinite", [np.inf, -np.inf])
    def test_an_infinite_score_is_refused(
        self, make_optimizer: OptimizerFactory, infinite: float
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        shown = optimizer.ask(rng_of(0), first_id=0)
        with pytest.raises(AskTellError, match="infinite"):
            tell_all(optimizer, shown, np.array([0.0, infinite, 0.0, 0.0, 0.0]))

    def test_a_refused_tell_changes_nothing(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        advance(optimizer, 2)
        shown = optimizer.ask(rng_of(2), first_id=200)
        before = optimizer.state_dict()
        with pytest.raises(AskTellError):
            tell_all(optimizer, shown, np.full(len(shown.ids), np.inf))

        assert_same_state(before, optimizer.state_dict())

    def test_tell_leaves_its_arguments_as_they_were(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "minimise")
        for generation in range(3):
            shown = optimizer.ask(rng_of(generation), first_id=0)
            n = len(shown.ids)
            scores = distance_score(shown.codes)
            scores[0] = np.nan
            passed = (shown.ids[::-1].copy(), shown.codes[::-1].copy(), scores, np.ones(n, int))
            kept = [array.copy() for array in passed]
            optimizer.tell(*passed)
            for array, copy in zip(passed, kept, strict=True):
                np.testing.assert_array_equal(array, copy)

    def test_tell_keeps_no_view_of_its_arguments(self, make_optimizer: OptimizerFactory) -> None:
        careful, careless = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        advance(careful, 2)
        for generation in range(2):
            shown = careless.ask(rng_of(generation), first_id=100 * generation)
            codes, scores = shown.codes.copy(), distance_score(shown.codes)
            careless.tell(shown.ids, codes, scores, np.ones(len(codes), dtype=np.int64))
            codes[:], scores[:] = 0.0, 0.0

        assert_same_state(careful.state_dict(), careless.state_dict())

    def test_the_order_of_told_rows_does_not_matter(self, make_optimizer: OptimizerFactory) -> None:
        straight, shuffled = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        for generation in range(5):
            left, right = (o.ask(rng_of(generation), first_id=7) for o in (straight, shuffled))
            np.testing.assert_array_equal(left.codes, right.codes)
            # Rounded, so that some scores are tied.
            scores = np.round(distance_score(left.codes), 1)
            tell_all(straight, left, scores)
            order = np.random.default_rng(generation).permutation(len(scores))
            ones = np.ones(len(scores), dtype=np.int64)
            shuffled.tell(right.ids[order], right.codes[order], scores[order], ones)

        assert_same_state(straight.state_dict(), shuffled.state_dict())

    def test_tell_learns_from_the_codes_told_not_from_those_asked(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        # A replay on another machine may ask for codes that differ in the last bit from the log's.
        optimizers = [make_optimizer(initial_codes(5), "maximise") for _ in range(2)]
        history = advance(optimizers[0], 4)
        for generation, logged in enumerate(history):
            optimizers[1].ask(rng_of(generation, seed=99), first_id=100 * generation)
            tell_all(optimizers[1], logged, distance_score(logged.codes))

        assert_same_state(optimizers[0].state_dict(), optimizers[1].state_dict())

    def test_minimising_is_maximising_the_negated_scores(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        up = advance(make_optimizer(initial_codes(5), "maximise"), 5)
        down = advance(
            make_optimizer(initial_codes(5), "minimise"),
            5,
            objective=lambda codes: -distance_score(codes),
        )

        for left, right in zip(up, down, strict=True):
            np.testing.assert_array_equal(left.codes, right.codes)
