"""Stretches of messages: complete, and unknown exactly where a lost message may have told of."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.acquisition.sync import TtlSync
from rig_adapters.open_ephys.assembly import LATEST_S, Assembly, Wanted
from rig_adapters.open_ephys.order import Lost
from rig_adapters.open_ephys.wire import Continuous, Message, Spike, Ttl

RATE_HZ = 1000.0
BLOCK = 20
LATE = round(LATEST_S * RATE_HZ)
TTL = TtlSync(kind="ttl", line=2, edges="rising")
UNITS = {("E1", 0): 100, ("E1", 1): 101}


def assembly(names: dict[int, str] | None = None) -> Assembly:
    return Assembly(Wanted(UNITS, TTL, {}, {}, names or {}), RATE_HZ)


def data(start: int, channel: int = 0, n: int = BLOCK, rate_hz: float = RATE_HZ) -> Continuous:
    return Continuous(1, "s", channel, None, start, n, rate_hz, bytes(4 * n))


def spike(sample: int, unit: int = 1) -> Spike:
    return Spike(1, "s", "E1", sample, unit)


def put(each: Assembly, *items: Message | Lost) -> list[Stretch]:
    found = [each.put(item, 1.0) for item in items]
    return [stretch for stretch in found if stretch is not None]


@dataclass
class Sent:
    message: Message
    block: int


@st.composite
def acquisitions(draw: st.DrawFn) -> tuple[list[Sent], int]:
    """Draw all messages of some blocks of two channels, spikes of the block before among them."""
    n_blocks = draw(st.integers(4, 12))
    sent: list[Sent] = []
    late: list[int] = []
    for block in range(n_blocks):
        inside = [block * BLOCK + s for s in draw(st.lists(st.integers(0, BLOCK - 1), max_size=3))]
        delayed = draw(st.integers(0, len(inside)))
        sent += [Sent(spike(sample), block) for sample in late + inside[delayed:]]
        sent += [Sent(Ttl(1, "s", block * BLOCK, 2, True), block)]
        sent += [Sent(data(block * BLOCK, channel), block) for channel in (0, 1)]
        late = inside[:delayed]
    return sent, n_blocks


def unknown(sent: list[Sent], dropped: set[int], n_samples: int) -> list[bool]:
    """Say of each sample whether a lost message may have told of it, by the rule alone."""
    found = [False] * n_samples
    kept = [n for n, each in enumerate(sent) if isinstance(each.message, Continuous)]
    kept = [n for n in kept if n not in dropped]
    for lost in dropped:
        before = max((sent[n].block for n in kept if n < lost), default=0)
        after = min((sent[n].block for n in kept if n > lost), default=n_samples)
        for sample in range(before * BLOCK, min(n_samples, (after + 1) * BLOCK)):
            found[sample] = True
    return found


@given(acquisitions(), st.data())
def test_what_is_not_unknown_is_told_and_all_of_it(
    acquisition: tuple[list[Sent], int], draw: st.DataObject
) -> None:
    sent, n_blocks = acquisition
    n = n_blocks * BLOCK
    dropped = draw.draw(st.sets(st.integers(0, len(sent) - 1), max_size=6))
    items = [Lost(1, 2) if k in dropped else each.message for k, each in enumerate(sent)]

    stretches = put(assembly(), *items)

    told = [False] * n
    for stretch in stretches:
        for sample in range(stretch.from_sample, stretch.through_sample):
            assert not told[sample]
            told[sample] = True
    kept = [k for k, e in enumerate(sent) if isinstance(e.message, Continuous) and k not in dropped]
    # The first block may have begun before anybody listened; the last one is not over.
    first = (sent[kept[0]].block + 1) * BLOCK if kept else n
    last = sent[kept[-1]].block * BLOCK if kept else 0
    lost = unknown(sent, dropped, n)
    assert told == [first <= sample < last and not lost[sample] for sample in range(n)]
    spikes = [each.message.sample for each in sent if isinstance(each.message, Spike)]
    found = sorted(sample for stretch in stretches for sample in stretch.spike_samples.tolist())
    assert found == sorted(sample for sample in spikes if told[sample])
    edges = [sample for stretch in stretches for sample in stretch.sync_samples.tolist()]
    assert edges == [sample for sample in range(0, n, BLOCK) if told[sample]]


def test_only_the_units_that_are_wanted_are_told() -> None:
    stretches = put(
        assembly(), data(0), spike(21, 1), spike(22, 0), spike(23, 2), data(20), data(40)
    )

    (told,) = stretches
    assert told.spike_samples.tolist() == [21, 22]
    assert told.spike_unit_ids.tolist() == [101, 100]
    assert (told.newest_sample, told.heard_host_s) == (60, 1.0)


def test_blocks_shorter_than_a_detector_takes_are_held_back_for_it() -> None:
    each = assembly()
    stretches = put(each, *(data(start, n=2) for start in range(0, 40, 2)))

    assert stretches[0].from_sample == 2
    assert stretches[-1].through_sample == 40 - LATE


def test_samples_that_were_never_sent_are_a_gap() -> None:
    stretches = put(assembly(), data(0), data(20), data(40), data(100), data(120), data(140))

    assert [(s.from_sample, s.through_sample) for s in stretches] == [
        (20, 40),
        (40, 60),
        (100, 120),
        (120, 140),
    ]


def test_samples_that_go_back_are_another_acquisition() -> None:
    with pytest.raises(RecorderRestarted, match="anew"):
        put(assembly(), data(100), data(120), data(0))


def test_another_rate_is_another_acquisition() -> None:
    with pytest.raises(RecorderRestarted, match="anew"):
        put(assembly(), data(0), data(20, rate_hz=2000.0))


def test_a_spike_of_what_was_told_already_ends_the_recording() -> None:
    with pytest.raises(RecorderError, match="block late"):
        put(assembly(), data(0), data(20), data(40), data(60), spike(25), data(80))


def test_a_channel_that_is_no_longer_sent_is_said_by_its_name() -> None:
    both = [data(0), data(0, 1), data(20), data(20, 1), data(40), data(40, 1), data(60)]
    each = assembly({1: "ADC1"})
    put(each, *both)
    with pytest.raises(RecorderError, match="ADC1"):
        put(each, data(80))


def test_a_channel_that_came_to_harm_is_no_reason_to_end() -> None:
    each = assembly({1: "ADC1"})
    stretches = put(
        each,
        data(0),
        data(0, 1),
        data(20),
        Lost(1, 2),
        data(40),
        data(40, 1),
        data(60),
        data(60, 1),
    )

    assert [(s.from_sample, s.through_sample) for s in stretches] == []
    assert put(each, data(80))[0].from_sample == 60


def test_nothing_is_kept_of_what_is_unknown() -> None:
    each = assembly()
    for start in range(0, 2000, BLOCK):
        put(each, spike(start), Lost(1, 2), data(start))

    assert len(each._spikes) <= 1


def test_empty_blocks_tell_nothing() -> None:
    assert put(assembly(), data(0), data(20, n=0), data(20), data(40)) != []
    assert np.array_equal(data(20, n=0).values(), np.zeros(0, np.float32))


def test_a_gap_lasts_until_a_detector_has_settled() -> None:
    each = Assembly(Wanted(UNITS, TTL, {}, {}, {}, settling=3), RATE_HZ)
    stretches = put(each, data(0), data(20), data(40), Lost(1, 2), data(60), data(80), data(100))

    assert [(s.from_sample, s.through_sample) for s in stretches] == [(23, 40), (83, 100)]
