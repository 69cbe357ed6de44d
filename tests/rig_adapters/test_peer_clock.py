"""The clock of another machine: within its bounds whatever the network does; here, not changed."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.clocks import DRIFT_PRIOR
from rig_adapters.peer_clock import N_READINGS, PeerClock

delays = st.tuples(st.floats(1e-5, 0.5), st.floats(1e-5, 0.5))


def test_before_any_reading_a_time_stays_as_it_is() -> None:
    assert PeerClock().here(12.5) == (12.5, 0.0)


@settings(max_examples=200, deadline=None)
@given(st.lists(delays, min_size=1, max_size=20), st.floats(0, 1e6))
def test_on_one_machine_a_time_stays_as_it_is_to_the_last_bit(
    ways: list[tuple[float, float]], start_s: float
) -> None:
    clock = PeerClock()
    for number, (there_s, back_s) in enumerate(ways):
        asked_s = start_s + number
        clock.add(asked_s, asked_s + there_s, asked_s + there_s + back_s)
    assert clock.here(math.pi) == (math.pi, 0.0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(delays, min_size=1, max_size=20),
    st.floats(10, 1e6) | st.floats(-1e6, -10),
    st.floats(-DRIFT_PRIOR, DRIFT_PRIOR),
    st.floats(0.1, 30),
)
def test_on_another_machine_the_time_here_is_within_the_uncertainty(
    ways: list[tuple[float, float]], offset_s: float, drift: float, every_s: float
) -> None:
    clock = PeerClock()
    now_s = 0.0

    def there(here_s: float) -> float:
        return offset_s + (1 + drift) * here_s

    for number, (there_s, back_s) in enumerate(ways):
        asked_s = number * (every_s + 1.0)
        now_s = asked_s + there_s + back_s
        clock.add(asked_s, there(asked_s + there_s), now_s)
    here_s, uncertainty_s = clock.here(there(now_s))
    assert 0 < uncertainty_s <= 1.0 + DRIFT_PRIOR * N_READINGS * 31
    # Within one round trip the clocks drift too.
    assert abs(here_s - now_s) <= uncertainty_s + 2 * DRIFT_PRIOR + 1e-9


def test_the_quickest_answer_counts() -> None:
    clock = PeerClock()
    clock.add(0.0, 1000.45, 0.5)
    clock.add(1.0, 1001.0005, 1.001)
    clock.add(2.0, 1002.4, 2.5)
    here_s, uncertainty_s = clock.here(1003.0)
    assert abs(here_s - 3.0) < 1e-9
    assert 0.0005 <= uncertainty_s < 0.001
