"""An instrument as a whole: it sends its blocks, and says what became of them.

It sends to loopback whether anybody listens or not, as an instrument broadcasts.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from rig_adapters.emulators.blackrock.encode import SAMPLES_PER_S
from rig_adapters.emulators.blackrock.losses import Losses
from rig_adapters.emulators.blackrock.stream import BLOCK_SAMPLES, Datagram, Stream
from rig_adapters.emulators.blackrock.table import BlackrockTable
from rig_adapters.emulators.blackrock.way import HOST, Way
from rig_adapters.emulators.mischief import Unreliable
from rig_adapters.emulators.process import EmulatorRefused, Stage, shifted
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL, channel_of


def emulate(stage: Stage) -> "EmulatedInstrument":
    """Return the emulator."""
    return EmulatedInstrument(stage)


class EmulatedInstrument:
    """One instrument."""

    block_samples = BLOCK_SAMPLES
    acquiring = True

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = BlackrockTable.model_validate(stage.vendor)
        if stage.world.sample_rate_hz != SAMPLES_PER_S:
            raise EmulatorRefused(
                f"a Cerebus instrument samples at {SAMPLES_PER_S} Hz, not at "
                f"{stage.world.sample_rate_hz:g} Hz: set sample_rate_hz to that"
            )
        self._epoch = round(self._table.epoch_s * SAMPLES_PER_S)
        self._way = Way(self._table.port, self._table.waits)
        self._held: deque[Recorded] = deque()
        """Blocks of which the truth is not told yet, since what is lost is not certain."""
        self.restart()

    def addresses(self) -> Mapping[str, Any]:
        """Return where it sends to, and the numbers that its settings show."""
        units = self._stage.world.unit_ids
        return {
            "host": HOST,
            "port": self._way.port,
            "listen": HOST,
            "channels": sorted({channel_of(unit) for unit in units}),
            "units": sorted({unit % UNITS_PER_CHANNEL for unit in units}),
            "digital_channel": self._stream.encoder.digital_channel,
        }

    def attend(self) -> None:
        """Nothing: nobody asks an instrument anything."""

    def send(self, block: Recorded) -> None:
        """Send a block, and tell the truth once it is certain what is lost of it."""
        block = shifted(block, self._epoch)
        datagrams = self._stream.block(block)
        arrivals: list[bytes] = []
        lost: set[int] = set()
        numbers: list[int] = []
        for datagram, fate in self._unreliable.carry(datagrams):
            is_cut = self._is_cut(fate)
            if fate == "dropped" or is_cut:
                lost.add(datagram.number)
            else:
                numbers.append(datagram.number)
            if fate != "dropped":
                # All packets have whole words, so this one ends in the middle of one.
                arrivals.append(datagram.data[:-2] if is_cut else datagram.data)
        # One that was cut off may have been repeated.
        self._losses.sent(datagrams, lost - set(numbers))
        for number in numbers:
            self._losses.arrived(number)
        self._losses.settle()
        self._tell(block)
        for data in arrivals:
            self._way.send(data)

    def restart(self) -> None:
        """Start anew: packets, time and monitor packets are counted from 0."""
        mischief, truth = self._stage.mischief, self._stage.truth
        for block in self._held:
            truth.recorded(block)
        self._held.clear()
        self._stream = Stream(self._table, SAMPLES_PER_S, self._stage.rng)
        self._unreliable = Unreliable[Datagram](mischief, self._stage.rng)
        # What is overtaken is certain when later ones have passed it, and what they hold up.
        self._patience = 2 * (mischief.latest + 1) if mischief.reorder else 0
        disorder = round(self._table.disorder_s * SAMPLES_PER_S)
        self._losses = Losses(truth, disorder, self._patience)

    def close(self) -> None:
        """Send no more."""
        for block in self._held:
            self._stage.truth.recorded(block)
        self._way.close()

    def _is_cut(self, fate: str) -> bool:
        mischief = self._stage.mischief
        return fate == "sent" and bool(mischief.half) and self._stage.rng.random() < mischief.half

    def _tell(self, block: Recorded) -> None:
        # A loss is told before the blocks that were sent when it became certain.
        self._held.append(block)
        while len(self._held) > self._patience:
            self._stage.truth.recorded(self._held.popleft())
