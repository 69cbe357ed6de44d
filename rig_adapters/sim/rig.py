"""The process of the simulated rig: configured by the daemon, it watches the screen and reports.

In real time it reports every 20 ms what happened up to shortly before now. In virtual time only
the light moves the clock, and it reports when a trial ends, when darkness is announced, and at
least once a virtual second; a batch then depends on the light alone. What the animal does is in
`simulation`, what is lost of it in `losses`.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import zmq

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.light import LightWatcher
from rig_adapters.listener import Listener
from rig_adapters.peer_process import Says
from rig_adapters.sim.neurons.settings import SimSettingsError
from rig_adapters.sim.outbox import Outbox
from rig_adapters.sim.reports import Reports
from rig_adapters.sim.settings import SimRigSettings, read_settings
from rig_adapters.sim.simulation import Simulation
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import ImagesUploaded, LightChanged

BATCH_S = 0.02
LIGHT_DELAY_S = 0.03
"""How far reports stay behind in real time, so that light has come before its time is reported."""
LAST_LOOK_S = 2.0
"""How long light that has come is still taken in when the recording stops."""
_IDLE_MS = 250
_MOST_LIGHT_AT_ONCE = 64


def run(listener: Listener) -> None:
    """Serve one daemon until it asks for the end; raises RigError on a fault."""
    command: m.Message | None = None
    while command is None:
        command = listener.receive(_IDLE_MS / 1000)
    if isinstance(command, m.ConfigureRig):
        with _watching(command.light_endpoint) as watcher:
            _Watch(listener, watcher, configured(listener, command)).run()
    if listener.conversation.state == "closing":
        listener.send(m.ShutDown())


def configured(wire: Says, command: m.ConfigureRig) -> "SimulatedRig":
    """Return the rig that was asked for, and say so."""
    settings = read_settings(command.settings)
    # A session that goes on is the same day, which began at 0 of its virtual clock.
    goes_on = command.time == "virtual" and command.clock_start_s > 0
    simulation = Simulation(settings, command.seed, 0.0 if goes_on else None)
    wire.send(_configured(settings, simulation))
    return SimulatedRig(wire, simulation, command.time, clock_start_s=command.clock_start_s)


class SimulatedRig:
    """Carries light to the simulation, and what it records to the daemon."""

    def __init__(
        self,
        wire: Says,
        simulation: Simulation,
        session_time: Literal["real", "virtual"],
        host_clock: Callable[[], float] = time.monotonic,
        clock_start_s: float = 0.0,
    ) -> None:
        self._wire = wire
        self._outbox = Outbox(wire.send)
        self._simulation = simulation
        self._virtual = session_time == "virtual"
        self._host_clock = host_clock
        self._light_host_s = clock_start_s
        self._recording = False
        self._reports = Reports(simulation, 0.0)
        self._busy_s = 0.0

    def patience_ms(self) -> int:
        """Return how long nothing has to be done unless something comes."""
        held_s = self._outbox.due_in_s
        held_ms = _IDLE_MS if held_s is None else math.ceil(held_s * 1000)
        if self._virtual or not self._recording:
            return min(_IDLE_MS, held_ms)
        return min(max(0, math.ceil(self._report_due_s() * 1000)), held_ms)

    def report_if_due(self) -> None:
        """Report what was recorded, in real time, where the last report was long ago.

        Send what was held back until now.
        """
        self._outbox.send_due()
        if self._recording and not self._virtual and self._report_due_s() <= 0:
            self._report(self._now_host_s())

    def see(self, light: m.Message) -> None:
        """See one change of light; in virtual time, report what is due by it."""
        begun_s = time.perf_counter()
        self._simulation.see(light)
        self._busy_s += time.perf_counter() - begun_s
        if isinstance(light, LightChanged):
            self._light_host_s = max(self._light_host_s, light.host_time_s)
            if (
                self._virtual
                and self._recording
                and self._reports.is_due(light, self._light_host_s)
            ):
                self._report(self._light_host_s)

    def foresee(self, light: m.Message) -> None:
        """Compute ahead what images evoke that were uploaded, while nobody waits for it."""
        if isinstance(light, ImagesUploaded):
            begun_s = time.perf_counter()
            self._simulation.foresee(light.sha256s)
            self._busy_s += time.perf_counter() - begun_s

    def obey(self, command: m.Message) -> None:
        """Do what the daemon asks for."""
        if isinstance(command, m.StartRecording):
            self._start()
        elif isinstance(command, m.StopRecording):
            self._report(self._now_host_s())
            self._recording = False
            self._outbox.send_all()
            self._wire.send(m.RecordingStopped(last_sequence=self._reports.sequence))
        else:
            raise RemoteProtocolError(f"the simulated rig does not know {command.wire_name}")

    def _now_host_s(self) -> float:
        return self._light_host_s if self._virtual else self._host_clock() - LIGHT_DELAY_S

    def _report_due_s(self) -> float:
        """Seconds until the next report in real time."""
        return self._reports.reported_host_s + BATCH_S - self._now_host_s()

    def _start(self) -> None:
        now_host_s = self._now_host_s()
        first = self._simulation.begin(now_host_s)
        self._recording, self._reports = True, Reports(self._simulation, now_host_s)
        self._wire.send(
            m.RecordingStarted(
                host_time_s=now_host_s, rig_time_s=float(self._simulation.clock.seconds(first))
            )
        )

    def _report(self, through_host_s: float) -> None:
        begun_s, busy_s = time.perf_counter(), self._busy_s
        for reply in self._reports.through(through_host_s, busy_s):
            self._outbox.put(reply.batch, reply.late_s)
        # What this report itself has taken is told in the next one.
        self._busy_s = time.perf_counter() - begun_s


class _Watch:
    """Lets a rig see what comes over a socket, and obey."""

    def __init__(self, listener: Listener, watcher: LightWatcher, rig: SimulatedRig) -> None:
        self._listener = listener
        self._watcher = watcher
        self._rig = rig

    def run(self) -> None:
        """Watch and report until the daemon asks for the end."""
        poller = zmq.Poller()
        poller.register(self._listener.socket, zmq.POLLIN)
        poller.register(self._watcher.socket, zmq.POLLIN)
        while True:
            poller.poll(self._rig.patience_ms())
            self._look()
            command = self._listener.receive(0.0)
            if isinstance(command, m.Shutdown):
                return
            if isinstance(command, m.StopRecording):
                deadline_s = time.monotonic() + LAST_LOOK_S
                while self._look() and time.monotonic() < deadline_s:
                    pass
            if command is not None:
                self._rig.obey(command)
            self._rig.report_if_due()

    def _look(self) -> bool:
        """See the next changes of light; return whether there may be more."""
        for _ in range(_MOST_LIGHT_AT_ONCE):
            if not self._watcher.any_more():
                return False
            light = self._watcher.receive(0)
            if light is not None:
                self._rig.see(light)
        return True


def _configured(settings: SimRigSettings, simulation: Simulation) -> m.RigConfigured:
    return m.RigConfigured(
        adapter="sim",
        simulated=True,
        sample_rate_hz=settings.sample_rate_hz,
        units=tuple(
            m.UnitDescription(
                unit_id=unit.unit_id,
                channel_id=unit.channel,
                label=f"simulated, {truth.about}",
            )
            for unit, truth in zip(settings.units, simulation.neurons.truths, strict=True)
        ),
        capabilities=frozenset(("sync",)),
        versions={"numpy": np.__version__},
    )


@contextlib.contextmanager
def _watching(endpoint: str | None) -> Iterator[LightWatcher]:
    if endpoint is None:
        raise SimSettingsError(
            "the simulated rig was given no light_endpoint, so it cannot see the screen: "
            "configure it together with a display that shines on one"
        )
    watcher = LightWatcher(endpoint)
    try:
        yield watcher
    finally:
        watcher.close()
