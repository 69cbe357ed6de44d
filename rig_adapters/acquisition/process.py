"""The process of every adapter of a recording system: from its source's stretches to the wire.

It obeys the daemon, stamps both clocks, and turns samples into seconds. A loss that the source has
found becomes a batch that begins later than the last one ended. What the vendor's protocol is like
is left to the source, and the command line to `peer_process`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import zmq
from pydantic import BaseModel, ValidationError

from rig_adapters.acquisition.arrivals import ArrivalClock
from rig_adapters.acquisition.source import RecorderError, Source, Stretch
from rig_adapters.errors import RemoteProtocolError
from rig_adapters.listener import Listener
from rig_adapters.memory import give_memory_back
from rig_adapters.validation import first_problem
from rig_adapters.wire import messages as m

SettingsT = TypeVar("SettingsT", bound=BaseModel)
Connect = Callable[[Mapping[str, Any]], Source]

BATCH_S = 0.01
"""Batches are not shorter than this, unless something is to be told of their end."""
ASKING_S = 0.005
"""How often a source is asked that cannot be waited for."""
FIRST_SAMPLE_S = 4.0
"""How long a recorder may be silent after it was asked to begin; less than the daemon waits."""
_IDLE_S = 0.25


class SettingsRefused(RecorderError):
    """The adapter's table of the config is not one that it can use."""


def read_settings(model: type[SettingsT], name: str, table: Mapping[str, Any]) -> SettingsT:
    """Validate an adapter's table of the config; SettingsRefused says what is wrong with it."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise SettingsRefused(
            f"the {name} adapter cannot use its settings: {first_problem(error)}; correct "
            "[rig.settings] of the config"
        ) from error


def runner(adapter: str, connect: Connect) -> Callable[[Listener], None]:
    """Return what serves one daemon with the source that `connect` makes of the settings."""

    def run(listener: Listener) -> None:
        give_memory_back()
        command: m.Message | None = None
        while command is None:
            command = listener.receive(_IDLE_S)
        if isinstance(command, m.ConfigureRig):
            _serve(listener, adapter, command, connect)
        if listener.conversation.state == "closing":
            listener.send(m.ShutDown())

    return run


def _serve(listener: Listener, adapter: str, command: m.ConfigureRig, connect: Connect) -> None:
    if command.time != "real":
        raise RecorderError(
            f"the {adapter} adapter records in real time, but the session's time is "
            f'{command.time}: set session.time = "real"'
        )
    source = connect(command.settings)
    try:
        AcquisitionProcess(listener, adapter, source).run()
    finally:
        source.close()


class AcquisitionProcess:
    """Serves one daemon with one source."""

    def __init__(self, listener: Listener, adapter: str, source: Source) -> None:
        self._listener = listener
        self._source = source
        self._about = source.describe()
        self._adapter = adapter
        self._clock = ArrivalClock(self._about.delivery_s)
        self._started_s: float | None = None
        """When the daemon asked for a recording of which nothing has come yet."""
        self._recording = False
        self._sequence = -1
        self._waiting: list[Stretch] = []
        self._busy_s = 0.0

    def run(self) -> None:
        """Obey and report until the daemon asks for the end."""
        about = self._about
        self._listener.send(
            m.RigConfigured(
                adapter=self._adapter,
                simulated=False,
                sample_rate_hz=about.sample_rate_hz,
                units=about.units,
                capabilities=frozenset(("sync",)) if about.sees_onsets else frozenset(),
                versions={about.name: "unknown", **about.versions},
            )
        )
        poller = zmq.Poller()
        poller.register(self._listener.socket, zmq.POLLIN)
        readable = self._source.readable()
        for each in readable:
            poller.register(each, zmq.POLLIN)
        while True:
            poller.poll(self._patience_ms(bool(readable)))
            command = self._listener.receive(0.0)
            if isinstance(command, m.Shutdown):
                return
            if command is not None:
                self._obey(command)
            if self._recording or self._started_s is not None:
                self._report()

    def _patience_ms(self, can_wait: bool) -> int:
        active = self._recording or self._started_s is not None
        return int(1000 * (ASKING_S if active and not can_wait else _IDLE_S))

    def _obey(self, command: m.Message) -> None:
        if isinstance(command, m.StartRecording):
            self._source.begin()
            self._clock = ArrivalClock(self._about.delivery_s)
            self._started_s, self._sequence, self._waiting = time.monotonic(), -1, []
        elif isinstance(command, m.StopRecording):
            self._report()
            self._send_waiting()
            self._source.end()
            self._recording, self._started_s = False, None
            self._listener.send(m.RecordingStopped(last_sequence=self._sequence))
        else:
            raise RemoteProtocolError(f"a recording system does not know {command.wire_name}")

    def _report(self) -> None:
        begun_s = time.perf_counter()
        stretches = self._source.take()
        if self._started_s is not None:
            self._await_first(stretches)
        for stretch in stretches:
            if self._waiting and self._waiting[-1].through_sample != stretch.from_sample:
                self._send_waiting()
            self._waiting.append(stretch)
        self._busy_s += time.perf_counter() - begun_s
        if self._waiting:
            told = self._waiting[-1].through_sample - self._waiting[0].from_sample
            if told >= BATCH_S * self._about.sample_rate_hz:
                self._send_waiting()

    def _await_first(self, stretches: Sequence[Stretch]) -> None:
        if stretches:
            first = stretches[0]
            # What arrived is the newest sample; the first one was taken earlier.
            waited_s = self._seconds(first.newest_sample - first.from_sample)
            self._listener.send(
                m.RecordingStarted(
                    host_time_s=first.heard_host_s - waited_s,
                    rig_time_s=self._seconds(first.from_sample),
                )
            )
            self._started_s, self._recording = None, True
        elif time.monotonic() - (self._started_s or 0.0) > FIRST_SAMPLE_S:
            raise RecorderError(
                f"{self._about.name} sends nothing: start its acquisition, and see that what the "
                "adapter listens to is switched on there"
            )

    def _send_waiting(self) -> None:
        stretches, self._waiting = self._waiting, []
        if not stretches:
            return
        begun_s = time.perf_counter()
        spikes = np.concatenate([each.spike_samples for each in stretches])
        units = np.concatenate([each.spike_unit_ids for each in stretches])
        # Ties by unit, so that the order of arrival leaves no trace.
        order = np.lexsort((units, spikes))
        edges = np.sort(np.concatenate([each.sync_samples for each in stretches]))
        last = stretches[-1]
        reading = self._clock.read(last.heard_host_s, self._seconds(last.newest_sample))
        self._sequence += 1
        rate_hz = self._about.sample_rate_hz
        busy_s, self._busy_s = self._busy_s + time.perf_counter() - begun_s, 0.0
        self._listener.send(
            m.SpikesRecorded(
                sequence=self._sequence,
                from_rig_s=self._seconds(stretches[0].from_sample),
                through_rig_s=self._seconds(last.through_sample),
                spike_rig_s=spikes[order] / rate_hz,
                spike_unit_ids=units[order].astype(np.int32),
                sync_rig_s=edges / rate_hz,
                fixation_broken_rig_s=np.zeros(0),
                clock_host_s=reading.host_s,
                clock_rig_s=reading.rig_s,
                clock_uncertainty_s=reading.uncertainty_s,
                busy_s=busy_s,
            )
        )

    def _seconds(self, sample: int) -> float:
        return sample / self._about.sample_rate_hz
