"""The source with an emulated instrument on loopback, whatever befalls the two."""

import socket
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.blackrock import listening, scan, source
from rig_adapters.blackrock.source import BlackrockSource, connect
from rig_adapters.emulators.truth import Truth

from .conftest import Start

PATIENCE_S = 30.0
RATE_HZ = 30_000


def recorded(listener: BlackrockSource, seconds: float) -> list[Stretch]:
    """Record for so long on the instrument's clock."""
    listener.begin()
    told = told_on(listener, seconds=seconds)
    listener.end()
    return told


def told_on(listener: BlackrockSource, seconds: float = 0.0, pieces: int = 1) -> list[Stretch]:
    """Return what is told until it is so long, and in so many pieces."""
    told: list[Stretch] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while (
        not told
        or told[-1].through_sample - told[0].from_sample < seconds * RATE_HZ
        or len(gaps_of(told)) < pieces - 1
    ):
        assert time.monotonic() < deadline_s
        told += listener.take()
        time.sleep(0.002)
    return told


def gaps_of(told: list[Stretch]) -> list[tuple[int, int]]:
    return [
        (a.through_sample, b.from_sample)
        for a, b in pairwise(told)
        if a.through_sample != b.from_sample
    ]


def check(told: list[Stretch], truth: Truth) -> None:
    """Compare what was told with what was sent."""
    for stretch in told:
        inside = (truth.spikes[:, 0] >= stretch.from_sample) & (
            truth.spikes[:, 0] < stretch.through_sample
        )
        found = np.stack([stretch.spike_samples, stretch.spike_unit_ids], axis=1)
        found = found[np.lexsort((found[:, 1], found[:, 0]))]
        np.testing.assert_array_equal(found, truth.spikes[inside])


@pytest.mark.parametrize(
    "vendor",
    [
        {"clock": "samples", "continuous": 3, "datagram_bytes": 58_080},
        {"clock": "ns", "epoch_s": 1.9e9, "instrument": 3, "waveform_samples": 128},
    ],
    ids=["samples", "ns"],
)
def test_every_spike_of_an_instrument_is_told(start: Start, vendor: dict[str, Any]) -> None:
    emulated = start(vendor=vendor, mischief={"repeat": 0.2})
    listener = connect(emulated.settings())
    told = recorded(listener, 0.5)
    listener.close()

    assert gaps_of(told) == []
    check(told, emulated.truth())
    assert sum(each.spike_samples.size for each in told) > 10


def test_a_recording_tells_nothing_of_what_was_before_it(start: Start) -> None:
    listener = connect(start().settings())
    first = recorded(listener, 0.1)
    time.sleep(0.2)
    second = recorded(listener, 0.1)
    listener.close()

    assert second[0].from_sample > first[-1].through_sample + 0.1 * RATE_HZ


def test_a_clock_that_jumps_ahead_is_a_gap(start: Start) -> None:
    emulated = start(mischief={"jump_after_s": 0.1, "jump_s": 0.5, "on_signal": True})
    listener = connect(emulated.settings())
    listener.begin()
    told = told_on(listener)
    emulated.make_mischief()
    told += told_on(listener, pieces=2)
    listener.close()

    (jump,) = [event for event in emulated.truth().events if event["event"] == "jumped"]
    ((first, last),) = gaps_of(told)
    assert first <= jump["at"] < jump["at"] + jump["by"] <= last
    check(told, emulated.truth())


@pytest.mark.parametrize(
    "mischief", [{"jump_after_s": 0.1, "jump_s": -0.4}, {"restart_after_s": 0.1}]
)
def test_time_that_begins_anew_is_another_acquisition(start: Start, mischief: Any) -> None:
    emulated = start(vendor={"epoch_s": 10.0}, mischief={**mischief, "on_signal": True})
    listener = connect(emulated.settings())
    listener.begin()
    told_on(listener)
    emulated.make_mischief()
    with pytest.raises(RecorderRestarted, match="anew"):
        take_until_it_refuses(listener)
    listener.close()


def take_until_it_refuses(listener: BlackrockSource) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        listener.take()
        time.sleep(0.002)


def test_an_instrument_that_falls_silent_is_told_in_a_sentence(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated = start()
    listener = connect(emulated.settings())
    monkeypatch.setattr(source, "SILENCE_S", 0.4)
    listener.begin()
    emulated.is_sending.clear()
    with pytest.raises(RecorderError, match="has sent nothing"):
        take_until_it_refuses(listener)
    listener.close()


def test_losses_without_end_are_told_in_a_sentence(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = connect(start(mischief={"drop": 0.6}).settings())
    monkeypatch.setattr(source, "SILENCE_S", 0.4)
    listener.begin()
    with pytest.raises(RecorderError, match="something of every stretch was lost"):
        take_until_it_refuses(listener)
    listener.close()


@pytest.mark.parametrize(
    ("vendor", "why"),
    [
        ({"protocol": "3.11"}, "not of protocol 4.1"),
        ({"protocol": "4.0"}, "no monitor packets|not of protocol 4.1"),
        ({"monitors": False}, "no monitor packets"),
    ],
)
def test_an_instrument_whose_losses_cannot_be_proved_is_refused(
    start: Start, vendor: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PATIENCE_S", 0.6)
    with pytest.raises(RecorderError, match=why):
        connect(start(vendor=vendor).settings())


def test_another_machine_than_the_one_that_was_named_is_told(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PATIENCE_S", 0.6)
    with pytest.raises(RecorderError, match=r"but from 127\.0\.0\.1"):
        connect(start().settings(host="127.0.0.2"))


def test_a_port_that_is_taken_is_told(start: Start) -> None:
    emulated = start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", emulated.addresses["port"]))
        with pytest.raises(RecorderError, match="end other programs"):
            connect(emulated.settings())


def test_a_scan_finds_an_instrument_and_takes_nothing_from_who_listens(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated = start()
    port = emulated.addresses["port"]
    monkeypatch.setattr(scan, "PORTS", (port,))
    monkeypatch.setattr(scan, "ADDRESSES", ("127.0.0.1",))

    (answer,) = scan.look("blackrock")
    assert answer.where == f"host 127.0.0.1, port {port}, listen 127.0.0.1"
    assert "1, 2" in answer.tells
    listener = connect(emulated.settings())
    listener.begin()
    assert list(scan.look("blackrock")) == []
    listener.close()


def test_what_is_no_instrument_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        monkeypatch.setattr(scan, "PORTS", (port,))
        monkeypatch.setattr(scan, "ADDRESSES", ("127.0.0.1",))
        monkeypatch.setattr(
            scan.time, "sleep", lambda _: sender.sendto(b"12345678", ("127.0.0.1", port))
        )
        assert list(scan.look("blackrock")) == []
