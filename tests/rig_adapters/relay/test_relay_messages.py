"""What relays say is read or refused, whatever it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.relay.messages import Hello, Told, read

HELLO = {
    "say": "hello",
    "relay": 1,
    "system": "Plexon",
    "sample_rate_hz": 40000.0,
    "units": [[13, 2], [13, 0]],
    "sees_onsets": True,
}
TOLD = {"say": "recorded", "from": 100, "through": 900, "spikes": [[150, 13, 2]], "onsets": [200]}


def data(table: Any) -> bytes:
    return json.dumps(table).encode()


def test_a_hello_is_read() -> None:
    hello = read(data(HELLO))
    assert isinstance(hello, Hello)
    assert hello.units == ((13, 2), (13, 0))


@given(
    st.integers(0, 2**40),
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 500), st.integers(0, 99)), max_size=20),
    st.lists(st.integers(0, 999), max_size=5),
)
def test_what_was_recorded_is_read_as_it_was_written(
    first: int, spikes: list[tuple[int, int, int]], onsets: list[int]
) -> None:
    table = {
        "say": "recorded",
        "from": first,
        "through": first + 1000,
        "spikes": [[first + sample, channel, unit] for sample, channel, unit in spikes],
        "onsets": [first + onset for onset in onsets],
    }
    told = read(data(table))
    assert isinstance(told, Told)
    assert (told.from_sample, told.through) == (first, first + 1000)
    assert [list(spike) for spike in told.spikes] == table["spikes"]
    assert list(told.onsets) == table["onsets"]


def test_fields_of_a_newer_relay_are_left_alone() -> None:
    assert isinstance(read(data({**TOLD, "waveforms": []})), Told)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({**HELLO, "relay": 2}, "version 2"),
        ({**HELLO, "units": []}, "units"),
        ({**HELLO, "units": [[1, 1], [1, 1]]}, "twice"),
        ({**HELLO, "units": [[1, 100]]}, "units"),
        ({**HELLO, "sample_rate_hz": 0}, "sample_rate_hz"),
        ({**TOLD, "through": 50}, "before from"),
        ({**TOLD, "spikes": [[99, 13, 2]]}, "outside"),
        ({**TOLD, "onsets": [900]}, "outside"),
        ({**TOLD, "spikes": [[150.5, 13, 2]]}, "spikes"),
        ({**TOLD, "from": "100"}, "from"),
        ({"say": "goodbye"}, "say"),
        ([1, 2], "say"),
        (None, "say"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(table: Any, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        read(data(table))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_noise_is_refused_and_nothing_else_is_raised(noise: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read(noise)


def test_very_deep_json_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        read(b"[" * 100_000)
