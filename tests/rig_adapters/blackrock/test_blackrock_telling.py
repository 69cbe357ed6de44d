"""What is told of packets that are lost, overtaken, late or of another acquisition. No sockets."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.acquisition.sync import TtlSync
from rig_adapters.blackrock.balance import Balance, Monitor
from rig_adapters.blackrock.clock import DeviceClock, clock_of
from rig_adapters.blackrock.telling import Telling, Terms
from rig_adapters.blackrock.wire import parse
from rig_adapters.emulators.blackrock.encode import Encoder
from rig_adapters.emulators.blackrock.stream import BLOCK_SAMPLES, Datagram, Stream
from rig_adapters.emulators.blackrock.table import BlackrockTable
from rig_adapters.sim.simulation import Recorded

N_BLOCKS = 40
FIRST = 30_000
MARGIN = 300
Samples = npt.NDArray[np.int64]


def telling(margin: int = MARGIN) -> Telling:
    sync = TtlSync(kind="ttl", line=1, edges="rising")
    units = {(1, 1): 101, (2, 1): 201}
    return Telling(Terms(units, 279, sync, margin), DeviceClock(False, BLOCK_SAMPLES))


def recorded(first: int = FIRST, n_blocks: int = N_BLOCKS) -> list[Recorded]:
    """Blocks in which two units fire at random, 250 times a second, with some onsets."""
    rng, blocks = np.random.default_rng(3), []
    for start in range(first, first + n_blocks * BLOCK_SAMPLES, BLOCK_SAMPLES):
        samples = np.sort(rng.choice(BLOCK_SAMPLES, 5, replace=False)) + start
        units = rng.choice(np.array([101, 201], np.int32), 5)
        edges = start + rng.choice(BLOCK_SAMPLES, int(rng.integers(2)), replace=False)
        blocks.append(Recorded(start, start + BLOCK_SAMPLES, samples, units, edges))
    return blocks


def sent_of(blocks: Sequence[Recorded], **table: Any) -> list[Datagram]:
    about = BlackrockTable(datagram_bytes=400, **table)
    stream = Stream(about, 30_000.0, np.random.default_rng(4))
    return [datagram for block in blocks for datagram in stream.block(block)]


BLOCKS = recorded()
SENT = sent_of(BLOCKS)


def heard(datagrams: Sequence[bytes], into: Telling | None = None) -> list[Stretch]:
    into = into or telling()
    return [each for data in datagrams for each in into.hear(parse([data])[0], 0.0)]


def known_of(told: Sequence[Stretch], blocks: Sequence[Recorded]) -> npt.NDArray[np.bool_]:
    """Which samples were told; and that what was told of them is what was sent."""
    known = np.zeros(FIRST + (N_BLOCKS + 5) * BLOCK_SAMPLES, np.bool_)
    for stretch in told:
        assert not known[stretch.from_sample : stretch.through_sample].any()
        known[stretch.from_sample : stretch.through_sample] = True
        for samples, of_blocks in (
            (stretch.spike_samples, [block.spike_samples for block in blocks]),
            (stretch.sync_samples, [block.sync_samples for block in blocks]),
        ):
            sent = np.sort(np.concatenate(of_blocks))
            inside = (sent >= stretch.from_sample) & (sent < stretch.through_sample)
            np.testing.assert_array_equal(np.sort(samples), sent[inside])
    return known


def gaps_of(told: Sequence[Stretch]) -> list[tuple[int, int]]:
    return [
        (before.through_sample, after.from_sample)
        for before, after in itertools.pairwise(told)
        if before.through_sample != after.from_sample
    ]


def test_all_is_told_but_the_beginning_and_the_end() -> None:
    told = heard([each.data for each in SENT])

    known = known_of(told, BLOCKS)
    assert gaps_of(told) == []
    assert told[0].from_sample <= FIRST + 6 * BLOCK_SAMPLES
    assert told[-1].through_sample >= FIRST + (N_BLOCKS - 4) * BLOCK_SAMPLES
    assert known.sum() == told[-1].through_sample - told[0].from_sample


def test_it_makes_no_difference_how_much_comes_at_once() -> None:
    datagrams = [each.data for each in SENT]
    at_once = telling().hear(parse(datagrams)[0], 0.0)

    known = known_of(at_once, BLOCKS)
    np.testing.assert_array_equal(known, known_of(heard(datagrams), BLOCKS))


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, len(SENT) - 1), max_size=12))
def test_whatever_is_lost_what_is_told_is_what_was_sent(lost: set[int]) -> None:
    told = heard([each.data for each in SENT if each.number not in lost])
    known_of(told, BLOCKS)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(0, len(SENT) - 1), max_size=4),
    st.dictionaries(st.integers(0, len(SENT) - 1), st.integers(1, 4), max_size=4),
)
# What is overtaken here has as many packets as what is lost soon after, and comes in its place.
@example({46}, {42: 2})
@example({66}, {52: 4, 0: 1, 57: 4})
def test_what_is_overtaken_is_neither_lost_nor_told_wrongly(
    lost: set[int], late: dict[int, int]
) -> None:
    kept = [each for each in SENT if each.number not in lost]
    kept.sort(key=lambda each: each.number + late.get(each.number, 0) + 0.5 * (each.number in late))
    known_of(heard([each.data for each in kept]), BLOCKS)


@pytest.mark.parametrize("number", range(len(SENT) // 2, len(SENT) // 2 + 4))
def test_one_that_is_overtaken_alone_costs_nothing(number: int) -> None:
    swapped = list(SENT)
    swapped[number : number + 2] = [SENT[number + 1], SENT[number]]
    assert gaps_of(heard([each.data for each in swapped])) == []


@pytest.mark.parametrize("number", range(len(SENT) // 2, len(SENT) // 2 + 4))
def test_a_lost_datagram_is_a_gap_about_it(number: int) -> None:
    told = heard([each.data for each in SENT if each.number != number])

    ((start, stop),) = gaps_of(told)
    block = number * N_BLOCKS // len(SENT)
    assert start < FIRST + block * BLOCK_SAMPLES < FIRST + (block + 1) * BLOCK_SAMPLES <= stop
    assert stop - start <= 10 * BLOCK_SAMPLES


def test_a_loss_that_another_packet_makes_up_for_by_coming_early_is_found() -> None:
    encoder, told = Encoder(BlackrockTable()), telling()
    stretches: list[Stretch] = []
    for n in range(20):
        start = FIRST + n * BLOCK_SAMPLES
        # A spike is told a little late, from the end of the block before.
        spike = encoder.spike(start - 100, 1, 1, bytes(96))
        monitor, beat = encoder.monitor(start, 3, n), encoder.heartbeat(start + 290)
        packets = [spike, beat, monitor]
        if n == 10:
            # The spike of this block is lost, and that of the next one has come already.
            packets[0] = encoder.spike(start + BLOCK_SAMPLES - 100, 1, 1, bytes(96))
        stretches += heard(packets[1:] if n == 11 else packets, told)
    ((start, stop),) = gaps_of(stretches)
    assert start <= FIRST + 10 * BLOCK_SAMPLES - 100 < stop


def jumping(by: int, stretches: list[Stretch]) -> None:
    """Add what is told of forty heartbeats, from the twentieth on of a clock that has jumped."""
    encoder, told = Encoder(BlackrockTable()), telling()
    for n in range(40):
        sample = FIRST + n * BLOCK_SAMPLES + (by if n >= 20 else 0)
        stretches += heard([encoder.heartbeat(sample), encoder.monitor(sample, 2, n)], told)


def test_a_clock_that_jumps_ahead_is_a_gap_in_which_nobody_recorded() -> None:
    stretches: list[Stretch] = []
    jumping(9000, stretches)
    last, first = FIRST + 19 * BLOCK_SAMPLES, FIRST + 20 * BLOCK_SAMPLES + 9000
    assert gaps_of(stretches) == [(last - MARGIN, first + MARGIN)]


@pytest.mark.parametrize("back", [150, 450, 600, 9000])
def test_a_clock_that_goes_back_is_another_acquisition(back: int) -> None:
    stretches: list[Stretch] = []
    with pytest.raises(RecorderRestarted, match="anew"):
        jumping(-back, stretches)
    assert stretches[-1].through_sample <= FIRST + 19 * BLOCK_SAMPLES


def test_monitor_packets_that_are_numbered_anew_are_another_acquisition() -> None:
    balance = Balance()
    numbers = [*range(100, 110), 0, 1]
    for received, number in enumerate(numbers):
        list(balance.put(Monitor(number, 1, received)))
    with pytest.raises(RecorderRestarted, match="anew"):
        list(balance.put(Monitor(2, 1, len(numbers))))


def test_an_instrument_that_is_started_anew_is_another_acquisition() -> None:
    into = telling()
    heard([each.data for each in SENT], into)
    with pytest.raises(RecorderRestarted, match="anew"):
        heard([each.data for each in sent_of(recorded(0, 6))], into)


def test_a_spike_that_comes_after_its_time_was_told_ends_it_in_a_sentence() -> None:
    encoder, packets = Encoder(BlackrockTable()), []
    for n in range(40):
        sample = FIRST + n * BLOCK_SAMPLES
        late = [encoder.spike(sample - 2000, 1, 1, bytes(96))] if n == 20 else []
        monitor = encoder.monitor(sample, 2 + len(late), n)
        packets += [*late, encoder.heartbeat(sample), monitor]
    with pytest.raises(RecorderError, match="margin_s"):
        heard(packets)


def test_spikes_of_noise_and_of_other_units_are_counted_and_not_told() -> None:
    blocks = recorded()
    told = heard([each.data for each in sent_of(blocks, noise=1.0, continuous=1)])

    known_of(told, blocks)
    assert gaps_of(told) == []
    units = np.concatenate([each.spike_unit_ids for each in told])
    assert set(units.tolist()) == {101, 201}


@pytest.mark.parametrize("edges", ["rising", "falling", "both"])
def test_edges_are_those_of_the_line_that_was_asked_for(edges: Any) -> None:
    sync = TtlSync(kind="ttl", line=2, edges=edges)
    told = Telling(Terms({(1, 1): 101}, 279, sync, MARGIN), DeviceClock(False, BLOCK_SAMPLES))
    encoder, stretches = Encoder(BlackrockTable()), []
    for n in range(20):
        sample = FIRST + n * BLOCK_SAMPLES
        # Lines 1 and 2: line 2 rises, line 1 rises, line 2 falls, line 1 falls.
        changes = [(0b10, 0b10), (0b11, 0b01), (0b01, 0b10), (0b00, 0b01)]
        packets = [encoder.digital(sample + k, *each) for k, each in enumerate(changes)]
        packets += [encoder.heartbeat(sample + 290), encoder.monitor(sample, 6, n)]
        stretches += heard(packets, told)
    seen = {int(each) % BLOCK_SAMPLES for one in stretches for each in one.sync_samples}
    assert seen == {"rising": {0}, "falling": {2}, "both": {0, 2}}[edges]


@given(st.integers(0, 2**45), st.sampled_from(["samples", "ns"]))
def test_time_in_samples_and_in_ns_is_the_same_sample(sample: int, clock: Any) -> None:
    encoder = Encoder(BlackrockTable(clock=clock))
    beats = [encoder.heartbeat(sample + 300 * n) for n in range(5)]
    times = parse([b"".join(beats)])[0].times
    found = clock_of(times.tolist())

    assert found == DeviceClock(clock == "ns", 300)
    assert found.samples(times).tolist() == [sample + 300 * n for n in range(5)]


@pytest.mark.parametrize("times", [[5, 5, 5], [0, 10**9, 2 * 10**9], [0, 20_000, 40_000]])
def test_heartbeats_of_no_instrument_are_refused(times: list[int]) -> None:
    with pytest.raises(RecorderError, match="heartbeats"):
        clock_of(times)
