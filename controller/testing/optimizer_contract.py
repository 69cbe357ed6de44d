"""What every optimizer must do, as tests that the author of a new one runs by writing one fixture.

    class TestMine(LearningOptimizerContract):
        @pytest.fixture
        def make_optimizer(self) -> OptimizerFactory:
            return lambda initial_codes, direction: Mine(initial_codes, direction=direction)

`OptimizerContract` holds for all, `LearningOptimizerContract` also for those that climb. Both use a
few small dimensions, so options should not tie the optimizer to one. What is left out: whether the
search is the published one; only a comparison with an independent implementation shows that.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from controller.optimizers.base import SUMMARY_KEYS, Codes, Direction, Optimizer, State
from controller.optimizers.errors import AskTellError, OptimizerError, OptimizerStateError
from controller.testing.optimizer_runs import (
    CODE_DIM,
    advance,
    distance_score,
    initial_codes,
    rng_of,
    tell_all,
    tell_with_gaps,
)

OptimizerFactory: TypeAlias = Callable[[Codes, Direction], Optimizer]


def assert_same_state(left: State, right: State) -> None:
    """Check that two saved states have the same fields, bit for bit."""
    assert left.keys() == right.keys()
    for name, field in left.items():
        assert field.dtype == right[name].dtype, name
        np.testing.assert_array_equal(field, right[name], err_msg=name, strict=True)


class OptimizerContract:
    """Obligations of every optimizer; subclass it with a fixture `make_optimizer`."""

    @pytest.fixture
    def make_optimizer(self) -> OptimizerFactory:
        """Return a function (initial_codes, direction) -> optimizer; the subclass writes it."""
        raise NotImplementedError("write a fixture `make_optimizer` in your subclass")

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

    @pytest.mark.parametrize("direction", ["maximise", "minimise"])
    def test_best_score_is_in_the_callers_direction(
        self, make_optimizer: OptimizerFactory, direction: Direction
    ) -> None:
        optimizer = make_optimizer(initial_codes(5), direction)
        shown = optimizer.ask(rng_of(0), first_id=0)
        tell_all(optimizer, shown, np.array([3.0, np.nan, 5.0, 4.0, 3.5]))

        expected = {"maximise": 5.0, "minimise": 3.0}[direction]
        assert optimizer.summary()["best_score"] == expected

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


class LearningOptimizerContract(OptimizerContract):
    """The same, and the scores must rise by more than the search does when it learns nothing."""

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
