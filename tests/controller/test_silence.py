"""Units that fall silent are told once, and again when they are back."""

import numpy as np

from controller.silence import FEWEST_SPIKES, SilentUnits


def spikes(**counts: int) -> np.ndarray:
    return np.concatenate([np.full(n, int(name[1:]), np.int64) for name, n in counts.items()])


def test_a_unit_that_fired_and_does_not_is_told_once_and_again_when_it_is_back() -> None:
    units, notes = [101, 201], SilentUnits()
    assert notes.told(0, spikes(u101=200, u201=50), units) == []
    (told,) = notes.told(1, spikes(u101=180), units)
    assert told.startswith("unit 201 did not fire once in block 1, but before")
    assert notes.told(2, spikes(u101=170), units) == []
    assert notes.told(3, spikes(u101=170, u201=1), units) == ["unit 201 fires again in block 3"]
    assert notes.told(4, spikes(u101=170), units) == []


def test_a_unit_that_hardly_fires_may_be_silent_for_a_block() -> None:
    units, notes = [101], SilentUnits()
    notes.told(0, spikes(u101=FEWEST_SPIKES - 1), units)
    assert notes.told(1, np.zeros(0, np.int64), units) == []
    notes.told(2, spikes(u101=FEWEST_SPIKES), units)
    assert len(notes.told(3, np.zeros(0, np.int64), units)) == 1


def test_a_unit_that_is_lost_in_the_middle_of_a_block_is_told_of() -> None:
    notes = SilentUnits()
    for block, n in enumerate((200, 150, FEWEST_SPIKES - 18)):
        assert notes.told(block, spikes(u101=n), [101]) == []
    assert len(notes.told(3, np.zeros(0, np.int64), [101])) == 1


def test_a_session_that_goes_on_remembers_who_fired_and_who_is_silent() -> None:
    units, notes = [101, 201], SilentUnits()
    blocks = np.repeat([0, 1], [250, 180])
    fired = np.concatenate([spikes(u101=200, u201=50), spikes(u101=180)]).astype(np.int32)
    notes.recall(blocks, fired, units)
    assert notes.told(2, spikes(u101=170), units) == []
    silent, again = notes.told(3, spikes(u201=10), units)
    assert silent.startswith("unit 101 did not fire")
    assert again == "unit 201 fires again in block 3"


def test_a_whole_array_that_falls_silent_is_one_sentence() -> None:
    units, notes = list(range(1, 97)), SilentUnits()
    notes.told(0, np.repeat(units, FEWEST_SPIKES), units)
    (told,) = notes.told(1, np.zeros(0, np.int64), units)
    assert "unit 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 86 more" in told
