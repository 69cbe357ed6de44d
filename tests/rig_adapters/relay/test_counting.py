"""Counts of a relay: each falls into the window of its own onset, or the message is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.relay.counting import Counting
from rig_adapters.relay.messages import Told

WINDOW = (50, 200)
UNITS = (101, 205)


def told(start: int, through: int, onsets: list[int], counts: dict[int, tuple[int, int]]) -> Told:
    return Told.model_validate(
        {
            "say": "recorded",
            "from": start,
            "through": through,
            "spikes": [],
            "onsets": onsets,
            "counts": [
                [onset, *divmod(unit, 100), n]
                for onset, numbers in counts.items()
                for unit, n in zip(UNITS, numbers, strict=True)
            ],
        }
    )


def counting() -> Counting:
    return Counting(WINDOW, list(UNITS))


@given(
    gaps=st.lists(st.integers(76, 400), min_size=1, max_size=12),
    numbers=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=12, max_size=12),
    steps=st.lists(st.integers(1, 500), min_size=5, max_size=40),
)
def test_every_window_finds_the_counts_of_its_own_onset_wherever_messages_end(
    gaps: list[int], numbers: list[tuple[int, int]], steps: list[int]
) -> None:
    onsets = (1000 + np.cumsum(gaps)).tolist()
    ends = 1000 + np.cumsum([*steps, 10_000])
    # No message may end in the second half of a window.
    ends = [e for e in ends.tolist() if not any(o + 125 < e < o + 200 for o in onsets)]
    follows, start = counting(), 1000
    samples, units = [], []
    for end in ends:
        over = {
            onset: number
            for onset, number in zip(onsets, numbers, strict=False)
            if start < onset + WINDOW[1] <= end
        }
        found = follows.take(told(start, end, [o for o in onsets if start <= o < end], over))
        assert ((found[0] >= start) & (found[0] < end)).all()
        samples += found[0].tolist()
        units += found[1].tolist()
        start = end
    for onset, number in zip(onsets, numbers, strict=False):
        inside = [u for s, u in zip(samples, units, strict=True) if onset + 50 <= s < onset + 200]
        assert (inside.count(101), inside.count(205)) == number


FAULTS = {
    "not all units": (told(0, 300, [0], {}), "not all units are counted"),
    "too early": (told(0, 150, [0], {0: (1, 1)}), "before its window is over"),
    "no such onset": (told(0, 300, [0], {0: (1, 1), 20: (1, 1)}), "onset 20"),
    "overlap": (told(0, 400, [0, 60], {0: (1, 1), 60: (1, 1)}), "overlap by half"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_told_apart_is_refused(fault: str) -> None:
    message, why = FAULTS[fault]
    with pytest.raises(RemoteProtocolError, match=why):
        counting().take(message)


def test_a_message_that_ends_in_the_second_half_of_a_window_is_refused_with_the_next() -> None:
    follows = counting()
    follows.take(told(0, 150, [0], {}))
    with pytest.raises(RemoteProtocolError, match="say nothing there"):
        follows.take(told(150, 300, [], {0: (1, 1)}))


def test_spikes_beside_counts_and_counts_twice_are_refused() -> None:
    message = told(0, 300, [0], {0: (1, 1)})
    with pytest.raises(RemoteProtocolError, match="no spikes"):
        counting().take(message.model_copy(update={"spikes": ((5, 1, 1),)}))
    with pytest.raises(RemoteProtocolError, match="counted twice"):
        counting().take(message.model_copy(update={"counts": message.counts * 2}))


def test_after_a_loss_counts_of_onsets_that_nobody_told_of_are_left_out() -> None:
    follows = counting()
    follows.take(told(0, 100, [20], {}))
    follows.lost()
    samples, _ = follows.take(told(500, 900, [600], {400: (3, 3), 600: (0, 2)}))
    assert samples.tolist() == [725, 725]
    # The window of an onset at 499 would reach so far, and nobody would know that it was there.
    assert follows.certain_from == 700
