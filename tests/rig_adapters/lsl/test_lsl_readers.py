"""Samples of LSL streams become what is known of which time: exactly, whatever was lost."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted
from rig_adapters.acquisition.sync import NoSync, PhotodiodeSync, TtlSync
from rig_adapters.lsl.described import Described
from rig_adapters.lsl.portions import Meeting, Portion
from rig_adapters.lsl.readers import CountReader, DiodeReader, EventReader, Values

RATE_HZ = 1000.0
HEARTBEAT = 20
TTL = TtlSync(kind="ttl", line=3, edges="rising")
UNITS = (("1", "1", ""), ("2", "0", ""))
EVENTS = Described(
    name="spikes",
    host="here",
    rate_hz=0.0,
    number="double64",
    n_columns=3,
    labels=("channel", "unit", "counter"),
    format="1",
    sample_rate_hz="1000",
    heartbeat_s="0.02",
    units=UNITS,
)
COUNTS = replace(EVENTS, rate_hz=100.0, labels=("101", "200", "counter"))
LEVELS = replace(EVENTS, rate_hz=500.0, labels=("diode", "counter"), n_columns=2, units=())
DIODE = PhotodiodeSync(kind="photodiode", channel="diode", dark=0.0, lit=1.0)

Sample = tuple[int, int, int]
"""Tick, channel, unit."""


@st.composite
def sent(draw: st.DrawFn) -> list[Sample]:
    """Draw what an outlet sends: spikes, changes of a line, heartbeats; in the order of time."""
    steps = draw(st.lists(st.integers(0, HEARTBEAT), min_size=2, max_size=40))
    ticks = np.cumsum(steps).tolist()
    what = st.sampled_from([(1, 1), (2, 0), (9, 9), (3, -2), (3, -3), (4, -2), (0, -1)])
    return [(10_000 + tick, *draw(what)) for tick in ticks]


def chunks(table: Values, cuts: list[int]) -> list[Values]:
    return np.split(table, sorted({cut % (len(table) + 1) for cut in cuts}))


def told(reader: EventReader | CountReader | DiodeReader, parts: list[Values]) -> list[Portion]:
    return [p for part in parts for p in reader.feed(part[:, 0] / RATE_HZ, part[:, 1:])]


def with_counter(samples: list[Sample]) -> Values:
    return np.array([(*sample, n) for n, sample in enumerate(samples)], np.float64)


def known(portions: list[Portion]) -> set[int]:
    """Every tick that is known; none is told twice, and none out of order."""
    ticks: list[int] = []
    for portion in portions:
        assert portion.from_tick < portion.through_tick
        ticks += range(portion.from_tick, portion.through_tick)
    assert ticks == sorted(set(ticks))
    return set(ticks)


def spikes_of(portions: list[Portion]) -> list[tuple[int, int]]:
    pairs = [zip(p.spikes.tolist(), p.unit_ids.tolist(), strict=True) for p in portions]
    return sorted(pair for each in pairs for pair in each)


def onsets_of(portions: list[Portion]) -> list[int]:
    return [tick for portion in portions for tick in portion.onsets.tolist()]


@given(
    sent(),
    st.sets(st.integers(0, 39)),
    st.lists(st.integers(0, 100), max_size=6),
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 4)), max_size=3),
)
def test_what_is_told_is_what_was_sent_and_what_was_lost_is_not_told(
    samples: list[Sample], lost: set[int], cuts: list[int], again: list[tuple[int, int]]
) -> None:
    table = with_counter(samples)
    kept = [n for n in range(len(samples)) if n not in lost]
    order = list(kept)
    for n, later in again:
        # Some come once more, after later ones.
        if n in kept:
            order.insert(order.index(n) + later, n)
    portions = told(EventReader(EVENTS, TTL, RATE_HZ), chunks(table[order], cuts))

    expected: set[int] = set()
    for n, after in pairwise(kept):
        if after == n + 1:
            expected |= set(range(samples[n][0], samples[after][0]))
    for n in kept:
        # Of the first moment after a loss, something may be missing.
        if n - 1 not in kept:
            expected.discard(samples[n][0])
    assert known(portions) == expected
    ids = {(1, 1): 101, (2, 0): 200}
    spikes = [(t, ids[c, u]) for t, c, u in samples if (c, u) in ids and t in expected]
    assert spikes_of(portions) == sorted(spikes)
    assert onsets_of(portions) == [t for t, c, u in samples if (c, u) == (3, -2) and t in expected]


@given(sent(), st.data())
def test_what_is_overtaken_is_in_a_loss(samples: list[Sample], data: st.DataObject) -> None:
    table = with_counter(samples)
    n = data.draw(st.integers(0, len(samples) - 2))
    later = data.draw(st.integers(n + 1, len(samples) - 1))
    order = [*range(n), *range(n + 1, later + 1), n, *range(later + 1, len(samples))]
    portions = told(EventReader(EVENTS, TTL, RATE_HZ), chunks(table[order], [later]))
    gone = [row for row in range(len(samples)) if row != n]
    alone = told(EventReader(EVENTS, TTL, RATE_HZ), [table[gone]])
    assert known(portions) == known(alone)
    assert spikes_of(portions) == spikes_of(alone)


def test_a_silence_longer_than_the_heartbeat_is_a_loss() -> None:
    rows = [(0, 0, -1), (20, 0, -1), (60, 1, 1), (80, 0, -1)]
    portions = told(EventReader(EVENTS, NoSync(kind="none"), RATE_HZ), [with_counter(rows)])
    assert [(p.from_tick, p.through_tick) for p in portions] == [(1, 20), (61, 80)]


def test_without_a_counter_the_time_stamps_alone_tell() -> None:
    stream = replace(EVENTS, labels=("channel", "unit"))
    rows = np.array([(0, 0, -1), (10, 1, 1), (20, 0, -1)], np.float64)
    portions = told(EventReader(stream, TTL, RATE_HZ), [rows[:1], rows[1:]])
    assert spikes_of(portions) == [(10, 101)]


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        ([(50, 0, -1, 7), (60, 0, -1, 8)], [(40, 0, -1, 9)], "time stamps .* went back"),
        ([(50, 0, -1, 7), (60, 0, -1, 8)], [(70, 0, -1, 0)], "counter .* began anew"),
    ],
)
def test_a_sender_that_begins_anew_is_noticed(
    first: list[tuple[int, ...]], then: list[tuple[int, ...]], why: str
) -> None:
    reader = EventReader(EVENTS, TTL, RATE_HZ)
    told(reader, [np.array(first, np.float64)])
    with pytest.raises(RecorderRestarted, match=why):
        told(reader, [np.array(then, np.float64)])


@pytest.mark.parametrize(
    "row", [(50, 1, 100, 1), (50, 1, -4, 1), (50, -1, 1, 1), (50, 1, np.nan, 1), (50, 1, 1, np.inf)]
)
def test_what_is_no_sample_of_the_format_is_refused(row: tuple[float, ...]) -> None:
    with pytest.raises(RecorderError, match="spikes"):
        told(EventReader(EVENTS, TTL, RATE_HZ), [np.array([row])])


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=20),
    st.sets(st.integers(0, 19)),
    st.lists(st.integers(0, 100), max_size=4),
    st.booleans(),
)
def test_counts_are_told_in_the_middle_of_their_bins(
    counts: list[tuple[int, int]], lost: set[int], cuts: list[int], counted: bool
) -> None:
    stream = COUNTS if counted else replace(COUNTS, labels=("101", "200"), n_columns=2)
    table = np.array([(500 + 10 * n, a, b, n) for n, (a, b) in enumerate(counts)], np.float64)
    kept = [n for n in range(len(counts)) if n not in lost]
    table = table[kept] if counted else table[kept][:, :3]
    portions = told(CountReader(stream, 0.01, RATE_HZ), chunks(table, cuts))

    whole = [n for n in kept if n - 1 in kept]
    assert known(portions) == {t for n in whole for t in range(490 + 10 * n, 500 + 10 * n)}
    expected = [(495 + 10 * n, 101) for n in whole for _ in range(counts[n][0])]
    expected += [(495 + 10 * n, 200) for n in whole for _ in range(counts[n][1])]
    assert spikes_of(portions) == sorted(expected)


def test_rates_are_no_counts() -> None:
    with pytest.raises(RecorderError, match="whole numbers"):
        told(CountReader(COUNTS, 0.01, RATE_HZ), [np.array([(500, 0.3, 1, 0)])])


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (replace(COUNTS, rate_hz=20.0), "wider than widest_bin_s"),
        (replace(COUNTS, rate_hz=0.0), "no bins"),
        (replace(COUNTS, n_columns=5), "columns"),
        (replace(COUNTS, units=()), "each of its units once"),
        (replace(COUNTS, units=(UNITS[0], UNITS[0])), "each of its units once"),
        (replace(COUNTS, units=(("one", "1", ""), UNITS[0])), "none"),
        (replace(COUNTS, number="float32"), "16.8 million"),
    ],
)
def test_a_stream_of_counts_that_does_not_fit_is_refused(stream: Described, why: str) -> None:
    with pytest.raises(RecorderError, match=why):
        CountReader(stream, 0.01, RATE_HZ)


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (replace(EVENTS, rate_hz=100.0), "counts"),
        (replace(EVENTS, labels=("channel", "counter", "counter")), "'unit'"),
        (replace(EVENTS, heartbeat_s=""), "heartbeat_s"),
        (replace(EVENTS, heartbeat_s="inf"), "heartbeat_s"),
        (replace(EVENTS, heartbeat_s="0.5"), "heartbeat"),
        (replace(EVENTS, number="float32"), "16.8 million"),
    ],
)
def test_a_stream_of_events_that_does_not_fit_is_refused(stream: Described, why: str) -> None:
    with pytest.raises(RecorderError, match=why):
        EventReader(stream, TTL, RATE_HZ)


@given(st.sets(st.integers(0, 99)), st.lists(st.integers(0, 200), max_size=4))
def test_edges_of_a_photodiode_are_found_but_not_across_a_loss(
    lost: set[int], cuts: list[int]
) -> None:
    level = np.repeat([0.0, 1.0, 0.0, 1.0], 25)
    table = np.array([(1000 + 2 * n, level[n], n) for n in range(100)])
    kept = [n for n in range(100) if n not in lost]
    portions = told(DiodeReader(LEVELS, DIODE, RATE_HZ), chunks(table[kept], cuts))
    expected = [1000 + 2 * n for n in (25, 50, 75) if {n - 1, n} <= set(kept)]
    assert onsets_of(portions) == expected
    for n in lost:
        assert 1000 + 2 * n not in known(portions)


@st.composite
def portions_of(draw: st.DrawFn) -> list[Portion]:
    """Draw what a stream tells, one unit that fires in every tick that is known."""
    ends = np.cumsum(draw(st.lists(st.integers(1, 9), min_size=2, max_size=12))).tolist()
    told = [(a, b) for a, b in pairwise(ends) if draw(st.booleans())]
    ticks = [np.arange(a, b, dtype=np.int64) for a, b in told]
    return [
        Portion(a, b, t, np.full_like(t, 101), t) for (a, b), t in zip(told, ticks, strict=True)
    ]


@given(portions_of(), portions_of(), st.integers(0, 12), st.integers(0, 12))
def test_only_what_both_streams_tell_of_is_known(
    spikes: list[Portion], onsets: list[Portion], i: int, j: int
) -> None:
    meeting = Meeting(10**6)
    met = [*meeting.meet(spikes[:i], onsets[:j]), *meeting.meet(spikes[i:], onsets[j:])]
    assert known(met) == known(spikes) & known(onsets)
    assert onsets_of(met) == sorted(known(met))
    assert [tick for tick, _ in spikes_of(met)] == sorted(known(met))


def test_a_stream_that_never_comes_is_not_waited_for_without_limit() -> None:
    meeting = Meeting(longest_ticks=100)
    none = np.zeros(0, np.int64)
    for n in range(1000):
        assert not list(meeting.meet([Portion(10 * n, 10 * n + 10, none, none, none)], []))
    met = list(meeting.meet([], [Portion(9000, 9950, none, none, none)]))
    assert known(met) == set(range(9890, 9950))
