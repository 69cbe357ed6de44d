"""What an optimizer may have besides: work that does not depend on scores."""

import numpy as np

from controller.optimizers.base import WorksAhead, work_ahead
from controller.testing.optimizer_contract.common import (
    ContractBase,
    OptimizerFactory,
    assert_same_state,
)
from controller.testing.optimizer_runs import initial_codes, rng_of, tell_with_gaps


class WorksAheadContract(ContractBase):
    """Obligations of `prepare`, for an optimizer or a wrapper that has it."""

    def test_it_works_ahead(self, make_optimizer: OptimizerFactory) -> None:
        assert isinstance(make_optimizer(initial_codes(5), "maximise"), WorksAhead)

    def test_working_ahead_changes_nothing_but_the_time(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        plain, ahead = (make_optimizer(initial_codes(5), "maximise") for _ in range(2))
        work_ahead(ahead, rng_of(0))
        for generation in range(12):
            left, right = (one.ask(rng_of(generation), first_id=0) for one in (plain, ahead))
            np.testing.assert_array_equal(left.codes, right.codes)
            if generation % 4 != 3:
                # Also with a generator of random numbers that is not the one to come.
                work_ahead(ahead, rng_of(generation + (generation % 4 != 2)))
            missing = np.array([generation % len(left.ids)])
            for one, shown in ((plain, left), (ahead, right)):
                tell_with_gaps(one, shown, missing, np.nan)

        assert_same_state(plain.state_dict(), ahead.state_dict())
