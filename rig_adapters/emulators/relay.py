"""A recording system with a relay beside it: the very file that users copy, fed by the world.

A message is one block. One that is dropped is time of which nothing is told; on a connection of TCP
none is repeated or overtaken, so that is left out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rig_adapters.emulators.process import Stage
from rig_adapters.relay.neuroloop_relay import Relay
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL, channel_of

BLOCK_S = 0.02


class RelayTable(BaseModel):
    """The table `[vendor]` of this emulator."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_to: str = Field(description="where the relay adapter listens")


def emulate(stage: Stage) -> "EmulatedRelay":
    """Return the emulator."""
    return EmulatedRelay(stage)


class EmulatedRelay:
    """Tells of block after block, whether anybody listens or not."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = RelayTable.model_validate(stage.vendor)
        self._relay = self._connected()
        self.block_samples = round(BLOCK_S * stage.world.sample_rate_hz)

    @property
    def acquiring(self) -> bool:
        """It always is."""
        return True

    def addresses(self) -> Mapping[str, Any]:
        """Return where it connects to."""
        return {"connects_to": self._table.connect_to}

    def attend(self) -> None:
        """Answer who is there."""
        self._relay.listen()

    def send(self, block: Recorded) -> None:
        """Tell of a block, or not."""
        self._stage.truth.recorded(block)
        if self._stage.rng.random() < self._stage.mischief.drop:
            self._stage.truth.lost(block.from_sample, block.through_sample, "dropped")
            return
        spikes = np.stack(
            [
                block.spike_samples,
                channel_of(block.spike_unit_ids),
                block.spike_unit_ids % UNITS_PER_CHANNEL,
            ],
            axis=1,
        )
        onsets = block.sync_samples.tolist()
        self._relay.tell(block.from_sample, block.through_sample, spikes.tolist(), onsets)

    def restart(self) -> None:
        """Connect anew, and count from 0."""
        self._relay.close()
        self._relay = self._connected()

    def close(self) -> None:
        """Disconnect."""
        self._relay.close()

    def _connected(self) -> Relay:
        world = self._stage.world
        units = [(channel_of(unit), unit % UNITS_PER_CHANNEL) for unit in world.unit_ids]
        return Relay(
            self._table.connect_to, "an emulated system", world.sample_rate_hz, units, True
        )
