"""Spikes about onsets, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.analysis.rasters import raster
from sessions.analysis.responses import count_spikes


@given(st.integers(0, 2**31))
def test_every_spike_of_the_window_is_there_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times, units = rng.uniform(0, 3, 40), rng.integers(1, 4, 40)
    onsets = np.append(rng.uniform(0, 3, 6), np.nan)
    ids, block = rng.permutation(7) + 100, np.array([0, 0, 0, 1, 1, 1, 1])
    window_s = (-0.1, 0.4)
    found = raster(times, units, np.array([1, 3]), ids, block, onsets, window_s)
    counts = count_spikes(times, units, [1, 3], onsets, window_s).sum(axis=1)
    for presentation, n, onset in zip(ids[:6], counts[:6], onsets[:6], strict=True):
        mine = found.spike_presentation_id == presentation
        assert np.count_nonzero(mine) == n
        near = np.isin(units, [1, 3]) & (times >= onset - 0.1) & (times < onset + 0.4)
        np.testing.assert_allclose(found.from_onset_s[mine], np.sort(times[near]) - onset)
    assert found.presentation_id.tolist() == ids[:6].tolist()
    assert ids[6] not in found.spike_presentation_id


def test_a_block_keeps_its_presentations_also_those_without_spikes() -> None:
    times, units = np.array([1.05, 2.05, 2.10]), np.array([7, 7, 8])
    ids, block = np.array([5, 6, 9]), np.array([0, 1, 1])
    onsets = np.array([1.0, 2.0, 5.0])
    found = raster(times, units, np.array([7, 8]), ids, block, onsets, (0.0, 0.2)).of_block(1)
    assert found.presentation_id.tolist() == [6, 9]
    assert found.spike_presentation_id.tolist() == [6, 6]
    assert found.spike_unit_id.tolist() == [7, 8]
    assert found.from_onset_s == pytest.approx([0.05, 0.10])


def test_an_empty_window_is_refused() -> None:
    none = np.zeros(0)
    ids = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="empty"):
        raster(none, ids, ids, ids, ids, none, (0.2, 0.2))
