"""The source against an emulated RHX: its commands, and what it tells whatever befalls."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.emulators.truth import Truth
from rig_adapters.intan.commands import CommandConnection
from rig_adapters.intan.source import IntanSource, connect

from .conftest import RATE_HZ, Emulate, Rhx

LONG_S = 20.0
"""As long as anything may take."""


@contextmanager
def connected(settings: dict[str, Any]) -> Iterator[IntanSource]:
    source = connect(settings)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def commands(rhx: Rhx) -> Iterator[CommandConnection]:
    connection = CommandConnection("127.0.0.1", rhx.settings()["command_port"], patience_s=1.0)
    try:
        yield connection
    finally:
        connection.close()


def recorded(source: IntanSource, seconds: float) -> list[Stretch]:
    """What is told until so much was."""
    told: list[Stretch] = []
    deadline_s = time.monotonic() + LONG_S
    while not told or told[-1].through_sample < told[0].from_sample + seconds * RATE_HZ:
        assert time.monotonic() < deadline_s
        told += source.take()
        time.sleep(0.002)
    return told


def check(told: list[Stretch], truth: Truth, units: tuple[int, ...] = (101, 201, 301, 401)) -> int:
    """Compare with the truth, sample by sample; return how many samples are unknown."""
    first, last = told[0].from_sample, told[-1].through_sample
    known = np.zeros(last - first, np.bool_)
    for stretch in told:
        known[stretch.from_sample - first : stretch.through_sample - first] = True
    lost = np.zeros(last - first, np.bool_)
    for start, stop in truth.lost:
        lost[max(0, start - first) : max(0, stop - first)] = True
    np.testing.assert_array_equal(known, ~lost)
    spikes = np.concatenate([s.spike_samples for s in told])
    table = np.stack([spikes, np.concatenate([s.spike_unit_ids for s in told])], 1)
    sent = truth.spikes[np.isin(truth.spikes[:, 1], units)]
    np.testing.assert_array_equal(_sorted(table), _sorted(sent[_within(sent[:, 0], first, known)]))
    edges = truth.edges[_within(truth.edges, first, known)]
    np.testing.assert_array_equal(np.concatenate([s.sync_samples for s in told]), edges)
    assert len(table) > 0
    return int((~known).sum())


def _within(samples: Any, first: int, known: Any) -> Any:
    inside = (samples >= first) & (samples < first + len(known))
    inside[inside] = known[samples[inside] - first]
    return inside


def _sorted(table: Any) -> Any:
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def test_it_switches_on_what_it_needs_and_nothing_else(emulate: Emulate) -> None:
    with emulate(vendor={"running": True}) as rhx:
        with commands(rhx) as before:
            before.do(
                "set a-003.tcpdataoutputenabled true", "set digital-in-07.tcpdataoutputenabled true"
            )
        settings = rhx.settings()
        settings["channels"] = [{"name": "A-002", "channel": 7, "units": [1], "threshold_uv": -55}]
        with connected(settings) as source:
            about = source.describe()
            assert [unit.unit_id for unit in about.units] == [701]
            assert about.versions == {"Intan RHX": "3.4.0"}
            # Of an RHX that runs already, the size of its writes cannot be changed.
            assert about.delivery_s == 1 / 30 + 11 * 128 / RATE_HZ
        with commands(rhx) as after:
            assert after.get("a-002.spikethresholdmicrovolts") == "-55"
            assert after.get("a-002.tcpdataoutputenabledspike") == "True"
            assert after.get("a-003.tcpdataoutputenabled") == "False"
            assert after.get("digital-in-01.tcpdataoutputenabled") == "True"
            assert after.get("digital-in-07.tcpdataoutputenabled") == "False"


@pytest.mark.parametrize("mischief", [{}, {"drop": 0.03, "half": 0.1, "repeat": 0.03}])
def test_whatever_befalls_the_streams_what_is_told_is_what_was_sent(
    emulate: Emulate, mischief: dict[str, float]
) -> None:
    with emulate(mischief=mischief) as rhx, connected(rhx.settings()) as source:
        source.begin()
        unknown = check(recorded(source, 0.5), rhx.truth())
    assert (unknown > 0) == bool(mischief)


def test_spikes_that_come_after_the_next_waveforms_are_waited_for(emulate: Emulate) -> None:
    with (
        emulate(mischief={"reorder": 0.5}) as rhx,
        connected(rhx.settings(spike_margin_s=0.2)) as source,
    ):
        source.begin()
        check(recorded(source, 0.5), rhx.truth())


def test_writes_of_many_blocks_and_a_count_that_begins_anew_change_nothing(
    emulate: Emulate,
) -> None:
    with (
        emulate(vendor={"first_timestamp": 2**32 - 45_000}) as rhx,
        connected(rhx.settings(run="operator", blocks_per_write=5)) as source,
    ):
        # The operator presses Run.
        rhx.emulator._state.mode = "Run"
        source.begin()
        told = recorded(source, 0.1)
        assert told[0].from_sample < 2**32
        told += recorded(source, (2**32 + 3000 - told[-1].through_sample) / RATE_HZ)
        check(told, rhx.truth())


@pytest.mark.parametrize("controller", ["ControllerRecordUSB2", "ControllerRecordUSB3"])
def test_a_photodiode_marks_onsets_to_within_a_sample(emulate: Emulate, controller: str) -> None:
    channel = "ANALOG-IN-00" if controller.endswith("2") else "ANALOG-IN-1"
    sync = {"kind": "photodiode", "channel": channel, "dark": 0.2, "lit": 1.8}
    with (
        emulate(vendor={"controller": controller}, steady={"onset_interval_s": 0.05}) as rhx,
        connected(rhx.settings(sync=sync)) as source,
    ):
        source.begin()
        check(recorded(source, 0.4), rhx.truth())


def test_a_data_connection_that_is_lost_is_opened_again_and_costs_a_gap(emulate: Emulate) -> None:
    with emulate(vendor={"drop_data_after_s": 0.6}) as rhx, connected(rhx.settings()) as source:
        source.begin()
        told = recorded(source, 1.0)
        truth = rhx.truth()
    assert [event["event"] for event in truth.events] == ["disconnected"]
    gaps = [(a.through_sample, b.from_sample) for a, b in itertools.pairwise(told)]
    (gap,) = [gap for gap in gaps if gap[0] != gap[1]]
    truth.lost.append(gap)
    check(told, truth)


def test_a_command_connection_that_is_lost_names_the_button(emulate: Emulate) -> None:
    with emulate(vendor={"drop_commands_after_s": 0.5}) as rhx, connected(rhx.settings()) as source:
        source.begin()
        with pytest.raises(RecorderError, match="press Connect"):
            recorded(source, LONG_S)


def test_a_jump_of_the_count_ends_the_recording(emulate: Emulate) -> None:
    with (
        emulate(mischief={"jump_after_s": 1.0, "jump_s": 5.0}) as rhx,
        connected(rhx.settings()) as source,
    ):
        source.begin()
        with pytest.raises(RecorderRestarted, match="anew"):
            recorded(source, LONG_S)


@pytest.mark.parametrize("version", ["3.4.0", "3.5.0"])
def test_it_begins_and_ends_a_recording_to_a_file(emulate: Emulate, version: str) -> None:
    file = {"folder": "/data/of the lab", "name": "Alfa"}
    with emulate(vendor={"version": version}) as rhx:
        with connected(rhx.settings(run="record", file=file)) as source:
            source.begin()
            recorded(source, 0.05)
            assert rhx.emulator.acquiring
            source.end()
            assert not rhx.emulator.acquiring
        with commands(rhx) as after:
            assert after.get("filename.path") == "/data/of the lab"
            assert after.get("filename.basefilename") == "Alfa"


def test_an_rhx_that_the_operator_runs_goes_on_afterwards(emulate: Emulate) -> None:
    with emulate(vendor={"running": True}) as rhx:
        with connected(rhx.settings(run="operator")) as source:
            source.begin()
            recorded(source, 0.05)
            source.end()
        assert rhx.emulator.acquiring


@pytest.mark.parametrize(
    ("vendor", "more", "sentence"),
    [
        ({}, {"channels": [{"name": "H-127", "channel": 1, "units": [0]}]}, "h-127.*Unrecognized"),
        (
            {},
            {"sync": {"kind": "photodiode", "channel": "ANALOG-IN-9", "dark": 0, "lit": 1}},
            "Unrecognized",
        ),
        ({"connect_again_s": 0}, {"patience_s": 0.3, "command_port": 1}, "press Connect"),
    ],
)
def test_what_rhx_refuses_is_told_in_its_words(
    emulate: Emulate, vendor: dict[str, Any], more: dict[str, Any], sentence: str
) -> None:
    with emulate(vendor=vendor) as rhx, pytest.raises(RecorderError, match=sentence):
        connect(rhx.settings(**more))


@pytest.mark.parametrize(
    ("vendor", "run", "sentence"),
    [
        ({"running": True}, "record", "writes no file: press Stop"),
        ({}, "record", "Filename.BaseFilename and Filename.Path"),
        ({"upload_s": 60}, "run", "uploading"),
    ],
)
def test_a_run_that_cannot_begin_is_told(
    emulate: Emulate,
    monkeypatch: pytest.MonkeyPatch,
    vendor: dict[str, Any],
    run: str,
    sentence: str,
) -> None:
    monkeypatch.setattr("rig_adapters.intan.rhx.UPLOAD_S", 0.1)
    monkeypatch.setattr("rig_adapters.intan.commands.START_S", 0.3)
    with (
        emulate(vendor=vendor) as rhx,
        connected(rhx.settings(run=run)) as source,
        pytest.raises(RecorderError, match=sentence),
    ):
        source.begin()


def test_a_port_that_another_program_holds_is_told(
    emulate: Emulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig_adapters.intan.rhx.RELEASE_S", 0.1)
    with emulate() as rhx, connected(rhx.settings()) as source:
        port = rhx.settings()["waveform_port"]
        source._commands.do("execute connecttcpwaveformdataoutput")
        with (
            socket.create_connection(("127.0.0.1", port)),
            pytest.raises(RecorderError, match="waveform port is connected to another"),
        ):
            source.begin()


def test_nothing_that_rides_behind_a_run_is_answered_before_the_stop(emulate: Emulate) -> None:
    # What the adapter has to avoid; if the emulator did not do it, avoiding it would prove nothing.
    with emulate() as rhx, commands(rhx) as connection:
        with pytest.raises(RecorderError, match="did not answer"):
            connection.ask("set runmode run")
        assert rhx.emulator.acquiring
        assert connection.ask("get type", "set runmode stop") == "Return: Type ControllerRecordUSB3"


def test_an_rhx_that_is_slow_to_read_is_asked_again(
    emulate: Emulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It reads the question together with the command to run, and answers neither.
    monkeypatch.setattr("rig_adapters.intan.commands.SETTLING_S", 0.0)
    monkeypatch.setattr("rig_adapters.intan.commands.ANSWER_S", 0.3)
    with emulate() as rhx, commands(rhx) as connection:
        with rhx.busy():
            thread = threading.Thread(target=connection.start, args=("run",))
            thread.start()
            time.sleep(0.1)
        thread.join()
        assert connection.run_mode == "Run"
        connection.do("set runmode stop")
        assert connection.run_mode == "Stop"


def test_commands_are_answered_without_frames_and_errors_are_told_apart(emulate: Emulate) -> None:
    with emulate() as rhx, commands(rhx) as connection:
        assert connection.ask("get version", "get nonsense", "set x") == (
            "Return: Version 3.4.0Unrecognized parameter"
            "Error - Command 3: Set commands require a parameter and a value"
        )
        assert connection.run_mode == "Stop"
        assert connection.get("currenttimestamp") == "-1"
        with pytest.raises(RecorderError, match="refuses set version 3: Unrecognized"):
            connection.do("set version 3")
        with pytest.raises(RecorderError, match=r"does not set tcpnumber.*Acceptable: 1 to 100"):
            connection.set("tcpnumberdatablocksperwrite", 1000)
