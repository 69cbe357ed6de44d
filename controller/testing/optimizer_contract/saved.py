"""What an optimizer saves: all that it is, so that it continues bit for bit."""

import numpy as np
import pytest

from controller.optimizers.errors import OptimizerStateError
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


class StateContract(ContractBase):
    """Obligations of `state_dict` and `load_state_dict`."""

    @pytest.mark.parametrize("n_before", [0, 1, 3])
    @pytest.mark.parametrize("asked", [False, True])
    def test_a_saved_state_continues_bit_for_bit(
        self, make_optimizer: OptimizerFactory, n_before: int, asked: bool
    ) -> None:
        original, copy = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        advance(original, n_before)
        shown = original.ask(rng_of(n_before), first_id=7) if asked else None
        copy.load_state_dict(original.state_dict())
        assert copy.summary() == original.summary()
        if shown is not None:
            for optimizer in (original, copy):
                tell_all(optimizer, shown, distance_score(shown.codes))
        for left, right in zip(advance(original, 3), advance(copy, 3), strict=True):
            np.testing.assert_array_equal(left.codes, right.codes)

        assert_same_state(original.state_dict(), copy.state_dict())

    def test_a_saved_state_stays_as_it_was(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        advance(optimizer, 2)
        saved = optimizer.state_dict()
        kept = {name: field.copy() for name, field in saved.items()}
        advance(optimizer, 2)

        assert_same_state(kept, saved)

    def test_a_state_of_another_dimension_is_refused_and_changes_nothing(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        other = make_optimizer(initial_codes(5, CODE_DIM + 1), "maximise")
        advance(optimizer, 2)
        shown = other.ask(rng_of(0), first_id=0)
        tell_all(other, shown, np.arange(5.0))
        before = optimizer.state_dict()
        with pytest.raises(OptimizerStateError):
            optimizer.load_state_dict(other.state_dict())

        assert_same_state(before, optimizer.state_dict())

    @pytest.mark.parametrize("change", ["lost", "added"])
    def test_a_state_with_other_fields_is_refused(
        self, make_optimizer: OptimizerFactory, change: str
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        state = optimizer.state_dict()
        if change == "lost":
            del state[min(state)]
        else:
            state["nonsense"] = np.zeros(1)
        with pytest.raises(OptimizerStateError):
            optimizer.load_state_dict(state)
