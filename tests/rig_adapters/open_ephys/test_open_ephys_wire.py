"""Bytes of the ZMQ Interface: read as written and as its own client reads them, or refused."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.emulators.open_ephys.encode import Encoder
from rig_adapters.emulators.open_ephys.table import OpenEphysTable
from rig_adapters.open_ephys.wire import Continuous, Other, Spike, Ttl, Unreadable, decode

READ_BY_ITS_CLIENT = Path(__file__).with_name("read_by_its_client.json")
names = st.text(min_size=1, max_size=20)
samples = st.integers(0, 2**50)
tables = st.builds(
    OpenEphysTable,
    number_key=st.sampled_from(["message_num", "message_no"]),
    tells_names=st.booleans(),
    tells_time=st.booleans(),
)
rates = st.floats(1000.0, 1e6)


@given(tables, names, rates, st.integers(0, 5000), names, samples, st.integers(0, 50))
def test_continuous_channels_are_read_as_they_were_written(
    table: OpenEphysTable, stream: str, rate: float, channel: int, name: str, first: int, n: int
) -> None:
    values = np.arange(n, dtype="<f4") / 3
    message = decode(Encoder(table, stream, rate).data(channel, name, first, values.tobytes()))

    assert isinstance(message, Continuous)
    assert (message.number, message.stream, message.channel) == (1, stream, channel)
    assert message.channel_name == (name if table.tells_names else None)
    assert (message.first_sample, message.n_samples) == (first, n)
    assert message.sample_rate_hz == rate
    np.testing.assert_array_equal(message.values(), values)


@given(tables, names, samples, st.integers(0, 255), st.booleans(), st.integers(0, 2**64 - 1))
def test_events_are_read_as_they_were_written(
    table: OpenEphysTable, stream: str, sample: int, line: int, state: bool, word: int
) -> None:
    message = decode(Encoder(table, stream, 3e4).ttl(sample, line, state, word))

    assert message == Ttl(1, stream, sample, line + 1, state)


@given(tables, names, names, samples, st.integers(0, 99), st.integers(1, 60))
def test_spikes_are_read_as_they_were_written(
    table: OpenEphysTable, stream: str, electrode: str, sample: int, sorted_id: int, n: int
) -> None:
    encoder = Encoder(table, stream, 3e4)
    message = decode(encoder.spike(electrode, sample, sorted_id, bytes(4 * n)))

    assert message == Spike(1, stream, electrode, sample, sorted_id)


def whole_messages() -> list[list[bytes]]:
    encoder = Encoder(OpenEphysTable(), "probe", 30_000.0)
    return [
        encoder.data(0, "CH1", 5, bytes(8)),
        encoder.ttl(5, 3, True, 8),
        encoder.spike("Electrode 1", 5, 1, bytes(8)),
    ]


@given(st.sampled_from(whole_messages()), st.data())
def test_a_message_that_came_to_harm_is_refused_or_reads_as_one(
    frames: list[bytes], data: st.DataObject
) -> None:
    damaged = [bytearray(frame) for frame in frames]
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(st.sampled_from(damaged))
        if frame:
            at = data.draw(st.integers(0, len(frame) - 1))
            frame[at : at + data.draw(st.integers(1, 30))] = data.draw(st.binary(max_size=6))
    kept = damaged[: data.draw(st.integers(0, 3))]
    with suppress(Unreadable):
        assert decode([bytes(frame) for frame in kept]).number >= 0


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_garbage_is_refused_in_a_sentence(frames: list[bytes]) -> None:
    with pytest.raises(Unreadable, match="it"):
        decode(frames)


@pytest.mark.parametrize("header", [b"[" * 50_000, b"9" * 5000, b" " * 70_000, b"[]", b"\xff{}"])
def test_headers_made_to_break_a_reader_are_refused(header: bytes) -> None:
    with pytest.raises(Unreadable, match="header"):
        decode([b"DATA\0", header, b""])


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_message_without_its_last_frame_is_refused(kind: int) -> None:
    with pytest.raises(Unreadable, match="payload"):
        decode(whole_messages()[kind][:2])


def test_what_is_not_needed_takes_its_number_all_the_same() -> None:
    text = {"message_num": 7, "type": "param", "content": {"gain": 2}}
    empty = {
        "message_num": 8,
        "type": "event",
        "content": {"stream": "probe", "type": 5, "sample_num": 1, "source_node": 1},
        "data_size": 0,
    }

    assert decode([b"PARAM\0"[:0] + b"EVENT\0", json.dumps(text).encode()]) == Other(7, "")
    assert decode([b"EVENT\0", json.dumps(empty).encode()]) == Other(8, "probe")


def test_the_plugins_own_client_reads_the_same() -> None:
    """Frames of the emulator, and what the Python client of the plugin made of them."""
    read = json.loads(READ_BY_ITS_CLIENT.read_text(encoding="utf-8"))
    assert {each["client"]["type"] for each in read} == {"data", "event", "spike"}
    for each in read:
        message = decode([bytes.fromhex(frame) for frame in each["frames"]])
        client = each["client"]
        if isinstance(message, Continuous):
            assert client["values"] == message.values().tolist()
        elif isinstance(message, Ttl):
            # It counts lines from 0.
            assert (client["sample_num"], client["event_line"], client["event_state"]) == (
                message.sample,
                message.line - 1,
                message.state,
            )
        elif isinstance(message, Spike):
            assert (client["electrode"], client["sample_num"], client["sorted_id"]) == (
                message.electrode,
                message.sample,
                message.sorted_id,
            )
        assert client["message_num"] == message.number
