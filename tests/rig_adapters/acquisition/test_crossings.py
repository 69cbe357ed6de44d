"""Many channels at once cross their thresholds exactly where each of them alone would."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.acquisition.crossings import ManyCrossings
from rig_adapters.acquisition.detection import ThresholdCrossings

RATE_HZ = 1000.0


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    thresholds=st.lists(st.sampled_from([-3.0, -1.0, 1.0, 2.0]), min_size=1, max_size=4),
    dead_ms=st.integers(0, 6),
    cuts=st.lists(st.integers(0, 80), max_size=6).map(sorted),
    gaps=st.lists(st.integers(0, 1), min_size=8, max_size=8),
)
def test_it_finds_what_each_channel_alone_would(
    seed: int, thresholds: list[float], dead_ms: int, cuts: list[int], gaps: list[int]
) -> None:
    values = np.random.default_rng(seed).normal(0, 2, (80, len(thresholds))).astype(np.float32)
    dead = np.full(len(thresholds), dead_ms, np.int64)
    many = ManyCrossings(np.array(thresholds, np.float32), dead)
    single = [ThresholdCrossings(each, dead_ms / RATE_HZ, RATE_HZ) for each in thresholds]

    shift = 0
    for (start, stop), gap in zip(pairwise([0, *cuts, 80]), gaps, strict=False):
        shift += gap * 5
        samples, channels = many.feed(start + shift, values[start:stop])
        for channel, each in enumerate(single):
            expected = each.feed(start + shift, values[start:stop, channel])
            np.testing.assert_array_equal(samples[channels == channel], expected)
