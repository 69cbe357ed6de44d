"""The contract suite fails on optimizers that break it: one fault per obligation.

Each faulty optimizer is the random search or the genetic algorithm with one thing wrong.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from controller.optimizers import Codes, Direction, Floats, Ids, Optimizer, Population, State
from controller.optimizers.genetic import Genetic
from controller.optimizers.random_search import RandomSearch
from controller.testing.optimizer_contract import LearningOptimizerContract, WorksAheadContract


class ForgetsTheOrderOfCalls(RandomSearch):
    def ask(self, rng: np.random.Generator, first_id: int) -> Population:
        self._guard.state = type(self._guard.state)(
            self.generation, np.empty(0, np.int64), np.nan, np.nan, 0
        )
        return super().ask(rng, first_id)


class MatchesRowsByPosition(Genetic):
    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        super().tell(np.sort(ids), codes, scores, n_valid)


class LearnsFromMissingScores(Genetic):
    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        super().tell(ids, codes, scores, np.ones_like(n_valid))


class RanksMissingScoresBest(Genetic):
    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        super().tell(ids, codes, np.nan_to_num(scores, nan=1e9), np.ones_like(n_valid))


class SortsTheCallersScores(RandomSearch):
    def tell(self, ids: Ids, codes: Codes, scores: Floats, n_valid: Ids) -> None:
        super().tell(ids, codes, scores, n_valid)
        scores.sort()


class HasItsOwnRandomness(RandomSearch):
    def ask(self, rng: np.random.Generator, first_id: int) -> Population:
        rng = np.random.default_rng()
        return super().ask(rng, first_id)


class IgnoresTheRng(RandomSearch):
    def ask(self, rng: np.random.Generator, first_id: int) -> Population:
        rng = np.random.default_rng(0)
        return super().ask(rng, first_id)


class HandsOutItsMemory(RandomSearch):
    def ask(self, rng: np.random.Generator, first_id: int) -> Population:
        shown = super().ask(rng, first_id)
        return Population(shown.ids, shown.codes.copy())


class IgnoresTheDirection(Genetic):
    def __init__(self, initial_codes: Codes, direction: Direction) -> None:
        super().__init__(initial_codes, direction="maximise" if direction else direction)


class ForgetsWhatItLearned(Genetic):
    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self._parents = None


class SavesViewsOfItsState(Genetic):
    def __init__(self, initial_codes: Codes, direction: Direction) -> None:
        super().__init__(initial_codes, direction=direction)
        self._counter = np.zeros((), dtype=np.int64)

    def ask(self, rng: np.random.Generator, first_id: int) -> Population:
        self._counter += 1
        return super().ask(rng, first_id)

    def state_dict(self) -> State:
        return super().state_dict() | {"counter": self._counter}


class LearnsWhileItWorksAhead(Genetic):
    def prepare(self, rng: np.random.Generator) -> None:
        self._guard.state = replace(self._guard.state, best_score=rng.random())


Faulty = Callable[[Codes, Direction], Optimizer]

SUITE, AHEAD = LearningOptimizerContract(), WorksAheadContract()
FAULTS: list[tuple[type[RandomSearch | Genetic], Callable[[Faulty], None]]] = [
    (ForgetsTheOrderOfCalls, SUITE.test_ask_after_ask_is_refused_and_names_the_call),
    (MatchesRowsByPosition, SUITE.test_the_order_of_told_rows_does_not_matter),
    (
        LearnsFromMissingScores,
        lambda make: SUITE.test_a_missing_score_carries_no_weight_whatever_stands_in_its_place(
            make, 1e6
        ),
    ),
    (
        RanksMissingScoresBest,
        lambda make: SUITE.test_a_missing_score_carries_no_weight_whatever_stands_in_its_place(
            make, np.nan
        ),
    ),
    (SortsTheCallersScores, SUITE.test_tell_leaves_its_arguments_as_they_were),
    (HasItsOwnRandomness, SUITE.test_the_same_rng_gives_the_same_codes),
    (IgnoresTheRng, SUITE.test_another_rng_gives_other_codes),
    (HandsOutItsMemory, SUITE.test_arrays_handed_out_are_read_only),
    (IgnoresTheDirection, SUITE.test_minimising_is_maximising_the_negated_scores),
    (
        ForgetsWhatItLearned,
        lambda make: SUITE.test_a_saved_state_continues_bit_for_bit(make, 3, False),
    ),
    (LearnsWhileItWorksAhead, AHEAD.test_working_ahead_changes_nothing_but_the_time),
    (Genetic, AHEAD.test_it_works_ahead),
    (SavesViewsOfItsState, SUITE.test_a_saved_state_stays_as_it_was),
    (
        RandomSearch,
        lambda make: SUITE.test_it_climbs_further_than_with_shuffled_scores(make, 0),
    ),
]


@pytest.mark.parametrize(("faulty", "test"), FAULTS)
def test_a_faulty_optimizer_fails(
    faulty: type[RandomSearch | Genetic], test: Callable[[Faulty], None]
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(lambda codes, direction: faulty(codes, direction=direction))
