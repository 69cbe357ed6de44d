"""What free flips say about a screen, and the grid of the stand-in for a vertical blank."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.errors import DisplayError
from rig_adapters.stimulus.refresh import judge_refresh, next_blank


def test_flips_that_wait_give_the_refresh_rate() -> None:
    refresh = judge_refresh([1 / 59.94] * 60, 60.0, virtual=False)

    assert refresh.waits_for_vertical_blank
    assert refresh.measured_hz == pytest.approx(59.94)
    assert refresh.label == "screen at 59.94 Hz"


def test_one_dropped_frame_does_not_make_a_screen_slow() -> None:
    refresh = judge_refresh([1 / 60] * 30 + [10 / 60] + [1 / 60] * 29, 60.0, virtual=False)

    assert refresh.measured_hz == pytest.approx(60.0)


def test_flips_that_do_not_wait_are_said_to_have_no_timing() -> None:
    refresh = judge_refresh([0.0005] * 60, 60.0, virtual=False)

    assert not refresh.waits_for_vertical_blank
    assert refresh.measured_hz is None
    assert refresh.label == "screen without vertical blank: no timing"


def test_flips_that_do_not_wait_on_a_busy_machine_have_no_timing_either() -> None:
    busy = [0.0007] * 40 + [0.03] * 20

    refresh = judge_refresh(busy, 60.0, virtual=False)

    assert refresh.label == "screen without vertical blank: no timing"


def test_flips_that_keep_no_rate_have_no_timing_whatever_their_middle_is() -> None:
    busy = [0.001 * (1 + n % 7) for n in range(60)]

    refresh = judge_refresh(busy, 200.0, virtual=False)

    assert refresh.label == "screen without vertical blank: no timing"


def test_another_rate_is_refused_also_where_a_busy_machine_dropped_frames() -> None:
    with pytest.raises(DisplayError, match=r"refreshes at 75\.0 Hz"):
        judge_refresh([1 / 75] * 40 + [2 / 75, 3 / 75] * 10, 60.0, virtual=False)


def test_a_driver_that_takes_flips_ahead_waits_all_the_same() -> None:
    refresh = judge_refresh([0.0001, 0.0001, 3 / 60 - 0.0002] * 20, 60.0, virtual=False)

    assert refresh.waits_for_vertical_blank
    assert refresh.measured_hz == pytest.approx(60.0, rel=0.06)


def test_a_virtual_screen_has_no_timing_however_slow_it_is() -> None:
    refresh = judge_refresh([1 / 60] * 60, 60.0, virtual=True)

    assert refresh.label == "virtual screen: no timing"
    assert not refresh.waits_for_vertical_blank


@pytest.mark.parametrize("actual_hz", [50.0, 75.0])
def test_another_refresh_rate_than_configured_is_refused(actual_hz: float) -> None:
    with pytest.raises(DisplayError, match=rf"refreshes at {actual_hz:.1f} Hz.* says 60 Hz"):
        judge_refresh([1 / actual_hz] * 60, 60.0, virtual=False)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1e5), st.floats(-0.1, 100.0), st.sampled_from([1 / 60, 1 / 120, 1 / 144]))
def test_the_next_blank_is_on_the_grid_and_at_most_half_a_period_ago(
    last_s: float, later_s: float, period_s: float
) -> None:
    due_s = next_blank(last_s, last_s + later_s, period_s)

    periods = (due_s - last_s) / period_s
    assert periods == pytest.approx(round(periods), abs=1e-4)
    assert round(periods) >= 1
    assert due_s >= last_s + later_s - period_s / 2 - 1e-9
    assert due_s <= max(last_s, last_s + later_s - period_s / 2) + period_s + 1e-9
