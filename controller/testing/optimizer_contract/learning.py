"""That an optimizer climbs, and that the scores are why."""

import numpy as np
import pytest

from controller.testing.optimizer_contract.common import ContractBase, OptimizerFactory
from controller.testing.optimizer_runs import advance, distance_score, initial_codes


class LearningContract(ContractBase):
    """The scores must rise by more than the search does when it learns nothing."""

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_it_climbs_further_than_with_shuffled_scores(
        self, make_optimizer: OptimizerFactory, seed: int
    ) -> None:
        luck = np.random.default_rng(seed)
        learning = advance(make_optimizer(initial_codes(20), "maximise"), 40, seed)
        null = advance(
            make_optimizer(initial_codes(20), "maximise"),
            40,
            seed,
            objective=lambda codes: luck.permutation(distance_score(codes)),
        )

        first, last = (distance_score(learning[g].codes).mean() for g in (0, -1))
        assert last > first
        assert last > distance_score(null[-1].codes).mean() + 1.0
