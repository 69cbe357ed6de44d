"""The guard's own refusals, beyond what the contract suite asks of every optimizer."""

import numpy as np
import pytest

from controller.optimizers import AskTellError, OptimizerOptionError
from controller.optimizers.errors import OptimizerStateError
from controller.optimizers.guard import AskTellGuard, checked_initial_codes
from controller.optimizers.random_search import RandomSearch
from controller.optimizers.saved_state import StateReader

IDS = np.arange(3)
CODES = np.zeros((3, 2), np.float32)
SCORES = np.array([2.0, 0.0, 1.0])
ONES = np.ones(3, dtype=np.int64)


def _open_guard() -> AskTellGuard:
    guard = AskTellGuard(2, "maximise")
    guard.open(CODES, first_id=0)
    return guard


def test_rows_come_back_sorted_by_id_with_missing_scores_as_nan() -> None:
    told = _open_guard().close(IDS[::-1], CODES, SCORES, np.array([1, 4, 0]))

    np.testing.assert_array_equal(told.ids, [0, 1, 2])
    np.testing.assert_array_equal(told.scores, [np.nan, 0.0, 2.0])
    np.testing.assert_array_equal(told.valid, [False, True, True])


def test_minimising_turns_the_scores_around() -> None:
    guard = AskTellGuard(2, "minimise")
    guard.open(CODES, first_id=0)

    np.testing.assert_array_equal(guard.close(IDS, CODES, SCORES, ONES).scores, -SCORES)
    assert guard.summary()["best_score"] == 0.0


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(OptimizerOptionError, match="up"):
        AskTellGuard(2, "up")  # type: ignore[arg-type]  # the point of the test


def test_a_negative_first_id_is_refused() -> None:
    with pytest.raises(AskTellError, match="-1"):
        RandomSearch(CODES).ask(np.random.default_rng(0), first_id=-1)


def test_codes_of_another_type_are_refused() -> None:
    with pytest.raises(AskTellError, match="float64"):
        _open_guard().close(IDS, CODES.astype(float), SCORES, ONES)


def test_codes_that_are_not_finite_are_refused_by_id() -> None:
    codes = CODES.copy()
    codes[1, 0] = np.nan
    with pytest.raises(AskTellError, match=r"not finite \(ids 1\)"):
        _open_guard().close(IDS, codes, SCORES, ONES)


def test_ids_that_are_not_integers_are_refused() -> None:
    with pytest.raises(AskTellError, match="ids of type float64"):
        _open_guard().close(IDS.astype(float), CODES, SCORES, ONES)


def test_a_negative_count_of_presentations_is_refused_by_id() -> None:
    with pytest.raises(AskTellError, match=r"negative n_valid \(ids 2\)"):
        _open_guard().close(IDS, CODES, SCORES, np.array([1, 0, -1]))


def test_a_long_list_of_ids_is_cut_short() -> None:
    guard = AskTellGuard(2, "maximise")
    guard.open(np.zeros((40, 2)), first_id=0)
    with pytest.raises(AskTellError, match=r"ids 0, 1, 2, 3, 4, 5, 6, 7, … 40 in all"):
        guard.require_ask(first_id=40)


@pytest.mark.parametrize("codes", [np.zeros(3), np.zeros((0, 3)), np.zeros((3, 0))])
def test_initial_codes_without_rows_or_genes_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(OptimizerOptionError, match="shape"):
        checked_initial_codes(codes)


def test_initial_codes_that_are_not_finite_are_refused() -> None:
    with pytest.raises(OptimizerOptionError, match="not finite"):
        checked_initial_codes(np.array([[np.nan]]))


def test_a_saved_field_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(OptimizerStateError, match=r"'mean'.*float32.*float64 \(any\)"):
        StateReader({"mean": np.zeros(3, np.float32)}).array("mean", (None,), np.float64)
