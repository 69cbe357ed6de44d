"""What is told of RHX's two streams, whichever way they come in; on a clock of the tests' own."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.acquisition.sync import PhotodiodeSync, TtlSync
from rig_adapters.intan.onsets import USB2, AnalogOnsets, LineOnsets
from rig_adapters.intan.telling import Telling, Terms
from rig_adapters.intan.wire import FRAMES, Blocks, Chunks

RATE_HZ = 30_000.0
WRITE_S = FRAMES / RATE_HZ
MARGIN_S = 0.01
UNIT_OF = {(b"A-001", 0x40): 100, (b"A-001", 1): 101, (b"A-002", 2): 202}
TTL = TtlSync(kind="ttl", line=2, edges="rising")


def telling(from_sample: int = 0, blocks_per_write: int = 1) -> Telling:
    return Telling(Terms(RATE_HZ, UNIT_OF, blocks_per_write, MARGIN_S), None, from_sample)


def blocks(*numbers: int, first: int = 0) -> Blocks:
    """Blocks by their numbers, the first of which begins at sample `first`."""
    starts = np.array([(first + FRAMES * n) % 2**32 for n in numbers], np.uint32)
    return Blocks(starts, np.zeros((len(numbers), FRAMES, 0), np.uint16))


def spikes(*each: tuple[str, int, int]) -> Chunks:
    return Chunks(
        np.array([name for name, _, _ in each], "S5"),
        np.array([sample % 2**32 for _, sample, _ in each], np.uint32),
        np.array([spike_id for _, _, spike_id in each], np.uint8),
    )


def hear(follows: Telling, which: Blocks, heard_s: float) -> None:
    """Hear blocks as they come from a clock that agrees with the host's."""
    follows.hear_blocks(which, heard_s)
    follows.newest_is(follows.expected, heard_s)


def through(stretches: list[Stretch]) -> list[tuple[int, int]]:
    return [(each.from_sample, each.through_sample) for each in stretches]


def test_nothing_is_told_before_spikes_have_had_the_time_to_come() -> None:
    follows = telling()
    hear(follows, blocks(0, 1), 1.0)
    assert follows.tell(1.0 + 0.9 * MARGIN_S) == []
    follows.hear_spikes(spikes(("A-001", 5, 1)))
    (stretch,) = follows.tell(1.0 + MARGIN_S)
    assert through([stretch]) == [(0, 2 * FRAMES)]
    assert stretch.spike_samples.tolist() == [5]
    assert stretch.spike_unit_ids.tolist() == [101]


def test_a_spike_proves_that_all_before_it_have_come() -> None:
    follows = telling()
    hear(follows, blocks(0, 1), 1.0)
    follows.hear_spikes(spikes(("A-001", 5, 1), ("H-127", 140, 0x80)))
    assert through(follows.tell(1.0)) == [(0, 140)]
    follows.hear_spikes(spikes(("A-002", 140, 2)))
    (stretch,) = follows.tell(1.0 + MARGIN_S)
    assert stretch.spike_samples.tolist() == [140]


def test_a_block_waits_for_as_many_more_as_come_in_one_write() -> None:
    follows = telling(blocks_per_write=3)
    hear(follows, blocks(0, 1), 1.0)
    assert follows.tell(5.0) == []
    hear(follows, blocks(2), 5.0)
    # The write of blocks 0 to 2 may still be without its spikes when block 3 begins elsewhere.
    assert through(follows.tell(6.0)) == [(0, FRAMES)]


def test_artifacts_other_channels_and_units_that_nobody_wants_are_not_told() -> None:
    follows = telling()
    hear(follows, blocks(0), 1.0)
    unwanted = [("A-001", 1, 0x80), ("A-001", 2, 4), ("A-002", 3, 1), ("B-001", 4, 1)]
    follows.hear_spikes(spikes(*unwanted, ("A-001", 6, 0x40), ("A-002", 7, 2)))
    (stretch,) = follows.tell(2.0)
    assert stretch.spike_samples.tolist() == [6, 7]
    assert stretch.spike_unit_ids.tolist() == [100, 202]


def test_missing_blocks_are_a_gap_and_nothing_else_is() -> None:
    follows = telling()
    hear(follows, blocks(0, 1, 4, 5, 7), 1.0)
    told = follows.tell(2.0)
    bounds = [(0, 2 * FRAMES), (4 * FRAMES, 6 * FRAMES), (7 * FRAMES, 8 * FRAMES)]
    assert through(told) == bounds


def test_what_was_before_the_beginning_is_not_told() -> None:
    follows = telling(from_sample=FRAMES + 10)
    hear(follows, blocks(0, 1, 2), 1.0)
    follows.hear_spikes(spikes(("A-001", FRAMES + 9, 1), ("A-001", FRAMES + 10, 1)))
    (stretch,) = follows.tell(2.0)
    assert through([stretch]) == [(FRAMES + 10, 3 * FRAMES)]
    assert stretch.spike_samples.tolist() == [FRAMES + 10]


def test_samples_go_on_where_timestamps_begin_anew() -> None:
    first = 2**32 - FRAMES - 7
    follows = telling(from_sample=first)
    hear(follows, blocks(0, 1, first=first), 1.0)
    hear(follows, blocks(2, first=first), 1.0 + WRITE_S)
    follows.hear_spikes(spikes(("A-001", first + 3, 1), ("A-001", first + 300, 1)))
    (stretch,) = follows.tell(2.0)
    assert through([stretch]) == [(first, first + 3 * FRAMES)]
    assert stretch.spike_samples.tolist() == [first + 3, first + 300]


@pytest.mark.parametrize("next_first", [0, FRAMES * 99, 2**31 + 5, FRAMES * 100 + 30_000])
def test_samples_that_are_counted_from_elsewhere_end_the_recording(next_first: int) -> None:
    follows = telling()
    hear(follows, blocks(*range(100)), 1.0)
    with pytest.raises(RecorderRestarted, match=r"anew.*Connect"):
        hear(follows, blocks(0, first=next_first), 1.0 + WRITE_S)


def test_a_long_loss_is_a_gap_where_time_has_passed_too() -> None:
    follows = telling()
    hear(follows, blocks(0), 1.0)
    hear(follows, blocks(0, first=30_000 * 60), 61.0)
    assert through(follows.tell(62.0)) == [(0, FRAMES), (1_800_000, 1_800_000 + FRAMES)]


def test_a_spike_of_time_that_was_told_ends_the_recording() -> None:
    follows = telling()
    hear(follows, blocks(0, 1), 1.0)
    assert follows.tell(2.0)
    follows.hear_spikes(spikes(("A-001", 5, 1)))
    hear(follows, blocks(2), 2.0)
    with pytest.raises(RecorderError, match=r"after their time was told.*spike_margin_s"):
        hear(follows, blocks(3), 2.0)


def test_spikes_of_a_new_count_are_not_taken_for_late_ones() -> None:
    follows = telling()
    hear(follows, blocks(*range(9)), 1.0)
    assert follows.tell(2.0)
    follows.hear_spikes(spikes(("A-001", 5, 1)))
    hear(follows, blocks(9), 2.0)
    with pytest.raises(RecorderRestarted):
        hear(follows, blocks(0), 2.0)


def test_where_spikes_were_harmed_all_that_was_not_told_is_given_up() -> None:
    follows = telling()
    hear(follows, blocks(0), 1.0)
    assert through(follows.tell(1.0 + MARGIN_S)) == [(0, FRAMES)]
    hear(follows, blocks(1), 1.02)
    follows.hear_spikes(spikes(("A-001", FRAMES + 1, 1)))
    follows.doubt(1.021)
    # Of this one, spikes may have been sent before the harm and come after it.
    hear(follows, blocks(2), 1.022)
    hear(follows, blocks(3, 4), 1.04)
    follows.hear_spikes(spikes(("A-001", 2 * FRAMES + 1, 1), ("A-001", 3 * FRAMES + 1, 1)))
    (stretch,) = follows.tell(2.0)
    assert through([stretch]) == [(3 * FRAMES, 5 * FRAMES)]
    assert stretch.spike_samples.tolist() == [3 * FRAMES + 1]


def test_after_a_connection_was_lost_only_what_is_newer_is_told() -> None:
    follows = telling()
    hear(follows, blocks(0, 1), 1.0)
    follows.resume_at(5 * FRAMES + 3)
    hear(follows, blocks(4, 5, 6), 1.1)
    assert through(follows.tell(2.0)) == [(5 * FRAMES + 3, 7 * FRAMES)]


@dataclass(frozen=True)
class Write:
    """One write of RHX, and when its two parts come."""

    first_block: int
    chunks: tuple[tuple[str, int, int], ...]
    waveforms_s: float
    spikes_s: float


@st.composite
def writes(draw: st.DrawFn, n_blocks: int) -> list[Write]:
    """Writes as a network brings them: each connection in order, spikes late by the margin."""
    block_s = n_blocks * WRITE_S
    made, number, waveforms_s, spikes_s = [], 0, 0.0, 0.0
    for _ in range(draw(st.integers(3, 12))):
        number += n_blocks * draw(st.sampled_from([0, 0, 0, 1, 3]))
        sent_s = number * WRITE_S + block_s
        waveforms_s = max(waveforms_s, sent_s + draw(st.floats(0, 0.05)))
        spikes_s = max(spikes_s, sent_s + draw(st.floats(0, 0.05)))
        # The margin is what the spikes can be late against waveforms that were sent after them.
        spikes_s = min(spikes_s, sent_s + block_s + 0.9 * MARGIN_S)
        first, last = number * FRAMES, (number + n_blocks) * FRAMES
        samples = sorted(draw(st.lists(st.integers(first, last - 1), max_size=4)))
        outputs = st.sampled_from([("A-001", 1), ("A-002", 2), ("A-001", 0x80)])
        chunks = tuple((name, at, i) for at in samples for name, i in [draw(outputs)])
        made.append(Write(number, chunks, waveforms_s, spikes_s))
        number += n_blocks
    return made


@settings(max_examples=60)
@given(st.data(), st.sampled_from([1, 3]))
def test_however_the_streams_interleave_what_is_told_is_what_was_sent(
    data: st.DataObject, n_blocks: int
) -> None:
    sent = data.draw(writes(n_blocks))
    follows = telling(blocks_per_write=n_blocks)
    moments = sorted({t for each in sent for t in (each.waveforms_s, each.spikes_s)})
    told: list[Stretch] = []
    come: list[int] = []
    for moment_s in [*moments, moments[-1] + 1.0]:
        for each in sent:
            if each.waveforms_s == moment_s:
                come += range(each.first_block, each.first_block + n_blocks)
                # The last of them cannot be believed yet.
                hear(follows, blocks(*come[:-1]), moment_s)
                come = come[-1:]
        for each in sent:
            if each.spikes_s == moment_s:
                follows.hear_spikes(spikes(*each.chunks))
        told += follows.tell(moment_s)
    known = np.zeros(sent[-1].first_block * FRAMES + n_blocks * FRAMES, np.int64)
    for stretch in told:
        known[stretch.from_sample : stretch.through_sample] += 1
    expected = np.zeros_like(known)
    for each in sent:
        expected[each.first_block * FRAMES : (each.first_block + n_blocks) * FRAMES] = 1
    # All writes are told of but the last, of which no later one has come.
    proved = told[-1].through_sample
    np.testing.assert_array_equal(known[:proved], expected[:proved])
    assert proved >= (sent[-2].first_block + n_blocks) * FRAMES
    heard = [
        pair
        for stretch in told
        for pair in zip(stretch.spike_samples, stretch.spike_unit_ids, strict=True)
    ]
    wanted = [(at, 101 if i == 1 else 202) for w in sent for _, at, i in w.chunks if i != 0x80]
    assert sorted(heard) == sorted(pair for pair in wanted if pair[0] < proved)
    assert all(a.through_sample <= b.from_sample for a, b in itertools.pairwise(told))


def line_words(*states: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Words whose second line has these states, and others are in the way."""
    return np.array([0b101 | state << 1 for state in states], np.uint16)


def test_onsets_of_a_line_are_found_across_chunks_and_not_across_a_gap() -> None:
    finder = LineOnsets(TTL)
    assert finder.feed(0, line_words(1, 1, 0, 1)).tolist() == [3]
    assert finder.feed(4, line_words(1, 0)).tolist() == []
    assert finder.feed(6, line_words(1, 0)).tolist() == [6]
    assert finder.feed(10, line_words(1, 0, 1)).tolist() == [12]


@pytest.mark.parametrize(("edges", "found"), [("falling", [1]), ("both", [1, 3])])
def test_onsets_of_a_line_are_the_edges_that_are_asked_for(edges: str, found: list[int]) -> None:
    sync = TtlSync.model_validate({"kind": "ttl", "line": 2, "edges": edges})
    assert LineOnsets(sync).feed(0, line_words(1, 0, 0, 1)).tolist() == found


@pytest.mark.parametrize(
    ("controller", "dark", "lit"),
    [("ControllerRecordUSB3", 32768, 32768 + 3200), (USB2, 0, round(1 / 50.354e-6))],
)
def test_a_photodiode_is_read_in_volts_of_each_controller(
    controller: str, dark: int, lit: int
) -> None:
    sync = PhotodiodeSync(kind="photodiode", channel="ANALOG-IN-1", dark=0.0, lit=1.0)
    words = np.array([dark] * 5 + [lit] * 5, np.uint16)
    assert AnalogOnsets(sync, RATE_HZ, controller).feed(100, words).tolist() == [105]
