"""The source of Open Ephys against an emulated one: what it finds, refuses and tells."""

import itertools
import socket
import threading
import time
from typing import Any

import numpy as np
import pytest
import zmq

from rig_adapters.acquisition.source import RecorderError, RecorderRestarted, Stretch
from rig_adapters.emulators.open_ephys.encode import Encoder
from rig_adapters.emulators.open_ephys.plugin import Plugin
from rig_adapters.emulators.open_ephys.table import OpenEphysTable
from rig_adapters.emulators.waveforms import Electrode
from rig_adapters.open_ephys import control, finding, heartbeat, scan
from rig_adapters.open_ephys.source import OpenEphysSource, connect
from rig_adapters.testing.recorder_kits import open_ephys_settings

from .conftest import PATIENCE_S, Emulated, Start, taken

NO_SYNC = {"kind": "none"}
DIODE = {"kind": "photodiode", "channel": "ADC1", "dark": 0.2, "lit": 3.0}
DETECT = {"continuous": "CH{channel}", "channels": [1, 2], "threshold_noise": -6.0}


@pytest.fixture(autouse=True)
def _soon_out_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "PATIENCE_S", 0.6)


def spikes(stretches: list[Stretch]) -> list[tuple[int, int]]:
    return sorted(
        pair
        for each in stretches
        for pair in zip(each.spike_samples.tolist(), each.spike_unit_ids.tolist(), strict=True)
    )


def edges(stretches: list[Stretch]) -> list[int]:
    return [sample for each in stretches for sample in each.sync_samples.tolist()]


def detected(emulated: Emulated, channel: int, first: int, through: int) -> list[tuple[int, int]]:
    """Find the crossings of a channel sample by sample, in the whole signal made again."""
    truth = emulated.truth()
    fired = truth.spikes[truth.spikes[:, 1] == 100 * channel + 1, 0]
    values = Electrode(channel, 30_000.0, 8.0).record(0, through, fired[fired < through])
    threshold = -6.0 * 8.0
    found: list[int] = []
    for sample in range(first, through):
        is_crossing = values[sample] <= threshold < values[sample - 1]
        if is_crossing and (not found or sample - found[-1] >= 30):
            found.append(sample)
    return [(sample, 100 * channel) for sample in found]


def _take_for(source: OpenEphysSource, seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        source.take()


@pytest.mark.parametrize("tells_names", [True, False])
def test_spikes_are_detected_and_onsets_seen_on_continuous_channels(
    start: Start, tells_names: bool
) -> None:
    vendor = {"spikes": False, "ttl_line": None, "photodiode": True, "continuous": 2}
    emulated = start({**vendor, "tells_names": tells_names})
    names = ("ADC1", "CH{channel}") if tells_names else ("3", "{channel}")
    settings = open_ephys_settings(emulated.addresses) | {
        "spikes": [],
        "sync": {**DIODE, "channel": names[0]},
        "detect": [{**DETECT, "continuous": names[1]}],
    }
    source = connect(settings)
    try:
        assert source.describe().units[0].label.startswith(names[1].replace("{channel}", "1"))
        stretches = taken(source, 20_000)
    finally:
        source.close()

    first, through = stretches[0].from_sample, stretches[-1].through_sample
    # Spikes are twice as deep as the threshold, so that its being measured makes no difference.
    wanted = sorted(detected(emulated, 1, first, through) + detected(emulated, 2, first, through))
    assert spikes(stretches) == wanted
    assert len(wanted) > 20
    truth = emulated.truth().edges
    assert edges(stretches) == truth[(truth >= first) & (truth < through)].tolist()


def test_the_stream_is_found_among_several_on_ports_that_have_shifted(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken_by_another:
        port = taken_by_another.getsockname()[1]
        emulated = start(
            {"data_port": port, "other_streams": ["lfp"], "number_key": "message_no"},
            sample_rate_hz=24414.0625,
        )
        assert emulated.addresses["data_port"] == port + 2
        source = connect({**open_ephys_settings(emulated.addresses), "data_port": port})
        try:
            about = source.describe()
            stretches = taken(source, 5000)
        finally:
            source.close()

    assert about.sample_rate_hz == 24414.0625
    assert about.delivery_s == pytest.approx(1024 / 24414.0625)
    assert spikes(stretches)


def test_the_named_port_wins_over_a_later_one_that_sends_a_stream_of_that_name_already() -> None:
    """As with a second Open Ephys on the machine, which was started earlier."""
    encoder = Encoder(OpenEphysTable(), "acquisition_board", 30_000.0)
    over = threading.Event()
    with zmq.Context() as context:
        named = Plugin(context, 0, 1000)
        other = Plugin(context, named.port + finding.STEP, 1000)

        def send() -> None:
            for n in itertools.count():
                other.send(encoder.data(0, "CH1", 1024 * n, bytes(4096)))
                if n > 30:
                    named.send(encoder.data(0, "CH1", 1024 * n, bytes(4096)))
                if over.wait(0.005):
                    return

        thread = threading.Thread(target=send)
        thread.start()
        try:
            heard = finding.find("127.0.0.1", named.port, "acquisition_board", 0.0)
        finally:
            over.set()
            thread.join()
            named.close()
            other.close()
    assert heard.endpoint == f"tcp://127.0.0.1:{named.port}"


def test_around_losses_is_detected_what_the_whole_signal_has(start: Start) -> None:
    emulated = start(
        {"spikes": False, "continuous": 2}, mischief={"drop": 0.05, "reorder": 0.05, "repeat": 0.05}
    )
    settings = open_ephys_settings(emulated.addresses) | {"spikes": [], "detect": [DETECT]}
    source = connect(settings)
    try:
        stretches = taken(source, 60_000)
    finally:
        source.close()

    through = stretches[-1].through_sample
    known = np.zeros(through, np.bool_)
    for each in stretches:
        known[each.from_sample : each.through_sample] = True
    assert not known[stretches[0].from_sample :].all()
    whole = sorted(detected(emulated, 1, 1, through) + detected(emulated, 2, 1, through))
    assert spikes(stretches) == [each for each in whole if known[each[0]]]


@pytest.mark.parametrize(
    ("vendor", "changed", "what"),
    [
        ({}, {"stream": "lfp"}, "does not send the stream lfp .* but acquisition_board"),
        ({}, {"sync": DIODE}, "sends no channel ADC1, but CH1: select"),
        ({"continuous": 0}, {}, "no continuous channel"),
        ({"mode": "IDLE"}, {}, "start its acquisition"),
        ({}, {"host": "not a host"}, "no address|sends nothing"),
        ({"noise_uv": 0, "spikes": False}, {"detect": [{**DETECT, "channels": [1]}]}, "threshold"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    start: Start, vendor: dict[str, Any], changed: dict[str, Any], what: str
) -> None:
    emulated = start(vendor, rate_hz=0.5)

    with pytest.raises(RecorderError, match=what):
        connect({**open_ephys_settings(emulated.addresses), **changed})


def test_a_recording_is_started_marked_and_ended_by_http(start: Start) -> None:
    emulated = start({"mode": "IDLE"})
    port = emulated.addresses["http_port"]
    table = {"start": "recording", "markers": True, "port": port}
    source = connect({**open_ephys_settings(emulated.addresses), "control": table})
    try:
        taken(source, 3000)
        source.end()
    finally:
        source.close()

    told = [event.get("mode", event.get("text")) for event in emulated.truth().events]
    assert told == [
        "ACQUIRE",
        "RECORD",
        "neuroloop: a recording begins",
        "neuroloop: a recording ends",
        "ACQUIRE",
        "IDLE",
    ]


def test_a_recording_that_cannot_be_made_is_refused(start: Start) -> None:
    emulated = start({"record_node": False})
    table = {"start": "recording", "markers": False, "port": emulated.addresses["http_port"]}
    source = connect({**open_ephys_settings(emulated.addresses), "control": table})
    try:
        with pytest.raises(RecorderError, match="in ACQUIRE: put a Record Node"):
            source.begin()
    finally:
        source.close()


@pytest.mark.parametrize("answering", [True, False])
def test_a_server_that_is_none_is_refused(
    start: Start, answering: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated = start()
    monkeypatch.setattr(control, "DEADLINE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A port of ZeroMQ speaks something else; the other one speaks to nobody.
        port = emulated.addresses["data_port"] if answering else silent.getsockname()[1]
        table = {"start": "acquisition", "markers": False, "port": port}
        with pytest.raises(RecorderError, match="HTTP server"):
            connect({**open_ephys_settings(emulated.addresses), "control": table})


def test_samples_that_jump_ahead_are_a_gap(start: Start) -> None:
    emulated = start(mischief={"jump_after_s": 0.5, "jump_s": 2.0})
    source = connect(open_ephys_settings(emulated.addresses))
    try:
        stretches = taken(source, 70_000)
    finally:
        source.close()

    pairs = itertools.pairwise(stretches)
    gaps = [
        (a.through_sample, b.from_sample) for a, b in pairs if a.through_sample != b.from_sample
    ]
    (jump,) = [event for event in emulated.truth().events if event["event"] == "jumped"]
    assert gaps == [(jump["at"], jump["at"] + jump["by"])]


@pytest.mark.parametrize(
    "mischief", [{"jump_after_s": 0.5, "jump_s": -0.4}, {"restart_after_s": 0.5}]
)
def test_samples_or_numbers_that_begin_anew_are_told(
    start: Start, mischief: dict[str, float]
) -> None:
    source = connect(open_ephys_settings(start(mischief=mischief).addresses))
    try:
        with pytest.raises(RecorderRestarted, match="anew"):
            taken(source, 100_000)
    finally:
        source.close()


def test_silence_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig_adapters.open_ephys.source.SILENCE_S", 0.3)
    emulated = start()
    source = connect(open_ephys_settings(emulated.addresses))
    try:
        taken(source, 3000)
        emulated.emulator._mode = "IDLE"
        with pytest.raises(RecorderError, match="start its acquisition again"):
            _take_for(source, PATIENCE_S)
    finally:
        source.close()


def test_nothing_wakes_anybody_between_recordings(start: Start) -> None:
    source = connect(open_ephys_settings(start().addresses))
    try:
        for _ in range(2):
            first = taken(source, 3000)[0]
            source.end()
            (readable,) = source.readable()
            assert not isinstance(readable, int)
            assert not readable.poll(100)
        assert first.from_sample > 3000
    finally:
        source.close()


def test_open_ephys_knows_that_somebody_listens(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.05)
    emulated = start()
    source = connect(open_ephys_settings(emulated.addresses))
    try:
        taken(source, 10_000)
    finally:
        source.close()

    assert emulated.emulator._plugins[-1].heartbeats > 1


def test_a_heartbeat_that_nobody_answers_is_given_up_and_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.02)
    monkeypatch.setattr(heartbeat, "GIVE_UP_S", 0.1)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server:
        port = server.bind_to_random_port("tcp://127.0.0.1")
        beating = heartbeat.Heartbeat(context, f"tcp://127.0.0.1:{port}")
        asked: list[bytes] = []
        deadline_s = time.monotonic() + PATIENCE_S
        while not beating.answered and time.monotonic() < deadline_s:
            beating.beat()
            if server.poll(5):
                asked, last = [*asked, b""], server.recv_multipart()
                # Only the third one is answered.
                if len(asked) == 3:
                    server.send_multipart([*last[:2], b"heartbeat received"])
        beating.close()

    assert beating.answered == 1
    assert len(asked) >= 3


def test_thresholds_in_microvolts_need_no_measuring(start: Start) -> None:
    emulated = start({"continuous": 2})
    detect = {"continuous": "CH{channel}", "channels": [1, 2], "threshold_uv": -60.0}
    source = connect({**open_ephys_settings(emulated.addresses), "detect": [detect]})
    try:
        ids = [unit.unit_id for unit in source.describe().units]
        stretches = taken(source, 6000)
    finally:
        source.close()

    assert ids == [101, 201, 100, 200]
    told = np.array(spikes(stretches))
    # Open Ephys tells of each spike that is deep enough, too.
    assert set(told[told[:, 1] == 100, 0]) <= set(told[told[:, 1] == 101, 0])


def test_a_scan_says_what_is_there(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    emulated = start({"other_streams": ["lfp"], "continuous": 2})
    port, http_port = emulated.addresses["data_port"], emulated.addresses["http_port"]
    monkeypatch.setattr(scan, "FIRST_PORT", port)
    monkeypatch.setattr(scan, "HTTP_PORT", http_port)
    monkeypatch.setattr(scan, "PORTS", 2)
    monkeypatch.setattr(scan, "PATIENCE_S", PATIENCE_S)

    answers = [(answer.where, answer.tells) for answer in scan.look("open-ephys")]

    assert answers == [
        (f"http://127.0.0.1:{http_port}", "Open Ephys, ACQUIRE"),
        (
            f"tcp://127.0.0.1:{port}",
            "stream lfp at 30000 Hz; channels: CH1; electrodes that fired: none",
        ),
        (
            f"tcp://127.0.0.1:{port + 2}",
            "stream acquisition_board at 30000 Hz; channels: CH1, CH2; "
            "electrodes that fired: Electrode 1, Electrode 2",
        ),
    ]


def test_a_scan_of_a_machine_without_open_ephys_finds_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(scan, "FIRST_PORT", silent.getsockname()[1])
        monkeypatch.setattr(scan, "HTTP_PORT", silent.getsockname()[1])
        monkeypatch.setattr(scan, "PATIENCE_S", 0.2)
        monkeypatch.setattr(control, "DEADLINE_S", 0.2)

        assert list(scan.look("open-ephys")) == []
