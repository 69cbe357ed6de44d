"""Bytes of the instrument: as the emulator writes them, and as CereLink reads them.

read_by_cerelink.json has datagrams of the emulated instrument, and what the receiver of CereLink
(`cbdev` of June 2026, in a process of its own on loopback) said was in them: time, channel, type,
words of payload, instrument, kind, and the first three numbers of the payload beyond peaks.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.blackrock.wire import parse
from rig_adapters.emulators.blackrock.encode import Encoder
from rig_adapters.emulators.blackrock.stream import Stream
from rig_adapters.emulators.blackrock.table import BlackrockTable
from rig_adapters.sim.simulation import Recorded

READ_BY_CERELINK = json.loads(
    Path(__file__).with_name("read_by_cerelink.json").read_text(encoding="utf-8")
)
GEMINI = BlackrockTable(
    clock="ns", continuous=2, waveform_samples=32, instrument=1, ttl_line=3, noise=1.0
)
TABLES = st.builds(
    BlackrockTable,
    clock=st.sampled_from(["samples", "ns"]),
    instrument=st.integers(0, 3),
    front_end=st.integers(1, 1000),
)
SAMPLES = st.integers(0, 2**45)


def column(number: int) -> list[Any]:
    return [row[number] for each in READ_BY_CERELINK for row in each["packets"]]


def test_packets_are_read_as_cerelink_reads_them() -> None:
    packets, unreadable = parse([bytes.fromhex(each["bytes"]) for each in READ_BY_CERELINK])

    assert unreadable == 0
    assert packets.times.tolist() == column(0)
    assert packets.channels.tolist() == column(1)
    assert packets.types.tolist() == column(2)
    assert packets.lengths.tolist() == column(3)
    for kind, n in (("monitor", 2), ("dinp", 3)):
        rows = np.array([row for row, each in enumerate(column(5)) if each == kind])
        assert packets.payload(rows, n).tolist() == [column(6)[row] for row in rows]


def test_the_emulator_still_sends_what_cerelink_has_read() -> None:
    epoch, stream = round(1.75e9 * 30_000), Stream(GEMINI, 30_000.0, np.random.default_rng(5))
    sent = []
    for start in range(epoch, epoch + 900, 300):
        spikes = np.array([start + 20, start + 21, start + 290])
        units = np.array([100, 203, 256 * 100 + 5], np.int32)
        sent += stream.block(Recorded(start, start + 300, spikes, units, np.array([start + 100])))

    for each in READ_BY_CERELINK:
        assert sent[each["number"]].data.hex() == each["bytes"]


@given(TABLES, SAMPLES, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_every_packet_is_found_and_read_as_it_was_written(
    table: BlackrockTable, sample: int, value: int, changed: int
) -> None:
    encoder = Encoder(table)
    waveform = np.arange(31, dtype="<i2").tobytes()
    written = [
        encoder.spike(sample, 7, 3, waveform),
        encoder.heartbeat(sample + 1),
        encoder.group(sample + 2, b"\1\2\3\4\5\6"),
        encoder.digital(sample + 3, value, changed),
        encoder.monitor(sample + 4, 17, value),
    ]
    packets, unreadable = parse([b"".join(written[:2]), b"".join(written[2:])])

    assert unreadable == 0
    assert packets.channels.tolist() == [7, 0x8000, 0, encoder.digital_channel, 0x8000]
    assert packets.types.tolist() == [3, 0, 5, 0, 1]
    if table.clock == "samples":
        assert packets.times.tolist() == list(range(sample, sample + 5))
    assert packets.payload(np.array([3]), 3).tolist() == [[value, changed, 1]]
    assert packets.payload(np.array([4]), 2).tolist() == [[17, value]]


@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_the_datagrams_around_it_are_read(junk: bytes, first: bool) -> None:
    beat = Encoder(BlackrockTable()).heartbeat(5)
    packets, unreadable = parse([junk, beat] if first else [beat, junk])

    assert unreadable in (0, 1)
    if unreadable:
        assert packets.times.tolist() == [5]


def test_nothing_at_all_is_no_packet() -> None:
    packets, unreadable = parse([])
    assert (packets.times.size, unreadable) == (0, 0)


def test_a_datagram_that_was_cut_off_is_none() -> None:
    spike = Encoder(BlackrockTable()).spike(1, 7, 3, bytes(96))
    packets, unreadable = parse([spike[:-2], spike[:-4], spike[:10]])
    assert (packets.times.size, unreadable) == (0, 3)
