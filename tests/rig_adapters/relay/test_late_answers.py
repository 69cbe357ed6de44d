"""A relay that was there first is asked at each of its messages who it is, and answers each."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from rig_adapters.acquisition.source import RecorderRestarted
from rig_adapters.relay.settings import RelaySettings
from rig_adapters.relay.source import RelaySource

HELLO = {
    "say": "hello",
    "relay": 1,
    "system": "OmniPlex",
    "sample_rate_hz": 1000.0,
    "units": [[1, 1]],
    "sees_onsets": True,
}


@contextmanager
def relay_and_source(folder: Path) -> Iterator[tuple[Any, RelaySource]]:
    address = f"ipc://{folder / 'relay'}"
    context = zmq.Context()
    relay = context.socket(zmq.DEALER)
    relay.setsockopt(zmq.LINGER, 0)
    source = RelaySource(RelaySettings(listen_at=address))
    relay.connect(address)
    try:
        yield relay, source
    finally:
        source.close()
        relay.close()
        context.term()


def say(relay: Any, message: dict[str, Any]) -> None:
    relay.send(json.dumps(message).encode())


def recorded(start: int) -> dict[str, Any]:
    return {"say": "recorded", "from": start, "through": start + 10, "spikes": [], "onsets": []}


def hear(source: RelaySource, n: int) -> None:
    for _ in range(n):
        assert source.readable()[0].poll(5000)
        source._hear()


def ask_three_times(relay: Any, source: RelaySource) -> None:
    for start in (0, 10, 20):
        say(relay, recorded(start))
    hear(source, 3)
    for _ in range(3):
        assert json.loads(relay.recv())["say"] == "who"


def test_answers_that_come_when_it_is_known_already_are_no_restart(tmp_path: Path) -> None:
    with relay_and_source(tmp_path) as (relay, source):
        ask_three_times(relay, source)
        say(relay, HELLO)
        hear(source, 1)
        source.begin()
        say(relay, recorded(30))
        say(relay, HELLO)
        say(relay, HELLO)
        say(relay, recorded(40))
        stretches = []
        while len(stretches) < 2:
            assert source.readable()[0].poll(5000)
            stretches += source.take()
    assert [(s.from_sample, s.through_sample) for s in stretches] == [(30, 40), (40, 50)]


@pytest.mark.parametrize("answers", [1, 3])
def test_a_hello_that_nobody_asked_for_is_a_restart(tmp_path: Path, answers: int) -> None:
    with relay_and_source(tmp_path) as (relay, source):
        ask_three_times(relay, source)
        for _ in range(3):
            say(relay, HELLO)
        hear(source, 3)
        source.begin()
        for _ in range(answers):
            say(relay, HELLO)
        assert source.readable()[0].poll(5000)
        with pytest.raises(RecorderRestarted, match="started anew"):
            source.take()


def test_an_answer_that_says_something_else_is_a_restart(tmp_path: Path) -> None:
    with relay_and_source(tmp_path) as (relay, source):
        ask_three_times(relay, source)
        say(relay, HELLO)
        hear(source, 1)
        source.begin()
        say(relay, HELLO | {"units": [[2, 1]]})
        assert source.readable()[0].poll(5000)
        with pytest.raises(RecorderRestarted, match="started anew"):
            source.take()
