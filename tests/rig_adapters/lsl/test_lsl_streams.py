"""Streams of every kind through liblsl, between real processes confined to this machine."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from rig_adapters.lsl.scanning import look
from rig_adapters.recorded import Recording
from rig_adapters.testing.driver import Driver, started
from rig_adapters.testing.recorder_contract import Emulated, emulating
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG

from .test_lsl_adapter import name

pytestmark = pytest.mark.system

TTL = {"kind": "ttl", "line": 1, "edges": "rising"}
DIODE = {"kind": "photodiode", "channel": "diode", "dark": 0.1, "lit": 0.9}
RATE_HZ = 30_000.0
RECORDED_S = 0.5


@contextmanager
def configured(
    folder: Path,
    vendor: Mapping[str, Any],
    settings: Callable[[str], Mapping[str, Any]],
    **more: Any,
) -> Iterator[tuple[Driver, Emulated]]:
    """Run an emulator and an adapter that was told of its streams' name."""
    stream = name()
    file = {"vendor": {"name": stream, **vendor}, "steady": {"rate_hz": 80.0}, **more}
    with emulating("lsl", file, folder) as emulated, started("rig_adapters.lsl", RIG) as driver:
        table = json.loads(json.dumps(settings(stream)))
        driver.send(m.ConfigureRig(settings=table, seed=1, time="real", light_endpoint=None))
        yield driver, emulated


def record(driver: Driver, seconds: float = RECORDED_S) -> Recording:
    driver.expect(m.RigConfigured)
    driver.send(m.StartRecording())
    recording = Recording()
    while recording.through_rig_s is None or (
        recording.through_rig_s - (recording.from_rig_s or 0.0) < seconds
    ):
        recording.add(driver.expect(m.SpikesRecorded))
    return recording


LISTENER = """
import sys, pylsl
from rig_adapters.emulators.lsl import CONFINED
pylsl.set_config_content(CONFINED)
(found,) = pylsl.resolve_byprop("name", sys.argv[1], timeout=20)
inlet = pylsl.StreamInlet(found, recover=False)
inlet.open_stream(20)
print("listening", flush=True)
for _ in range(2):
    print(*inlet.pull_sample(20)[0], flush=True)
"""


@contextmanager
def listener(stream: str, folder: Path) -> Iterator[Callable[[], list[str]]]:
    """Run a program that hears two markers; yield what returns them."""
    script = folder / "listener.py"
    script.write_text(LISTENER, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script), stream], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield lambda: process.communicate(timeout=20)[0].splitlines()
    finally:
        process.kill()
        process.communicate()


def events(stream: str, **more: Any) -> dict[str, Any]:
    return {"spikes": {"kind": "events", "name": stream}, "sync": TTL, **more}


def test_onsets_may_come_in_a_stream_of_their_own(tmp_path: Path) -> None:
    def settings(stream: str) -> dict[str, Any]:
        return events(stream, onsets={"name": f"{stream}-onsets"}, markers_name=f"{stream}-out")

    with (
        configured(tmp_path, {"onsets": "other"}, settings) as (driver, emulated),
        listener(emulated.addresses["name"] + "-out", tmp_path) as heard,
    ):
        recording = record(driver)
        truth = emulated.truth()
        assert stays_here(driver.process.pid)
        assert stays_here(emulated.process.pid)
        driver.send(m.StopRecording())
        driver.expect(m.RecordingStopped)
        assert heard() == ["neuroloop: recording begins", "neuroloop: recording ends"]
    assert recording.gaps == []
    told = np.rint(recording.sync_rig_s() * RATE_HZ).astype(np.int64)
    known = recording.covers(truth.edges / RATE_HZ, (truth.edges + 1) / RATE_HZ)
    assert told.tolist() == truth.edges[known].tolist()
    assert told.size >= 2
    spikes = np.rint(recording.spikes().times_rig_s * RATE_HZ).astype(np.int64)
    sent = truth.spikes[:, 0]
    known = recording.covers(sent / RATE_HZ, (sent + 1) / RATE_HZ)
    assert spikes.tolist() == sent[known].tolist()


def test_counts_and_a_photodiode_are_as_exact_as_they_can_be(tmp_path: Path) -> None:
    def settings(stream: str) -> dict[str, Any]:
        return {
            "spikes": {"kind": "counts", "name": stream, "widest_bin_s": 0.01},
            "onsets": {"name": f"{stream}-onsets", "type": "Spikes"},
            "sync": DIODE,
        }

    vendor = {"kind": "counts", "onsets": "photodiode"}
    with configured(tmp_path, vendor, settings) as (driver, emulated):
        recording = record(driver)
        truth = emulated.truth()
    assert recording.gaps == []
    # Whole bins have exactly the spikes that were in them.
    bin_s = 0.01
    spikes, origin = recording.spikes(), truth.from_sample / RATE_HZ
    assert recording.from_rig_s is not None
    first = origin + bin_s * np.ceil((recording.from_rig_s - origin) / bin_s - 1e-6)
    ends = first + bin_s * np.arange(40)
    for unit in (101, 201, 301, 401):
        times = spikes.times_rig_s[spikes.unit_ids == unit]
        sent = truth.spikes[truth.spikes[:, 1] == unit, 0] / RATE_HZ
        told = np.diff(np.searchsorted(times, ends - 1e-9))
        assert told.tolist() == np.diff(np.searchsorted(sent, ends - 1e-9)).tolist()
    # The photodiode is sampled at 1 kHz.
    edges = truth.edges[recording.covers(truth.edges / RATE_HZ, truth.edges / RATE_HZ + 2e-3)]
    late = recording.sync_rig_s()[: edges.size] - edges / RATE_HZ
    assert edges.size >= 2
    assert np.all((late >= 0) & (late <= 1e-3))


@pytest.mark.parametrize(
    ("jump_s", "why"), [(-0.5, "went back"), (0.5, None)], ids=["back", "forward"]
)
def test_a_clock_that_jumps_is_a_gap_or_a_restart(
    tmp_path: Path, jump_s: float, why: str | None
) -> None:
    mischief = {"jump_after_s": 0.1, "jump_s": jump_s, "on_signal": True}
    with configured(tmp_path, {}, events, mischief=mischief) as (driver, emulated):
        recording = record(driver, 0.1)
        emulated.process.send_signal(signal.SIGUSR1)
        if why is None:
            while not recording.gaps:
                recording.add(driver.expect(m.SpikesRecorded))
            (gap,) = recording.gaps
            assert gap.to_rig_s - gap.from_rig_s == pytest.approx(0.5, abs=0.011)
        else:
            assert why in driver.expect(m.Faulted).what


def test_a_stream_that_will_not_do_is_refused_in_a_sentence(tmp_path: Path) -> None:
    stream = name()
    will_not_do = {
        "has no counter": events(stream),
        "each of its units once": {
            **events(stream),
            "spikes": {
                "kind": "events",
                "name": f"{stream}-onsets",
                "without_counter": "accepted",
            },
        },
        "no stream with name": events("nobody-sends-this"),
    }
    vendor = {"name": stream, "counter": False, "onsets": "photodiode"}
    with emulating("lsl", {"vendor": vendor}, tmp_path):
        for why, settings in will_not_do.items():
            assert why in refused(settings)


def test_two_streams_of_one_name_are_listed_and_none_is_chosen(tmp_path: Path) -> None:
    stream = name()
    first, second = (tmp_path / each for each in ("first", "second"))
    for each in (first, second):
        each.mkdir()
    files = [{"vendor": {"name": stream, "source_id": each}} for each in ("one", "two")]
    chosen = {**events(stream), "spikes": {"kind": "events", "source_id": f"two-{stream}"}}
    with (
        emulating("lsl", files[0], first),
        emulating("lsl", files[1], second),
    ):
        what = refused(events(stream))
        seen = [answer.tells for answer in look("lsl") if stream in answer.where]
        with started("rig_adapters.lsl", RIG) as driver:
            driver.send(m.ConfigureRig(settings=chosen, seed=1, time="real", light_endpoint=None))
            driver.expect(m.RigConfigured)
    assert "2 streams" in what
    assert len(seen) == 2
    assert "3 columns as they happen" in seen[0]
    assert f"source_id 'one-{stream}'" in what
    assert f"source_id 'two-{stream}'" in what


def refused(settings: dict[str, Any]) -> str:
    """Return why an adapter does not serve with such settings."""
    with started("rig_adapters.lsl", RIG) as driver:
        driver.send(m.ConfigureRig(settings=settings, seed=1, time="real", light_endpoint=None))
        return driver.expect(m.Faulted).what


def stays_here(pid: int) -> bool:
    """Whether a process looks for streams on this machine only, and is connected to no other."""
    connections = psutil.Process(pid).net_connections("inet")
    asking = {c.laddr.ip for c in connections if c.laddr.port == 16571}
    connected = {c.raddr.ip for c in connections if c.raddr}
    # The group by which LSL otherwise asks the whole site: 239.255.172.215.
    groups = Path(f"/proc/{pid}/net/igmp").read_text(encoding="utf-8")
    return asking | connected <= {"127.0.0.1"} and "D7ACFFEF" not in groups


def test_what_liblsl_drops_while_the_adapter_stands_still_is_a_gap(tmp_path: Path) -> None:
    steady = {"channels": 400, "rate_hz": 150.0}
    with configured(tmp_path, {}, events, steady=steady) as (driver, emulated):
        recording = record(driver)
        # Longer than its buffer is: liblsl drops samples, and does not say so.
        driver.process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        driver.process.send_signal(signal.SIGCONT)
        while not recording.gaps:
            recording.add(driver.expect(m.SpikesRecorded))
        truth = emulated.truth()
    known = recording.covers(truth.spikes[:, 0] / RATE_HZ, (truth.spikes[:, 0] + 1) / RATE_HZ)
    spikes = recording.spikes()
    told = np.stack([np.rint(spikes.times_rig_s * RATE_HZ), spikes.unit_ids], axis=1)
    told = told[np.lexsort((told[:, 1], told[:, 0]))]
    assert told.tolist() == truth.spikes[known].tolist()
    assert 0 < np.count_nonzero(known) < len(known)
