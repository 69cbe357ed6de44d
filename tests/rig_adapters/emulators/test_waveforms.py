"""Continuous channels of emulators: the same signal however it is cut, with spikes in place."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.emulators.waveforms import Electrode, Photodiode, noise

RATE_HZ = 10_000.0
LENGTH = 400
samples = st.sets(st.integers(0, LENGTH - 1), max_size=8).map(
    lambda each: np.array(sorted(each), int)
)
cuts = st.sets(st.integers(1, LENGTH - 1), max_size=6).map(sorted)


@given(samples, cuts)
def test_a_signal_does_not_depend_on_the_blocks_in_which_it_is_recorded(
    at: np.ndarray, cuts: list[int]
) -> None:
    for whole, parts in (
        (Electrode(3, RATE_HZ, 5.0), Electrode(3, RATE_HZ, 5.0)),
        (Photodiode(3, 0.2, 3.0, 0.01), Photodiode(3, 0.2, 3.0, 0.01)),
    ):
        pieces = [
            parts.record(start, stop - start, at[(at >= start) & (at < stop)])
            for start, stop in zip([0, *cuts], [*cuts, LENGTH], strict=True)
        ]
        np.testing.assert_array_equal(np.concatenate(pieces), whole.record(0, LENGTH, at))


def test_a_spike_is_deepest_on_its_sample() -> None:
    values = Electrode(1, RATE_HZ, 0.0).record(1000, 100, np.array([1040]))

    assert values.argmin() == 40
    assert (values[:40] == 0).all()


def test_noise_differs_between_channels_and_is_as_strong_as_it_is_asked_to_be() -> None:
    one, other = noise(1, 0, 20_000, 8.0), noise(2, 0, 20_000, 8.0)

    assert abs(one.std() - 8.0) < 0.2
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
