"""The adapter's own readings of both clocks: one error for all, and the drift that they show."""

import numpy as np
import pytest

from rig_adapters.clocks import DRIFT_PRIOR, ClockMap
from rig_adapters.stamps import Stamps


def read(stamps: Stamps, seconds: int, drift: float, uncertainty_s: float) -> ClockMap:
    rng = np.random.default_rng(0)
    for k in range(10 * seconds):
        host_s = 5e4 + 0.1 * k
        error_s = 0.3 * uncertainty_s + rng.normal(0, 0.05 * uncertainty_s)
        stamps.add(host_s, 900.0 + (1 + drift) * host_s + error_s, uncertainty_s)
    clock = stamps.clock()
    assert clock is not None
    return clock


def test_without_a_reading_there_is_no_map() -> None:
    stamps = Stamps()
    assert stamps.clock() is None
    stamps.add(1.0, 2.0, 0.1)
    stamps.clear()
    assert stamps.clock() is None


def test_one_reading_gives_an_offset() -> None:
    stamps = Stamps()
    stamps.add(1.0, 2.0, 0.1)
    assert stamps.clock() == ClockMap.from_stamp(1.0, 2.0, 0.1)


@pytest.mark.parametrize("uncertainty_s", [1e-4, 0.05])
def test_many_readings_show_the_drift_but_are_no_surer_of_the_offset(uncertainty_s: float) -> None:
    clock = read(Stamps(), 500, 100e-6, uncertainty_s)
    middle_s = 5e4 + 250.0
    assert clock.half_width_s(middle_s) == pytest.approx(uncertainty_s, rel=0.01)
    assert clock.drift == pytest.approx(100e-6, abs=0.2 * uncertainty_s / 500 + 1e-9)
    assert clock.drift_error < min(DRIFT_PRIOR, uncertainty_s / 500)
    off_s = float(clock.to_rig(middle_s)) - 900.0 - (1 + 100e-6) * middle_s
    assert abs(off_s) < uncertainty_s
    assert clock.n_pairs == 1


def test_a_message_that_was_held_up_does_not_bend_the_map() -> None:
    stamps = Stamps()
    read(stamps, 100, 0.0, 1e-3)
    for k in range(5):
        stamps.add(5e4 + 100.0 + k, 5e4 + 1000.0 + k - 0.3, 1e-3)
    clock = stamps.clock()
    assert clock is not None
    assert abs(float(clock.to_rig(5e4 + 100.0)) - 5e4 - 1000.0) < 1e-3
