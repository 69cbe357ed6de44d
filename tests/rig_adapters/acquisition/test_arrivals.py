"""What arrivals say about the acquisition clock: never more than they can know."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.acquisition.arrivals import HELD_BACK_S, MEMORY_S, STEP_S, ArrivalClock

DELIVERY_S = 0.023


def moments(n: int, seed: int) -> tuple[list[float], list[float]]:
    """Return when samples were taken, and when they arrived: after up to a lump and a bit."""
    rng = np.random.default_rng(seed)
    taken = np.arange(n) * DELIVERY_S
    held_back_s = rng.uniform(0.0, 0.9 * HELD_BACK_S)
    waited = held_back_s + rng.uniform(0.0, DELIVERY_S, n) + rng.exponential(5e-4, n)
    return taken.tolist(), (taken + waited).tolist()


@settings(max_examples=30)
@given(
    st.floats(-1e6, 1e6),
    st.floats(-150e-6, 150e-6),
    st.integers(0, 2**32 - 1),
)
def test_the_truth_lies_within_the_uncertainty(offset_s: float, drift: float, seed: int) -> None:
    clock = ArrivalClock(DELIVERY_S)
    for taken_s, heard_s in zip(*moments(3000, seed), strict=True):
        reading = clock.read(heard_s, offset_s + (1 + drift) * taken_s)
        truth_s = (reading.rig_s - offset_s) / (1 + drift)
        assert abs(reading.host_s - truth_s) <= reading.uncertainty_s


def test_a_clock_that_steps_is_followed_after_two_seconds() -> None:
    clock = ArrivalClock(DELIVERY_S)
    for n in range(2000):
        taken_s = n * 0.01
        step_s = -1.0 if taken_s > 10 else 0.0
        reading = clock.read(taken_s + 0.005, taken_s + step_s)
        if taken_s < 10 or taken_s > 13:
            assert abs(reading.host_s - taken_s) <= reading.uncertainty_s


def test_a_machine_that_stood_still_is_no_step() -> None:
    clock = ArrivalClock(DELIVERY_S)
    for n in range(1000):
        taken_s = n * 0.01
        # What piled up for a second is handed over at once.
        heard_s = 6.0 if 5.0 <= taken_s < 6.0 else taken_s + 0.005
        reading = clock.read(heard_s, taken_s)
        assert abs(reading.host_s - taken_s) <= reading.uncertainty_s
        assert abs(reading.host_s - taken_s) < STEP_S


def test_memory_does_not_grow() -> None:
    clock = ArrivalClock(DELIVERY_S)
    for n in range(20_000):
        clock.read(n * 0.01 + 1e-6 * n, n * 0.01)
    kept = len(clock._arrivals)
    assert kept <= MEMORY_S / 0.01 + 2
