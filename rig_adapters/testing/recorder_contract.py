"""What an adapter of a recording system must do, shown against an emulator of that system.

Subclass `RecorderContract` in a test file:

    class TestMyRecorder(RecorderContract):
        module = "mylab.my_adapter"
        emulator = "my-system"                  # a kind of rig_adapters.emulators
        bad_settings = {"host": 5}

        def settings_for(self, addresses):      # of the emulator, as it printed them
            return {"port": addresses["port"]}

Every spike and every edge that the adapter tells of is compared with what the emulator says that it
sent, sample by sample. On top of this comes all of `AdapterContract`.
"""

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from rig_adapters.emulators.truth import Truth, read_truth
from rig_adapters.recorded import Recording
from rig_adapters.testing.adapter_contract import AdapterContract
from rig_adapters.testing.driver import DEADLINE_S, Driver, started
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG

Samples = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Emulated:
    """An emulator that runs."""

    process: "subprocess.Popen[str]"
    addresses: Mapping[str, Any]
    truth_path: Path

    def truth(self) -> Truth:
        """Return what it has sent so far."""
        return read_truth(self.truth_path)


@contextmanager
def emulating(
    kind: str, file: Mapping[str, Any], folder: Path, seed: int = 1, light: str | None = None
) -> Iterator[Emulated]:
    """Run an emulator until the end of the block, told of `file` (an `EmulatorFile`)."""
    told, truth = folder / f"{kind}.json", folder / f"{kind}.truth"
    told.write_text(json.dumps(file), encoding="utf-8")
    command = [sys.executable, "-m", "rig_adapters.emulators", kind, "--file", str(told)]
    command += ["--truth", str(truth), "--seed", str(seed)]
    command += ["--light", light] if light else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Emulated(process, _addresses(process), truth)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(DEADLINE_S)
        if process.stdout is not None:
            process.stdout.close()


def _addresses(process: "subprocess.Popen[str]") -> Mapping[str, Any]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
    assert ready, "the emulator did not become ready"
    line = process.stdout.readline()
    assert line, "the emulator ended; see above for why"
    addresses: Mapping[str, Any] = json.loads(line)
    return addresses


class RecorderContract(AdapterContract):
    """The obligations of an adapter of a recording system, beside those of any adapter."""

    emulator: ClassVar[str]
    """The kind of emulator."""
    rate_hz: ClassVar[float] = 40.0
    """Of each emulated unit; high, so that a short test has many spikes."""
    recording_s: ClassVar[float] = 1.0
    """How long a test records."""
    can_lose: ClassVar[bool] = True
    """Whether the vendor's protocol can lose something unnoticed by the transport."""

    def vendor_table(self, tmp_path: Path) -> dict[str, Any]:  # noqa: ARG002 - for those who need it
        """Return the emulator's table `[vendor]`."""
        return {}

    def settings_for(self, addresses: Mapping[str, Any]) -> dict[str, Any]:
        """Return the adapter's settings for an emulator at these addresses."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def emulated(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Emulated]:
        """Run the emulator, with the mischief that the test is marked with."""
        marker = request.node.get_closest_marker("mischief")
        file = {
            "vendor": self.vendor_table(tmp_path),
            "steady": {"rate_hz": self.rate_hz},
            "mischief": dict(marker.kwargs) if marker else {},
        }
        with emulating(self.emulator, file, tmp_path) as emulated:
            # Instead of the class's: an adapter has to be told where its system is.
            type(self).settings = self.settings_for(emulated.addresses)
            yield emulated

    def test_every_spike_and_edge_is_told_on_its_sample(
        self, driver: Driver, configured: m.RigConfigured, emulated: Emulated
    ) -> None:
        recording = _record(driver, self.recording_s)
        assert recording.gaps == []
        heard, n = _check_against(recording, configured, emulated)
        assert heard, "the emulator's recording does not contain the adapter's"
        assert n > 0.2 * self.rate_hz * self.recording_s

    @pytest.mark.mischief(drop=0.03)
    def test_what_was_lost_is_a_gap_and_nothing_else_is(
        self, driver: Driver, configured: m.RigConfigured, emulated: Emulated
    ) -> None:
        if not self.can_lose:
            pytest.skip("nothing can be lost on this protocol")
        recording = _record(driver, 2 * self.recording_s)
        _check_against(recording, configured, emulated)
        rate_hz = configured.sample_rate_hz
        assert recording.from_rig_s is not None
        assert recording.through_rig_s is not None
        lost = np.zeros(round((recording.through_rig_s - recording.from_rig_s) * rate_hz), np.bool_)
        unknown = lost.copy()
        first = round(recording.from_rig_s * rate_hz)
        for start, stop in emulated.truth().lost:
            lost[max(0, start - first) : max(0, stop - first)] = True
        for gap in recording.gaps:
            start, stop = (round(end * rate_hz) - first for end in (gap.from_rig_s, gap.to_rig_s))
            unknown[start:stop] = True
        assert lost.any()
        np.testing.assert_array_equal(unknown, lost)

    @pytest.mark.mischief(restart_after_s=0.1, on_signal=True)
    @pytest.mark.usefixtures("configured")
    def test_an_acquisition_that_is_started_anew_is_told_in_a_sentence(
        self, driver: Driver, emulated: Emulated
    ) -> None:
        driver.send(m.StartRecording())
        message: m.Message = driver.expect(m.SpikesRecorded)
        emulated.process.send_signal(signal.SIGUSR1)
        while not isinstance(message, m.Faulted):
            message = driver.receive()
        assert "anew" in message.what
        assert driver.process.wait(DEADLINE_S) == 1

    def test_a_recorder_that_stands_still_is_waited_for(
        self, driver: Driver, configured: m.RigConfigured, emulated: Emulated
    ) -> None:
        recording = Recording()
        driver.send(m.StartRecording())
        driver.expect(m.RecordingStarted)
        recording.add(driver.expect(m.SpikesRecorded))
        emulated.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        driver.send(m.Ping(token=7))
        message = driver.receive()
        while not isinstance(message, m.Pong):
            if isinstance(message, m.SpikesRecorded):
                recording.add(message)
            message = driver.receive()
        emulated.process.send_signal(signal.SIGCONT)
        _take(driver, recording, 0.5)
        _check_against(recording, configured, emulated)

    def test_a_recorder_that_is_not_there_is_told_in_a_sentence(
        self, emulated: Emulated, driver: Driver
    ) -> None:
        emulated.process.kill()
        emulated.process.wait(DEADLINE_S)
        driver.send(
            m.ConfigureRig(settings=self.settings, seed=1, time="real", light_endpoint=None)
        )
        fault = driver.expect(m.Faulted, timeout_s=60.0)
        assert len(fault.what.split()) > 5
        assert driver.process.wait(DEADLINE_S) == 1

    def test_virtual_time_is_refused(self, driver: Driver) -> None:
        driver.send(
            m.ConfigureRig(settings=self.settings, seed=1, time="virtual", light_endpoint=None)
        )
        assert "real" in driver.expect(m.Faulted).what

    @pytest.mark.usefixtures("configured")
    def test_a_session_that_has_ended_leaves_the_recorder_free_for_the_next(
        self, driver: Driver
    ) -> None:
        _record(driver, 0.1)
        driver.send(m.Shutdown())
        driver.expect(m.ShutDown)
        driver.process.wait(DEADLINE_S)
        with started(self.module, RIG) as second:
            second.send(
                m.ConfigureRig(settings=self.settings, seed=1, time="real", light_endpoint=None)
            )
            second.expect(m.RigConfigured)
            assert _record(second, 0.1).gaps == []


def _record(driver: Driver, seconds: float) -> Recording:
    """Record for so long on the rig's clock, and stop in order."""
    recording = Recording()
    driver.send(m.StartRecording())
    driver.expect(m.RecordingStarted)
    _take(driver, recording, seconds)
    driver.send(m.StopRecording())
    message = driver.receive()
    while not isinstance(message, m.RecordingStopped):
        if isinstance(message, m.SpikesRecorded):
            recording.add(message)
        message = driver.receive()
    return recording


def _take(driver: Driver, recording: Recording, seconds: float) -> None:
    batch = driver.expect(m.SpikesRecorded)
    until_s = batch.through_rig_s + seconds
    recording.add(batch)
    while batch.through_rig_s < until_s:
        batch = driver.expect(m.SpikesRecorded)
        recording.add(batch)


def _check_against(
    recording: Recording, configured: m.RigConfigured, emulated: Emulated
) -> tuple[bool, int]:
    """Compare what is known with the truth, sample by sample.

    Returns whether the truth begins no later than the recording, and how many spikes were told.
    """
    truth, rate_hz = _truth_through(recording, configured, emulated), configured.sample_rate_hz
    spikes = recording.spikes()
    told = np.stack([_samples(spikes.times_rig_s, rate_hz), spikes.unit_ids.astype(np.int64)], 1)
    units = [unit.unit_id for unit in configured.units]
    sent = truth.spikes[np.isin(truth.spikes[:, 1], units)]
    known = recording.covers(sent[:, 0] / rate_hz, (sent[:, 0] + 1) / rate_hz)
    np.testing.assert_array_equal(_sorted(told), _sorted(sent[known]))
    edges = truth.edges[recording.covers(truth.edges / rate_hz, (truth.edges + 1) / rate_hz)]
    np.testing.assert_array_equal(_samples(recording.sync_rig_s(), rate_hz), edges)
    return truth.from_sample <= (recording.from_rig_s or 0.0) * rate_hz, len(told)


def _truth_through(recording: Recording, configured: m.RigConfigured, emulated: Emulated) -> Truth:
    """Return the truth once it reaches as far as the recording: it is written a moment later."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        truth = emulated.truth()
        through = (recording.through_rig_s or 0.0) * configured.sample_rate_hz
        if truth.through_sample >= through - 0.5 or time.monotonic() > deadline_s:
            return truth
        time.sleep(0.02)


def _samples(times_s: Any, rate_hz: float) -> Samples:
    samples: Samples = np.rint(np.asarray(times_s) * rate_hz).astype(np.int64)
    return samples


def _sorted(table: Samples) -> Samples:
    return table[np.lexsort((table[:, 1], table[:, 0]))] if table.size else table
