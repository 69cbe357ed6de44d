"""What the simulated recording system sends as batches, and what is lost on the way. No sockets.

A stretch that the rig says it lost is left out, so that the next batch does not follow; a reply
that never comes has its number and is not there.
"""

from dataclasses import dataclass

import numpy as np

from rig_adapters.errors import RigError
from rig_adapters.sim.simulation import Recorded, Simulation
from rig_adapters.wire.light import LightChanged
from rig_adapters.wire.messages import SpikesRecorded

LONGEST_VIRTUAL_BATCH_S = 1.0


class SimulatedDisconnect(RigError):
    """The simulated recording system is lost, since its settings say that this happens."""


@dataclass(frozen=True)
class Reply:
    """A batch, and how late it is to come."""

    batch: SpikesRecorded
    late_s: float


class Reports:
    """Numbers the batches of one recording, which begins at `begun_host_s`."""

    def __init__(self, simulation: Simulation, begun_host_s: float) -> None:
        self.reported_host_s = begun_host_s
        self.sequence = -1
        self._simulation = simulation

    def is_due(self, light: LightChanged, light_host_s: float) -> bool:
        """Whether to report in virtual time, where light alone moves the clock."""
        waited_s = light_host_s - self.reported_host_s
        return light.what in ("dark_until", "fixation_off") or waited_s >= LONGEST_VIRTUAL_BATCH_S

    def through(self, host_s: float, busy_s: float = 0.0) -> list[Reply]:
        """Return what is sent of all until `host_s`, in order.

        busy_s: seconds of computing since the last time.

        Raises:
            SimulatedDisconnect: nothing more is.

        """
        losses, since_s = self._simulation.losses, self.reported_host_s
        if losses.disconnects(since_s, host_s):
            raise SimulatedDisconnect(
                "the simulated recording system disconnected, as its settings ask for "
                "(losses.disconnects_per_hour): there is nothing to do"
            )
        stretches = self._simulation.without_gaps(self._simulation.take(host_s))
        self.reported_host_s = host_s
        first, self.sequence = self.sequence + 1, self.sequence + len(stretches)
        if losses.is_missing(since_s, host_s):
            return []
        late_s = losses.settings.late_reply_s if losses.is_late(since_s, host_s) else 0.0
        return [
            Reply(self._batch(number, stretch, host_s, 0.0 if number > first else busy_s), late_s)
            for number, stretch in enumerate(stretches, start=first)
        ]

    def _batch(
        self, sequence: int, stretch: Recorded, clock_host_s: float, busy_s: float
    ) -> SpikesRecorded:
        clock = self._simulation.clock
        return SpikesRecorded(
            sequence=sequence,
            from_rig_s=float(clock.seconds(stretch.from_sample)),
            through_rig_s=float(clock.seconds(stretch.through_sample)),
            spike_rig_s=clock.seconds(stretch.spike_samples),
            spike_unit_ids=stretch.spike_unit_ids,
            sync_rig_s=clock.seconds(stretch.sync_samples),
            fixation_broken_rig_s=np.zeros(0),
            clock_host_s=clock_host_s,
            clock_rig_s=float(clock.seconds(clock.sample(clock_host_s))),
            clock_uncertainty_s=1.0 / clock.sample_rate_hz,
            busy_s=busy_s,
        )
