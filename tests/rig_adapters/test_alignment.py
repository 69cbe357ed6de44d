"""Alignment: what was shown finds what was recorded, by time once and by id from then on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.alignment import Alignment, align, broken_fixations, completeness
from rig_adapters.clocks import ClockMap
from rig_adapters.recorded import Recording
from rig_adapters.wire.messages import SpikesRecorded

TOLERANCE_S = 0.02
CLOCK = ClockMap.from_stamp(10.0, 110.0, 0.001)

times = st.lists(st.floats(0, 5), max_size=25).map(lambda values: np.array(values, np.float64))


def align_simply(flips: np.ndarray, edges: np.ndarray | None) -> Alignment:
    return align(np.arange(len(flips)) + 500, flips, edges, CLOCK, TOLERANCE_S)


@settings(max_examples=200, deadline=None)
@given(times, times)
def test_no_edge_is_used_twice_nor_beyond_the_tolerance(
    flips: np.ndarray, edges: np.ndarray
) -> None:
    found = align_simply(flips, edges + 100.0)
    matched = np.array([sync == "photodiode" for sync in found.sync], bool)
    assert (np.abs(found.sync_error_s[matched]) <= TOLERANCE_S).all()
    assert np.isnan(found.sync_error_s[~matched]).all()
    used = np.sort(np.concatenate([found.onset_rig_s[matched], found.unmatched_sync_rig_s]))
    np.testing.assert_array_equal(used, np.sort(edges + 100.0))


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(4, 40),
    lag_s=st.floats(0, 0.012),
    missing=st.sets(st.integers(0, 39), max_size=8),
    extra=st.lists(st.floats(0.05, 0.1), max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_missing_and_extra_edges_leave_every_onset_right(
    n: int, lag_s: float, missing: set[int], extra: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    flips = 20.0 + 0.2 * order
    seen = np.array([i not in missing for i in range(n)])
    edges = flips[seen] + 100.0 + lag_s
    stray = 120.0 + 0.2 * np.arange(len(extra)) + np.array(extra)
    found = align_simply(flips, rng.permutation(np.concatenate([edges, stray])))
    expected = ["photodiode" if one else "clock" for one in seen]
    assert list(found.sync) == expected
    np.testing.assert_allclose(found.onset_rig_s[seen], edges, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.unmatched_sync_rig_s, np.sort(stray), rtol=0, atol=1e-12)
    if seen.sum() >= 3:
        np.testing.assert_allclose(found.onset_rig_s, flips + 100.0 + lag_s, rtol=0, atol=1e-4)


def test_onsets_of_a_rig_without_sync_come_from_the_clock() -> None:
    found = align_simply(np.array([10.0, 10.2]), None)
    assert found.sync == ("clock", "clock")
    assert found.clock == CLOCK
    np.testing.assert_allclose(found.onset_rig_s, [110.0, 110.2])


def test_a_presentation_without_a_flip_has_no_onset() -> None:
    found = align_simply(np.array([np.nan, 10.2]), np.array([110.2]))
    assert found.sync == ("none", "photodiode")
    assert np.isnan(found.onset_rig_s[0])
    assert not completeness(found.onset_rig_s, (0.0, 0.1), recorded_to(200.0))[0]


def test_two_presentations_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        align(np.array([4, 4]), np.array([1.0, 2.0]), None, CLOCK, TOLERANCE_S)


def test_a_column_of_flips_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="give one each"):
        align(np.array([4, 5]), np.array([1.0]), None, CLOCK, TOLERANCE_S)


def recorded_to(through_s: float) -> Recording:
    recording, none = Recording(), np.zeros(0)
    recording.add(
        SpikesRecorded(
            sequence=0,
            from_rig_s=0.0,
            through_rig_s=through_s,
            spike_rig_s=none,
            spike_unit_ids=np.zeros(0, np.int32),
            sync_rig_s=none,
            fixation_broken_rig_s=none,
            clock_host_s=0.0,
            clock_rig_s=0.0,
            clock_uncertainty_s=0.0,
            busy_s=0.0,
        )
    )
    return recording


def test_a_window_is_complete_only_once_it_was_recorded_to_its_end() -> None:
    onsets = np.array([-0.1, 0.0, 0.8, 0.81])
    complete = completeness(onsets, (0.05, 0.2), recorded_to(1.0))
    assert complete.tolist() == [False, True, True, False]


def fail(breaks: list[float], fail_all: bool = False) -> list[bool]:
    # Two trials of three; rows are not in order of time.
    onsets = np.array([2.0, 1.0, 1.2, 1.4, 2.2, 2.4])
    trials = np.array([8, 7, 7, 7, 8, 8])
    broken = broken_fixations(onsets, trials, np.array(breaks), 0.2, 0.3, fail_all)
    return np.isfinite(broken).tolist()


def test_a_break_fails_what_was_on_and_what_was_still_to_come_in_its_trial() -> None:
    assert fail([1.3]) == [False, False, True, True, False, False]


def test_where_a_break_fails_all_it_fails_what_was_over_too() -> None:
    assert fail([1.3], fail_all=True) == [False, True, True, True, False, False]
    assert fail([1.65], fail_all=True) == [False] * 6


def test_a_break_before_the_first_image_fails_the_whole_trial() -> None:
    assert fail([1.75]) == [True, False, False, False, True, True]


def test_a_break_between_trials_fails_nothing() -> None:
    assert fail([1.65]) == [False] * 6


def test_a_break_at_the_end_of_a_window_leaves_that_window_valid() -> None:
    onsets, trials = np.array([1.0, 1.25]), np.array([7, 7])
    broken = broken_fixations(onsets, trials, np.array([1.25]), 0.25, 0.3, False)
    np.testing.assert_array_equal(broken, [np.nan, 1.25])


def test_only_the_first_break_of_a_trial_counts() -> None:
    assert fail([1.45, 1.3]) == fail([1.3])
