"""The grid of frames: found from flips whatever a few of them say, and not where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.frames import MIN_FLIPS, find_grid

seeds = st.integers(0, 2**32 - 1)


def flips_on(rate_hz: float, rng: np.random.Generator, n: int = 60) -> tuple[np.ndarray, ...]:
    """Return flips of trials that begin irregularly, and the frames that they were of."""
    counts = np.cumsum(rng.choice([3, 9, 9, 9, 60, 75, 91], n))
    frames_s = rng.uniform(0, 1e5) + counts / rate_hz
    return frames_s + rng.normal(0, 5e-5, n), frames_s


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([60.0, 75.0, 120.0, 144.0]),
    st.floats(-0.003, 0.003),
    st.floats(0.0, 0.2),
    seeds,
)
def test_a_grid_is_found_although_some_flips_were_stamped_late(
    nominal_hz: float, off: float, late_share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    flips, frames_s = flips_on(nominal_hz * (1 + off), rng)
    late = rng.permutation(flips.size) < late_share * flips.size
    flips[late] += rng.uniform(0.15, 0.85, late.sum()) / nominal_hz
    grid = find_grid(flips, 1 / nominal_hz)
    assert grid is not None
    np.testing.assert_array_equal(grid.holds(flips), ~late)
    assert np.abs(grid.off_s(frames_s)).max() < 1e-4
    # However late a flip was stamped, its frame is the one before.
    assert np.abs(grid.put_back(flips) - frames_s).max() < 3e-4


def test_flips_without_a_grid_have_none() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert find_grid(np.sort(rng.uniform(0, 60, 60)), 1 / 60) is None


def test_a_screen_that_begins_anew_half_way_has_no_grid() -> None:
    flips, _ = flips_on(60.0, np.random.default_rng(0))
    flips[30:] += 0.4 / 60
    assert find_grid(flips, 1 / 60) is None


def test_a_few_flips_show_no_grid_and_unknown_ones_are_left_out() -> None:
    flips, _ = flips_on(60.0, np.random.default_rng(0), MIN_FLIPS)
    assert find_grid(flips, 1 / 60) is not None
    flips[0] = np.nan
    assert find_grid(flips, 1 / 60) is None


def test_of_rates_that_fit_as_well_the_one_nearest_to_nominal_is_taken() -> None:
    flips = np.arange(40) * 240 / 60.0
    grid = find_grid(flips, 1 / 60)
    assert grid is not None
    assert grid.period_s == pytest.approx(1 / 60, rel=1e-6)
