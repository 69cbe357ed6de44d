"""What every rig adapter must do: a suite that a lab runs on its own adapter.

Subclass `AdapterContract` in a test file, and give it the adapter's module and settings:

    class TestMyAdapter(AdapterContract):
        module = "mylab.my_adapter"
        settings = {"host": "127.0.0.1"}
        bad_settings = {"host": 5}

Whether the spikes are right is left to the lab: only the adapter's own tests can know.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from rig_adapters.recorded import Recording
from rig_adapters.testing.driver import DEADLINE_S, Driver, started
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import RIG

N_BATCHES = 10


class AdapterContract:
    """The obligations of an adapter process, as tests against a real one in real time."""

    module: ClassVar[str]
    """What `python -m` starts."""
    settings: ClassVar[dict[str, Any]]
    """The adapter's own table of a config that works."""
    bad_settings: ClassVar[dict[str, Any]]
    """One that must be refused."""

    @pytest.fixture
    def light_endpoint(self) -> str | None:
        """Where the adapter watches the screen; only simulated rigs do."""
        return None

    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        """Talk with a freshly started adapter."""
        with started(self.module, RIG) as driver:
            yield driver

    @pytest.fixture
    def configured(self, driver: Driver, light_endpoint: str | None) -> m.RigConfigured:
        """Configure the adapter with settings that work."""
        driver.send(_configure(self.settings, light_endpoint))
        return driver.expect(m.RigConfigured)

    def test_units_are_distinct_and_the_clock_ticks(self, configured: m.RigConfigured) -> None:
        ids = [unit.unit_id for unit in configured.units]
        assert ids
        assert len(set(ids)) == len(ids)
        assert configured.sample_rate_hz > 0

    def test_batches_follow_one_another_without_gap(
        self, driver: Driver, configured: m.RigConfigured
    ) -> None:
        recording, start, batches = Recording(), _start(driver), []
        for _ in range(N_BATCHES):
            batches.append(driver.expect(m.SpikesRecorded))
            # It also raises for times outside of the batch and spikes that are not sorted.
            assert recording.add(batches[-1]) is None
        assert batches[0].from_rig_s == start.rig_time_s
        assert batches[-1].through_rig_s > batches[0].from_rig_s
        known = {unit.unit_id for unit in configured.units}
        assert set(recording.spikes().unit_ids.tolist()) <= known

    @pytest.mark.usefixtures("configured")
    def test_both_clocks_go_forward_together(self, driver: Driver) -> None:
        _start(driver)
        stamps = [driver.expect(m.SpikesRecorded) for _ in range(N_BATCHES)]
        host_s = stamps[-1].clock_host_s - stamps[0].clock_host_s
        rig_s = stamps[-1].clock_rig_s - stamps[0].clock_rig_s
        uncertainty_s = stamps[-1].clock_uncertainty_s + stamps[0].clock_uncertainty_s
        assert host_s > 0
        assert abs(rig_s - host_s) <= uncertainty_s + 1e-3 * host_s

    @pytest.mark.usefixtures("configured")
    def test_pings_are_answered_while_recording(self, driver: Driver) -> None:
        _start(driver)
        for token in range(5):
            driver.send(m.Ping(token=token))
            assert driver.expect(m.Pong).token == token

    @pytest.mark.usefixtures("configured")
    def test_a_stop_names_the_last_batch_and_nothing_follows_it(self, driver: Driver) -> None:
        _start(driver)
        last = driver.expect(m.SpikesRecorded)
        driver.send(m.StopRecording())
        message = driver.receive()
        while isinstance(message, m.SpikesRecorded):
            last, message = message, driver.receive()
        assert message == m.RecordingStopped(last_sequence=last.sequence)
        driver.send(m.Ping(token=1))
        assert isinstance(driver.receive(), m.Pong)

    @pytest.mark.usefixtures("configured")
    def test_a_second_recording_can_follow_the_first(self, driver: Driver) -> None:
        first = _start(driver)
        driver.expect(m.SpikesRecorded)
        driver.send(m.StopRecording())
        driver.expect(m.RecordingStopped)
        second = _start(driver)
        batch = driver.expect(m.SpikesRecorded)
        assert second.rig_time_s >= first.rig_time_s
        assert batch.from_rig_s == second.rig_time_s

    def test_bad_settings_end_in_a_sentence(
        self, driver: Driver, light_endpoint: str | None
    ) -> None:
        driver.send(_configure(self.bad_settings, light_endpoint))
        fault = driver.expect(m.Faulted)
        assert len(fault.what.split()) > 3
        assert driver.process.wait(DEADLINE_S) == 1

    @pytest.mark.usefixtures("configured")
    def test_a_shutdown_ends_the_process_in_order(self, driver: Driver) -> None:
        driver.send(m.Shutdown())
        driver.expect(m.ShutDown)
        assert driver.process.wait(DEADLINE_S) == 0

    def test_a_shutdown_is_heard_before_any_configuration(self, driver: Driver) -> None:
        driver.send(m.Shutdown())
        driver.expect(m.ShutDown)
        assert driver.process.wait(DEADLINE_S) == 0


def _configure(settings: dict[str, Any], light_endpoint: str | None) -> m.ConfigureRig:
    return m.ConfigureRig(settings=settings, seed=1, time="real", light_endpoint=light_endpoint)


def _start(driver: Driver) -> m.RecordingStarted:
    driver.send(m.StartRecording())
    return driver.expect(m.RecordingStarted)
