"""Messages in the order of their numbers, whatever happens to them on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.acquisition.source import RecorderRestarted
from rig_adapters.open_ephys.order import MEMORY, WINDOW, InOrder, Lost


def put_all(order: InOrder[int], numbers: list[int]) -> list[int | Lost]:
    return [item for number in numbers for item in order.put(number, hash(number), number)]


@given(
    st.integers(1, 10_000),
    st.integers(1, 400),
    st.sets(st.integers(1, 399), max_size=80),
    st.integers(0, 2**32),
)
def test_what_arrives_comes_in_order_and_what_does_not_is_lost(
    first: int, n: int, dropped: set[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sent = [i for i in range(n) if i not in dropped]
    # Nobody is overtaken by more than the window, and some come twice.
    late = [i + (rng.integers(0, WINDOW - 1) if i and rng.random() < 0.2 else 0) for i in sent]
    arrived = [first + sent[k] for k in np.argsort(late, kind="stable")]
    twice = [number for number in arrived for _ in range(1 + (rng.random() < 0.1))]
    after = list(range(first + n, first + n + WINDOW))

    told = put_all(InOrder(), [*twice, *after])

    numbers = [item for item in told if not isinstance(item, Lost)]
    lost = {i for item in told if isinstance(item, Lost) for i in range(item.first, item.through)}
    assert numbers == sorted(numbers)
    assert set(numbers) >= {first + i for i in sent}
    assert lost == {first + i for i in dropped if i < n}


def test_a_message_is_waited_for_to_the_end_of_the_window() -> None:
    order: InOrder[int] = InOrder()
    assert put_all(order, [1, *range(3, WINDOW + 2)]) == [1]
    assert put_all(order, [2]) == list(range(2, WINDOW + 2))
    assert put_all(order, list(range(WINDOW + 3, 2 * WINDOW + 3)))[0] == Lost(
        WINDOW + 2, WINDOW + 3
    )


def test_what_comes_after_it_was_given_up_is_dropped() -> None:
    order: InOrder[int] = InOrder()
    put_all(order, [1, *range(3, WINDOW + 10)])

    assert put_all(order, [2]) == []


def test_what_was_overtaken_by_the_first_that_was_heard_is_of_before() -> None:
    order: InOrder[int] = InOrder()

    assert put_all(order, [1000, 999, 1001]) == [1000, 1001]


@pytest.mark.parametrize("heard", [2, WINDOW, 3 * MEMORY])
def test_numbers_that_begin_anew_are_another_acquisition(heard: int) -> None:
    order: InOrder[int] = InOrder()
    put_all(order, list(range(1, heard)))

    with pytest.raises(RecorderRestarted, match="anew"):
        list(order.put(1, hash("another message"), 1))
