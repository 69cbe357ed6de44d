"""`neuroloop rig …` with real processes: what it says, exits with, and leaves behind."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from rig_adapters import scanning
from rig_adapters.errors import RigError
from rig_adapters.registry import Adapter
from rig_adapters.relay.settings import RelaySettings
from rig_adapters.scanning import Answer, Looked, listening_ports

from .conftest import NEUROLOOP, PATIENCE_S, VIRTUAL, Lab
from .recorders import free_port, use_adapter

pytestmark = pytest.mark.system


def rig_test(lab: Lab, *overrides: str) -> "subprocess.CompletedProcess[str]":
    words = [word for override in (*VIRTUAL, *overrides) for word in ("--set", override)]
    return lab.neuroloop("rig", "test", str(lab.config), "--json", *words)


def test_a_trial_says_how_often_every_unit_fired_and_what_was_seen(lab: Lab) -> None:
    done = rig_test(lab)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["worst"] == "pass", told
    assert [unit["unit_id"] for unit in told["units"]] == [101, 201, 301, 401]
    assert all(
        unit["rate_hz"] == pytest.approx(unit["spikes"] / told["recorded_s"])
        for unit in told["units"]
    )
    found = {row["what"]: row["found"] for row in told["findings"]}
    assert found["events"] == "20 edges for 20 onsets on the screen"
    assert {"drift", "losses", "sync", "spikes"} <= set(found)


def test_a_recorder_that_is_not_there_is_refused_with_what_to_do(lab: Lab) -> None:
    where = f"tcp://127.0.0.1:{free_port()}"
    use_adapter(lab, "relay", {"listen_at": where, "patience_s": 0.5})

    done = rig_test(lab, "session.time=real", "display.kind=psychopy")

    assert done.returncode == 6, done.stderr
    (refused,) = [r for r in json.loads(done.stdout)["findings"] if r["state"] == "refuse"]
    assert "no relay has connected" in refused["found"]
    lab.is_clean()


def test_an_emulator_says_where_it_is_and_ends_with_ctrl_c(lab: Lab) -> None:
    where = f"tcp://127.0.0.1:{free_port()}"
    file = lab.folder / "relay.toml"
    file.write_text(f'[vendor]\nconnect_to = "{where}"\n', encoding="utf-8")
    running = subprocess.Popen(
        [NEUROLOOP, "rig", "emulate", "relay", "--file", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=lab.environment,
        text=True,
    )
    assert running.stdout is not None
    assert json.loads(running.stdout.readline()) == {"emulates": "relay", "connects_to": where}
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=PATIENCE_S)

    assert running.returncode == 0
    assert said == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[vendor\n", "is no TOML"),
        ("[steady]\nchannels = 0\n", "steady.channels"),
        ("[neurones]\n", "neurones"),
    ],
)
def test_what_an_emulator_is_told_wrongly_is_refused_by_name(lab: Lab, text: str, why: str) -> None:
    file = lab.folder / "relay.toml"
    file.write_text(text, encoding="utf-8")
    done = lab.neuroloop("rig", "emulate", "relay", "--file", str(file))

    assert done.returncode == 2
    assert why in done.stderr


def test_an_emulator_that_does_not_exist_is_answered_with_those_that_do(lab: Lab) -> None:
    done = lab.neuroloop("rig", "emulate", "tape-recorder")

    assert done.returncode == 2
    assert "relay" in done.stderr


def test_a_scan_ends_well_whatever_is_there(lab: Lab) -> None:
    done = lab.neuroloop("rig", "scan", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["failed"] == {}


def test_ports_at_which_programs_listen_are_found_with_their_names() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        assert listening_ports()[listening.getsockname()[1]] == psutil.Process().name()


def answers(name: str) -> Iterator[Answer]:
    yield Answer(name, "here", "4 channels")


def fails(name: str) -> Iterator[Answer]:
    raise RigError(f"{name} cannot be looked for")
    yield


def test_one_that_cannot_be_looked_for_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def adapter(scan: str | None) -> Adapter:
        return Adapter("module", RelaySettings, "a test", scan=scan)

    known = {"a": adapter(f"{__name__}:fails"), "b": adapter(f"{__name__}:answers")}
    monkeypatch.setattr(scanning, "adapters", lambda: {**known, "c": adapter(None)})

    assert list(scanning.scan()) == [
        Looked("a", "a test", (), "a cannot be looked for"),
        Looked("b", "a test", (Answer("b", "here", "4 channels"),)),
    ]
