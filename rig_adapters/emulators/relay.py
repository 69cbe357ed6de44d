"""A recording system with a relay beside it: the very file that users copy, fed by the world.

A message is one block. One that is dropped is time of which nothing is told; on a connection of TCP
none is repeated or overtaken, so that is left out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    counts_window_s: tuple[float, float] | None = Field(
        default=None, description="it counts in this window after each onset, and tells no spikes"
    )


def emulate(stage: Stage) -> "EmulatedRelay":
    """Return the emulator."""
    return EmulatedRelay(stage)


@dataclass
class _Window:
    """In which it counts, from a sample to another."""

    begin: int
    end: int
    onset: int
    counts: "Counter[int]" = field(default_factory=Counter)


class EmulatedRelay:
    """Tells of block after block, whether anybody listens or not.

    One that counts holds what would end in the second half of a window.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = RelayTable.model_validate(stage.vendor)
        self._window = self._window_samples()
        self._relay = self._connected()
        self._held: list[Recorded] = []
        self._open: list[_Window] = []
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
            # Whatever was held is as lost to a relay that counts.
            for held in self._held:
                self._stage.truth.lost(held.from_sample, held.through_sample, "dropped")
            self._held, self._open = [], []
            return
        if self._window is not None:
            self._count(block, *self._window)
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

    def _count(self, block: Recorded, begin: int, end: int) -> None:
        """Tell of the blocks that were held, unless this one ends in the later half of a window."""
        self._held.append(block)
        self._open += [
            _Window(onset + begin, onset + end, onset) for onset in block.sync_samples.tolist()
        ]
        for window in self._open:
            inside = (block.spike_samples >= window.begin) & (block.spike_samples < window.end)
            window.counts.update(block.spike_unit_ids[inside].tolist())
        through = block.through_sample
        if any((w.begin + w.end) // 2 < through < w.end for w in self._open):
            return
        counts = [
            (w.onset, channel_of(unit_id), unit_id % UNITS_PER_CHANNEL, w.counts[unit_id])
            for w in self._open
            if w.end <= through
            for unit_id in self._stage.world.unit_ids
        ]
        onsets = [onset for held in self._held for onset in held.sync_samples.tolist()]
        self._relay.tell(self._held[0].from_sample, through, (), onsets, counts)
        self._held = []
        self._open = [window for window in self._open if window.end > through]

    def _window_samples(self) -> tuple[int, int] | None:
        window_s = self._table.counts_window_s
        if window_s is None:
            return None
        begin, end = (round(each * self._stage.world.sample_rate_hz) for each in window_s)
        return begin, end

    def restart(self) -> None:
        """Connect anew, and count from 0."""
        self._held, self._open = [], []
        self._relay.close()
        self._relay = self._connected()

    def close(self) -> None:
        """Disconnect."""
        self._relay.close()

    def _connected(self) -> Relay:
        world = self._stage.world
        units = [(channel_of(unit), unit % UNITS_PER_CHANNEL) for unit in world.unit_ids]
        return Relay(
            self._table.connect_to,
            "an emulated system",
            world.sample_rate_hz,
            units,
            sees_onsets=True,
            counts_window=self._window,
        )
