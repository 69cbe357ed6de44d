"""Spikes to counts and counts to scores, against loops that anyone can read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.analysis.responses import (
    ScoringRule,
    count_spikes,
    driver_columns,
    psth,
    score_images,
    score_thread,
)
from sessions.testing.synthetic import SyntheticSession, synthetic_record, synthetic_start

# A coarse grid makes spikes fall exactly on window borders, and 0.1 has no exact binary form.
times = st.integers(0, 40).map(lambda k: k * 0.1)
spikes = st.lists(st.tuples(times, st.integers(0, 3)), max_size=40)
onsets = st.lists(st.one_of(times, st.just(math.nan)), max_size=8)
windows = st.tuples(st.integers(-5, 5), st.integers(1, 10)).map(
    lambda w: (w[0] * 0.1, (w[0] + w[1]) * 0.1)
)


@settings(max_examples=150, deadline=None)
@given(spikes=spikes, onsets=onsets, window=windows)
def test_counting_agrees_with_a_brute_force_loop(
    spikes: list[tuple[float, int]], onsets: list[float], window: tuple[float, float]
) -> None:
    a, b = window
    unit_ids = [2, 0, 5]
    expected = [
        [
            -1
            if math.isnan(onset)
            else sum(1 for t, unit in spikes if unit == wanted and onset + a <= t < onset + b)
            for wanted in unit_ids
        ]
        for onset in onsets
    ]

    counts = count_spikes(
        np.array([t for t, _ in spikes], dtype=np.float64),
        np.array([unit for _, unit in spikes], dtype=np.int64),
        unit_ids,
        np.array(onsets, dtype=np.float64),
        window,
    )

    assert counts.shape == (len(onsets), 3)
    assert counts.dtype == np.int32
    assert counts.tolist() == expected


def test_an_empty_window_is_refused() -> None:
    none = np.array([])
    with pytest.raises(ValueError, match="its start must lie before its end"):
        count_spikes(none, none, [1], none, (0.2, 0.2))


RESPONSES = np.array([[6, 1], [3, 2], [0, 0], [9, 9]], dtype=np.int32)
BASELINES = np.array([[1, 1], [0, 2], [1, 0], [7, 7]], dtype=np.int32)
IMAGES = np.array([10, 10, 20, 30])
COMPLETED = np.array([True, True, True, False])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", [12 / (4 * 0.2), 0.0]),
        ("presentation", [12 / (4 * 0.2) - 4 / (4 * 0.05), 0 - 1 / (2 * 0.05)]),
        ("block", [12 / (4 * 0.2) - 5 / (6 * 0.05), 0 - 5 / (6 * 0.05)]),
    ],
)
def test_scores_are_sums_divided_once(mode, expected: list[float]) -> None:
    rule = ScoringRule((0.0, 0.2), None if mode == "none" else (0.0, 0.05), mode)
    made = score_images(np.array([20, 30, 10]), IMAGES, COMPLETED, RESPONSES, BASELINES, rule)

    assert made.image_ids.tolist() == [20, 30, 10]
    assert made.n_valid.tolist() == [1, 0, 2]
    assert made.scores[[2, 0]].tolist() == expected
    assert math.isnan(made.scores[1])


def test_a_completed_presentation_without_count_is_refused() -> None:
    lost = RESPONSES.copy()
    lost[0, 1] = -1
    with pytest.raises(ValueError, match="no data is not 0 spikes"):
        score_images(
            IMAGES[:1], IMAGES, COMPLETED, lost, None, ScoringRule((0.0, 0.2), None, "none")
        )


def test_a_rule_needs_a_window_exactly_with_a_baseline() -> None:
    with pytest.raises(ValueError, match="baseline_mode is 'block'"):
        ScoringRule((0.0, 0.2), None, "block")


def test_only_presentations_at_the_place_of_the_thread_count() -> None:
    wanted = SyntheticSession(fail_rate=0.0)
    start = synthetic_start(wanted)
    record = synthetic_record(wanted, start, 0, np.random.default_rng(3))
    table, thread = record.presentations, start.threads[0]
    rule = ScoringRule(start.response_window_s, start.baseline_window_s, start.baseline_mode)
    units = [unit.unit_id for unit in start.units]
    table.x_deg[table.image_id == 1] += 0.5

    scores = score_thread(thread, np.array([1, 2]), table, units, rule)

    assert scores.n_valid.tolist() == [0, 1]


def test_an_unrecorded_driver_unit_is_named() -> None:
    assert driver_columns([11, 12, 13], [13, 11]).tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"Driver units \[99\] were not recorded"):
        driver_columns([11, 12], [11, 99])


def test_a_psth_counts_each_spike_in_its_bin_once() -> None:
    spike_s = np.array([1.0, 1.015, 2.005, 2.3, 7.0])
    made = psth(
        spike_s, np.array([1, 1, 2, 1, 1]), [1, 2], np.array([1.0, 2.0, math.nan]), (0, 0.03), 0.01
    )

    assert made.n_presentations == 2
    np.testing.assert_allclose(made.edges_s, [0.0, 0.01, 0.02, 0.03])
    np.testing.assert_allclose(made.rate_hz, [2 / 0.04, 1 / 0.04, 0.0])


@settings(max_examples=40, deadline=None)
@given(spikes=spikes, onsets=st.lists(times, min_size=1, max_size=5))
def test_a_psth_holds_all_the_spikes_of_its_window(
    spikes: list[tuple[float, int]], onsets: list[float]
) -> None:
    spike_s = np.array([t for t, _ in spikes], dtype=np.float64)
    units = np.array([unit for _, unit in spikes], dtype=np.int64)
    made = psth(spike_s, units, [0, 1], np.array(onsets), (-0.25, 0.55), 0.1)
    whole = count_spikes(spike_s, units, [0, 1], np.array(onsets), (-0.25, 0.55))

    spikes_of_psth = made.rate_hz.sum() * 0.1 * 2 * len(onsets)
    assert spikes_of_psth == pytest.approx(whole.sum())
