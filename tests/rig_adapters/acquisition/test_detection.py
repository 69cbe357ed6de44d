"""Spikes by threshold: as a naive reader of the whole signal would find them, however it is cut."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from rig_adapters.acquisition.detection import (
    DetectionSettings,
    ThresholdCrossings,
    noise_uv,
    threshold_uv,
)

RATE_HZ = 1000.0
Signal = npt.NDArray[np.float32]
signals = arrays(np.float32, st.integers(1, 200), elements=st.integers(-3, 3).map(float))
thresholds = st.sampled_from([-2.0, -1.0, 1.0, 2.5])


def naive(values: Signal, threshold: float, dead: int, first: int) -> list[int]:
    """Sample by sample: beyond now, not beyond before, and the last one long enough ago."""
    found: list[int] = []
    for i in range(1, len(values)):
        was, now = (
            x <= threshold if threshold < 0 else x >= threshold for x in values[i - 1 : i + 1]
        )
        if now and not was and (not found or first + i - found[-1] >= dead):
            found.append(first + i)
    return found


def fed(crossings: ThresholdCrossings, values: Signal, cuts: list[int], first: int) -> list[int]:
    found: list[int] = []
    for start, stop in zip([0, *cuts], [*cuts, len(values)], strict=True):
        found += crossings.feed(first + start, values[start:stop]).tolist()
    return found


@given(signals, thresholds, st.integers(1, 20), st.integers(0, 1000), st.data())
def test_crossings_are_those_of_the_whole_signal_however_it_is_cut(
    values: Signal, threshold: float, dead: int, first: int, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(values) - 1)), max_size=8)))
    cuts = [cut for cut in cuts if cut < len(values)]
    found = fed(ThresholdCrossings(threshold, dead / RATE_HZ, RATE_HZ), values, cuts, first)

    assert found == naive(values, threshold, dead, first)


@given(signals, signals, thresholds, st.integers(1, 500))
def test_after_a_gap_nothing_of_before_counts(
    before: Signal, after: Signal, threshold: float, gap: int
) -> None:
    crossings = ThresholdCrossings(threshold, 0.01, RATE_HZ)
    crossings.feed(0, before)
    later = len(before) + gap

    assert crossings.feed(later, after).tolist() == naive(after, threshold, 10, later)


def test_noise_is_that_of_the_background_and_not_of_the_spikes() -> None:
    values = np.random.default_rng(1).normal(5.0, 8.0, 30_000).astype(np.float32)
    quiet = noise_uv(values)
    values[::300] = -200.0

    assert quiet == pytest.approx(8.0, rel=0.03)
    assert noise_uv(values) == pytest.approx(quiet, rel=0.02)


def test_a_threshold_is_given_or_measured() -> None:
    values = np.random.default_rng(1).normal(0.0, 10.0, 30_000).astype(np.float32)

    assert threshold_uv(DetectionSettings(threshold_uv=-50.0), values) == -50.0
    measured = threshold_uv(DetectionSettings(threshold_noise=-4.5), values)
    assert measured == pytest.approx(-45.0, rel=0.03)


def test_a_dead_channel_has_no_noise() -> None:
    with pytest.raises(ValueError, match="does not change"):
        threshold_uv(DetectionSettings(threshold_noise=-4.5), np.zeros(1000, np.float32))


@pytest.mark.parametrize(
    "table",
    [{}, {"threshold_uv": -50.0, "threshold_noise": -4.5}, {"threshold_uv": 0.0}],
)
def test_exactly_one_threshold_is_given(table: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="threshold"):
        DetectionSettings.model_validate(table)
