"""The clock map: offsets and drifts are recovered, and bad readings do not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.clocks import (
    DRIFT_PRIOR,
    RESIDUAL_FLOOR_S,
    ClockMap,
    fit_clock,
    scatter_s,
    spread_s,
    wide_spread_s,
)

offsets = st.floats(-1e6, 1e6)
drifts = st.floats(-100e-6, 100e-6)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(offsets, drifts, st.floats(0, 1e7), seeds)
def test_offset_and_drift_come_back_from_noisy_readings_with_outliers(
    offset_s: float, drift: float, begin_s: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    host = begin_s + np.sort(rng.uniform(0, 600, 200))
    truth = ClockMap(offset_s, drift, 0.0, 0)
    rig = truth.to_rig(host) + rng.normal(0, 1e-4, 200)
    rig[rng.choice(200, 30, replace=False)] += rng.uniform(-0.5, 0.5, 30)
    fitted = fit_clock(host, rig)
    assert abs(fitted.drift - drift) < 1e-6
    assert np.abs(fitted.to_rig(host) - truth.to_rig(host)).max() < 1e-4
    assert 0.5e-4 < fitted.residual_s < 2e-4
    assert fitted.n_pairs == 200


@settings(max_examples=60, deadline=None)
@given(offsets, drifts, st.floats(0, 1e6))
def test_to_host_undoes_to_rig(offset_s: float, drift: float, host_s: float) -> None:
    clock = ClockMap(offset_s, drift, 0.0, 1)
    assert clock.to_host(clock.to_rig(host_s)) == pytest.approx(host_s, abs=1e-8)


def test_two_readings_close_together_give_an_offset_and_no_absurd_drift() -> None:
    fitted = fit_clock([10.0, 10.02], [110.0, 110.021])
    assert abs(fitted.drift) < 500e-6
    assert fitted.to_rig(10.01) == pytest.approx(110.0105, abs=1e-4)


def test_the_drift_of_the_start_is_kept_where_the_readings_say_nothing_about_it() -> None:
    start = ClockMap(100.0, 50e-6, 0.0, 100)
    fitted = fit_clock([1000.0], start.to_rig([1000.0]) + 0.003, start)
    assert fitted.drift == 50e-6
    assert fitted.to_rig(1000.0) == pytest.approx(start.to_rig(1000.0) + 0.003, abs=1e-9)


def test_one_stamp_gives_an_offset_with_its_own_uncertainty() -> None:
    clock = ClockMap.from_stamp(3.0, 5.0, 0.001)
    assert (clock.offset_s, clock.drift, clock.residual_s, clock.n_pairs) == (2.0, 0.0, 0.001, 1)
    assert clock.half_width_s(3.0) == pytest.approx(0.001)
    # Two hours later a crystal may be seconds off.
    assert clock.half_width_s(7203.0) == pytest.approx(1.96 * DRIFT_PRIOR * 7200, rel=0.01)


def test_perfect_readings_are_not_believed_below_the_floor() -> None:
    host = np.arange(100.0)
    assert fit_clock(host, host + 7.0).residual_s == RESIDUAL_FLOOR_S


@pytest.mark.parametrize(
    ("host_s", "rig_s"), [([], []), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [1.0, 2.0])]
)
def test_readings_that_are_no_pairs_are_refused(host_s: list[float], rig_s: list[float]) -> None:
    with pytest.raises(ValueError, match="clock reading"):
        fit_clock(host_s, rig_s)


@pytest.mark.parametrize(("after_s", "most"), [(-200.0, 0.98), (20.0, 0.98), (300.0, 1.0)])
def test_the_half_width_of_a_map_covers_the_truth_as_often_as_it_says(
    after_s: float, most: float
) -> None:
    truth, rng = ClockMap(1e3, 100e-6, 0.0, 0), np.random.default_rng(1)
    covered = []
    for _ in range(300):
        host = 5e4 + np.sort(rng.uniform(0, 400, 150))
        rig = truth.to_rig(host) + rng.normal(0, 1e-3, 150)
        rig[:3] += 0.02
        fitted = fit_clock(host, rig)
        at = host[-1] + after_s
        covered.append(abs(fitted.to_rig(at) - truth.to_rig(at)) <= fitted.half_width_s(at))
    # Beyond the readings the crystal might have changed, which this one does not.
    assert 0.93 <= np.mean(covered) <= most


def test_a_map_is_known_the_less_the_farther_from_its_readings() -> None:
    host = np.linspace(0.0, 100.0, 50)
    fitted = fit_clock(host, host + np.random.default_rng(0).normal(0, 1e-3, 50))
    widths = fitted.half_width_s(np.array([50.0, 100.0, 200.0, 1000.0]))
    assert (np.diff(widths) > 0).all()
    np.testing.assert_allclose(fitted.half_width_s([-900.0]), widths[-1:], rtol=0.1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1.0, 1.0), min_size=20, max_size=300))
def test_the_scatter_holds_95_percent_of_what_was_seen(residuals: list[float]) -> None:
    half_width_s = scatter_s(np.array(residuals))
    inside = sum(abs(residual) <= half_width_s for residual in residuals)
    assert inside >= 0.95 * len(residuals)
    below = sum(abs(residual) < half_width_s * (1 - 1e-12) for residual in residuals)
    assert below <= 0.95 * (len(residuals) + 1) or half_width_s == RESIDUAL_FLOOR_S


moments = st.floats(0.0, 100.0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(moments, st.sampled_from([0.0, 1e-6, 5e-3, 0.2, 30.0])), min_size=1),
    st.floats(-1e6, 1e6),
)
def test_whatever_the_readings_say_a_map_comes_of_them(
    pairs: list[tuple[float, float]], offset_s: float
) -> None:
    host_s = np.array([host for host, _ in pairs])
    rig_s = host_s + offset_s + np.array([late for _, late in pairs])

    fitted = fit_clock(host_s, rig_s)

    assert np.isfinite(fitted.to_rig(host_s)).all()
    assert np.isfinite(fitted.half_width_s(host_s)).all()
    off_s = fitted.to_rig(host_s) - host_s - offset_s
    # The drift may be what a crystal's may be, and no more.
    assert off_s.min() >= -0.1
    assert off_s.max() <= 30.1


def test_three_readings_that_say_three_things_make_a_map_all_the_same() -> None:
    host_s = [0.33089511819608486, 0.454486253600364, 0.7083910611769104]
    rig_s = [0.33089511819608486, 0.4545195869336973, 0.7093910611769104]

    assert np.abs(fit_clock(host_s, rig_s).to_rig(host_s) - rig_s).max() <= 1e-3


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
def test_spreads_are_those_by_numpys_quantiles_to_the_last_bit(residuals: list[float]) -> None:
    off = np.abs(residuals - np.median(residuals))
    spread = max(1.4826 * float(np.median(off)), RESIDUAL_FLOOR_S)

    assert spread_s(np.array(residuals)) == spread
    assert wide_spread_s(np.array(residuals)) == max(float(np.quantile(off, 0.7)) / 1.0364, spread)
