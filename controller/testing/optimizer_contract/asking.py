"""What an optimizer hands out: initial codes first, sizes, ids, types, randomness."""

import numpy as np
import pytest

from controller.optimizers.errors import AskTellError, OptimizerError
from controller.testing.optimizer_contract.common import (
    ContractBase,
    OptimizerFactory,
    assert_same_state,
)
from controller.testing.optimizer_runs import (
    CODE_DIM,
    advance,
    distance_score,
    initial_codes,
    rng_of,
    tell_all,
)


class AskContract(ContractBase):
    """Obligations of `ask`."""

    def test_code_dim_is_that_of_the_initial_codes(self, make_optimizer: OptimizerFactory) -> None:
        assert make_optimizer(initial_codes(5, 9), "maximise").code_dim == 9

    def test_generation_counts_completed_tells(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        assert optimizer.generation == 0
        advance(optimizer, 2)
        optimizer.ask(rng_of(2), first_id=200)

        assert optimizer.generation == 2

    @pytest.mark.parametrize("n_initial", [1, 2, 5, 70])
    def test_the_first_generation_shows_the_initial_codes(
        self, make_optimizer: OptimizerFactory, n_initial: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(n_initial), "maximise")
        first, second = advance(optimizer, 2)

        np.testing.assert_array_equal(first.codes, initial_codes(n_initial))
        assert second.codes.shape == (optimizer.population_size, CODE_DIM)

    def test_initial_codes_of_one_dimension_are_refused(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        with pytest.raises(OptimizerError):
            make_optimizer(initial_codes(1)[0], "maximise")

    def test_ids_are_consecutive_from_first_id(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        advance(optimizer, 1)
        shown = optimizer.ask(rng_of(1), first_id=41)

        np.testing.assert_array_equal(shown.ids, 41 + np.arange(optimizer.population_size))

    @pytest.mark.parametrize("n", [1, 2, 3, 17])
    def test_a_generation_can_have_another_size_for_once(
        self, make_optimizer: OptimizerFactory, n: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        advance(optimizer, 2)
        usual = optimizer.population_size
        shown = optimizer.ask(rng_of(2), first_id=200, n=n)
        tell_all(optimizer, shown, distance_score(shown.codes))
        following = optimizer.ask(rng_of(3), first_id=300)

        assert shown.codes.shape == (n, CODE_DIM)
        np.testing.assert_array_equal(shown.ids, 200 + np.arange(n))
        assert len(following.ids) == optimizer.population_size == usual
        assert np.isfinite(following.codes).all()

    def test_asking_for_the_usual_size_is_asking_for_none(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        by_itself, by_number = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        for generation in range(4):
            size = by_number.population_size
            left = by_itself.ask(rng_of(generation), first_id=0)
            right = by_number.ask(rng_of(generation), first_id=0, n=size)
            np.testing.assert_array_equal(left.codes, right.codes)
            for optimizer, shown in ((by_itself, left), (by_number, right)):
                tell_all(optimizer, shown, distance_score(shown.codes))

        assert_same_state(by_itself.state_dict(), by_number.state_dict())

    @pytest.mark.parametrize("n", [0, -3])
    def test_a_generation_of_no_codes_is_refused(
        self, make_optimizer: OptimizerFactory, n: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        with pytest.raises(AskTellError, match=str(n)):
            optimizer.ask(rng_of(0), first_id=0, n=n)

    def test_codes_are_float32_and_ids_int64(self, make_optimizer: OptimizerFactory) -> None:
        for shown in advance(make_optimizer(initial_codes(5), "maximise"), 2):
            assert shown.codes.dtype == np.dtype(np.float32)
            assert shown.ids.dtype == np.dtype(np.int64)

    def test_arrays_handed_out_are_read_only(self, make_optimizer: OptimizerFactory) -> None:
        for shown in advance(make_optimizer(initial_codes(5), "maximise"), 2):
            with pytest.raises(ValueError, match="read-only"):
                shown.codes[0] = 0.0
            with pytest.raises(ValueError, match="read-only"):
                shown.ids[0] = 0

    def test_the_callers_initial_codes_can_change_afterwards(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        codes = initial_codes(5)
        optimizer = make_optimizer(codes, "maximise")
        codes[:] = 0.0

        np.testing.assert_array_equal(optimizer.ask(rng_of(0), first_id=0).codes, initial_codes(5))

    def test_the_same_rng_gives_the_same_codes(self, make_optimizer: OptimizerFactory) -> None:
        twins = [advance(make_optimizer(initial_codes(5), "maximise"), 5) for _ in range(2)]

        for left, right in zip(*twins, strict=True):
            np.testing.assert_array_equal(left.codes, right.codes)

    def test_another_rng_gives_other_codes(self, make_optimizer: OptimizerFactory) -> None:
        left, right = (
            advance(make_optimizer(initial_codes(5), "maximise"), 2, seed)[-1] for seed in (0, 1)
        )

        assert not np.array_equal(left.codes, right.codes)

    def test_ask_after_ask_is_refused_and_names_the_call(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        shown = optimizer.ask(rng_of(0), first_id=0)
        with pytest.raises(AskTellError, match="ask"):
            optimizer.ask(rng_of(0), first_id=5)
        tell_all(optimizer, shown, distance_score(shown.codes))

        assert optimizer.generation == 1
