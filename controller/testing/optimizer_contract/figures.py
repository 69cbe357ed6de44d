"""What an optimizer tells the operator: known figures, finite, in the caller's direction."""

import numpy as np
import pytest

from controller.optimizers.base import SUMMARY_KEYS, Direction
from controller.testing.optimizer_contract.common import ContractBase, OptimizerFactory
from controller.testing.optimizer_runs import advance, initial_codes, rng_of, tell_all


class SummaryContract(ContractBase):
    """Obligations of `summary` and `stop_reasons`."""

    @pytest.mark.parametrize("direction", ["maximise", "minimise"])
    def test_best_score_is_in_the_callers_direction(
        self, make_optimizer: OptimizerFactory, direction: Direction
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), direction)
        shown = optimizer.ask(rng_of(0), first_id=0)
        tell_all(optimizer, shown, np.array([3.0, np.nan, 5.0, 4.0, 3.5]))

        expected = {"maximise": 5.0, "minimise": 3.0}[direction]
        assert optimizer.summary()["best_score"] == expected

    def test_the_summary_holds_plain_finite_numbers(self, make_optimizer: OptimizerFactory) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        advance(optimizer, 3)

        assert {type(value) for value in optimizer.summary().values()} == {float}
        assert np.isfinite(list(optimizer.summary().values())).all()

    @pytest.mark.parametrize("n_generations", [0, 1, 3])
    def test_the_summary_holds_known_figures_only(
        self, make_optimizer: OptimizerFactory, n_generations: int
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        assert optimizer.summary().keys() <= SUMMARY_KEYS.keys()
        advance(optimizer, n_generations)

        assert optimizer.summary().keys() <= SUMMARY_KEYS.keys()
        if n_generations:
            assert optimizer.summary().keys() >= {"best_score", "code_norm", "n_missing"}

    def test_a_mean_code_that_moves_is_told_with_its_distance_and_angle(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), "maximise")
        norms = []
        for generation in range(4):
            advance(optimizer, 1)
            figures = optimizer.summary()
            if "mean_norm" not in figures:
                return
            norms.append(figures["mean_norm"])
            if generation:
                before, now, step = norms[-2], norms[-1], figures["step_norm"]
                assert abs(now - before) - 1e-6 <= step <= now + before + 1e-6
                angle = np.radians(figures.get("step_angle_deg", np.nan))
                by_law_of_cosines = now**2 + before**2 - 2.0 * now * before * np.cos(angle)
                assert np.isnan(angle) or step**2 == pytest.approx(by_law_of_cosines, abs=1e-4)

        shown = optimizer.ask(rng_of(4), first_id=0)
        tell_all(optimizer, shown, np.full(len(shown.ids), np.nan))
        assert optimizer.summary()["step_norm"] == 0.0
        assert optimizer.summary().get("step_angle_deg", 0.0) == 0.0

    def test_a_fresh_optimizer_has_no_reason_to_stop(
        self, make_optimizer: OptimizerFactory
    ) -> None:
        assert make_optimizer(initial_codes(5), "maximise").stop_reasons() == ()
