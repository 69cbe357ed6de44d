"""Alignment: what was shown finds what was recorded, by time once and by id from then on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rig_adapters.alignment import Alignment, Witnesses, align, broken_fixations, completeness
from rig_adapters.clocks import ClockMap
from rig_adapters.frames import FrameGrid, find_grid
from rig_adapters.recorded import Recording
from rig_adapters.testing.simulated_recorder import Block, Errors, blocks
from rig_adapters.wire.messages import SpikesRecorded

TOLERANCE_S = 0.02
KNOWN = Witnesses(TOLERANCE_S)
CLOCK = ClockMap.from_stamp(10.0, 110.0, 0.001)

times = st.lists(st.floats(0, 5), max_size=25).map(lambda values: np.array(values, np.float64))


def align_simply(flips: np.ndarray, edges: np.ndarray | None) -> Alignment:
    return align(np.arange(len(flips)) + 500, flips, edges, CLOCK, KNOWN)


@settings(max_examples=200, deadline=None)
@given(times, times)
def test_no_edge_is_used_twice_nor_beyond_the_tolerance(
    flips: np.ndarray, edges: np.ndarray
) -> None:
    found = align_simply(flips, edges + 100.0)
    matched = np.array([sync == "photodiode" for sync in found.sync], bool)
    paired = np.isfinite(found.sync_error_s)
    assert paired[matched].all()
    assert (np.abs(found.sync_error_s[paired]) <= TOLERANCE_S + 1e-9).all()
    assert (found.onset_uncertainty_s > 0).all()
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
    assert np.isnan(found.onset_uncertainty_s[0])
    assert not completeness(found.onset_rig_s, (0.0, 0.1), recorded_to(200.0))[0]


def test_two_presentations_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        align(np.array([4, 4]), np.array([1.0, 2.0]), None, CLOCK, KNOWN)


def test_a_column_of_flips_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="give one each"):
        align(np.array([4, 5]), np.array([1.0]), None, CLOCK, KNOWN)


PERIOD_S = 1 / 60
FRAMES = np.cumsum(np.tile([9, 9, 9, 9, 40], 8))
GRID = FrameGrid(20.0, PERIOD_S, tolerance_s=2e-4, half_width_s=1e-4, from_host_s=0.0)


def one_errs(
    *,
    flip_s: float = 0.0,
    edge_s: float = 0.0,
    lag_s: float = 0.0,
    grid: FrameGrid | None = GRID,
    light: bool = True,
) -> tuple[str, float, float]:
    """Where the onset of one presentation among forty comes from, how late it is, and how sure."""
    flips = 20.0 + FRAMES * PERIOD_S
    edges = flips + 100.0 + lag_s
    flips[17] += flip_s
    edges[17] += edge_s
    known = Witnesses(2 * PERIOD_S, grid=grid, light=light)
    found = align(np.arange(flips.size), flips, edges, CLOCK, known)
    assert found.sync.count("photodiode") >= 39
    late_s = float(found.onset_rig_s[17] - lag_s - 120.0 - FRAMES[17] * PERIOD_S)
    return found.sync[17], pytest.approx(late_s, abs=1e-5), float(found.onset_uncertainty_s[17])


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("edge_s", [0.005, -0.005, 0.0121])
def test_a_pulse_between_two_frames_does_not_displace_its_onset(light: bool, edge_s: float) -> None:
    assert one_errs(edge_s=edge_s, light=light)[:2] == ("clock", 0.0)


@pytest.mark.parametrize("light", [True, False])
def test_a_flip_that_was_stamped_late_does_not_displace_its_onset(light: bool) -> None:
    assert one_errs(flip_s=0.005, light=light)[:2] == ("photodiode", 0.0)


def test_light_that_came_a_frame_late_is_the_onset() -> None:
    assert one_errs(edge_s=PERIOD_S)[:2] == ("photodiode", PERIOD_S)
    assert one_errs(edge_s=PERIOD_S, flip_s=0.005)[:2] == ("photodiode", PERIOD_S)


def test_how_late_light_may_come_counts_from_when_it_usually_comes() -> None:
    # Farther from its flip than two frames, by the clock map that the search begins with.
    assert one_errs(edge_s=PERIOD_S, lag_s=0.019)[:2] == ("photodiode", PERIOD_S)


def test_a_line_raised_late_by_a_frame_is_not_the_onset() -> None:
    assert one_errs(edge_s=PERIOD_S, light=False)[:2] == ("clock", 0.0)


def test_a_line_and_its_flip_that_were_late_together_are_put_back_on_the_grid() -> None:
    assert one_errs(flip_s=0.005, edge_s=0.005, light=False)[:2] == ("clock", 0.0)


def test_light_and_its_flip_that_agree_are_believed_whatever_the_grid() -> None:
    assert one_errs(flip_s=0.005, edge_s=0.005)[:2] == ("photodiode", 0.005)


def test_without_a_grid_the_uncertainty_reaches_to_the_edge_that_was_not_believed() -> None:
    sync, late_s, uncertainty_s = one_errs(edge_s=0.005, grid=None)
    assert (sync, late_s) == ("clock", 0.0)
    assert 0.005 < uncertainty_s < 0.006


def simulated(seed: int) -> tuple[Block, Witnesses]:
    errors = Errors(missed=0.2, spurious=0.2, stamp_late_share=0.1, host_zero_s=0.0, rig_zero_s=0.0)
    block = next(blocks(errors, 1, 40, np.random.default_rng(seed)))
    grid = find_grid(block.flips_host_s, PERIOD_S)
    return block, Witnesses(2 * PERIOD_S, grid=grid)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_nothing_depends_on_where_either_clock_begins(
    seed: int, host_s: float, rig_s: float
) -> None:
    block, known = simulated(seed)
    here = align(block.ids, block.flips_host_s, block.edges_rig_s, block.stamped, known)
    clock = block.stamped
    moved = replace(
        clock,
        offset_s=clock.offset_s + rig_s - (1 + clock.drift) * host_s,
        center_host_s=clock.center_host_s + host_s,
    )
    flips = block.flips_host_s + host_s
    there = align(
        block.ids,
        flips,
        block.edges_rig_s + rig_s,
        moved,
        replace(known, grid=find_grid(flips, PERIOD_S)),
    )
    assert there.sync == here.sync
    np.testing.assert_allclose(there.onset_rig_s - rig_s, here.onset_rig_s, rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        there.onset_uncertainty_s, here.onset_uncertainty_s, rtol=0, atol=1e-7
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_onsets_are_in_the_order_of_their_flips_in_whatever_order_they_come(seed: int) -> None:
    block, known = simulated(seed)
    found = align(block.ids, block.flips_host_s, block.edges_rig_s, block.stamped, known)
    assert (np.diff(found.onset_rig_s) > 0).all()
    order = np.random.default_rng(seed).permutation(block.ids.size)
    mixed = align(
        block.ids[order], block.flips_host_s[order], block.edges_rig_s[::-1], block.stamped, known
    )
    np.testing.assert_allclose(mixed.onset_rig_s, found.onset_rig_s[order], rtol=0, atol=1e-9)
    assert mixed.sync == tuple(found.sync[row] for row in order)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_onsets_are_those_of_least_squares_through_the_true_pairs(seed: int) -> None:
    block, known = simulated(seed)
    found = align(block.ids, block.flips_host_s, block.edges_rig_s, block.stamped, known)
    center_s = block.flips_host_s.mean()
    x, y = block.flips_host_s - center_s, block.own_edge_rig_s - block.flips_host_s
    # Who was late is known here, so plain least squares will do.
    honest = np.abs(block.own_edge_rig_s - block.true_rig_s) < 5e-4
    # By chance so many flips of so few may be late that there is no grid, or no telling who errs.
    assume(known.grid is not None)
    assert known.grid is not None
    honest &= known.grid.holds(block.flips_host_s)
    assume(honest.sum() > 0.85 * np.isfinite(block.own_edge_rig_s).sum())
    slope, intercept = np.polyfit(x[honest], y[honest], 1)
    line = block.flips_host_s + intercept + slope * x
    np.testing.assert_allclose(found.clock.to_rig(block.flips_host_s), line, rtol=0, atol=1e-4)
    # One or two may have found a spurious edge that lies on a frame, in the place of a missed one.
    wrong = np.abs(found.onset_rig_s - block.true_rig_s) > 6e-4
    assert wrong.sum() <= 2, found.onset_rig_s[wrong] - block.true_rig_s[wrong]


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
