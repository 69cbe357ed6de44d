"""The packets of one acquisition in the order in which an instrument sends them.

A spike is sent when its waveform is over, a change of a line at once, a heartbeat at the end of
each block of 10 ms; a monitor packet comes in the middle of a block, with a time stamp of a
while ago, since the firmware sends it from another queue.
"""

from dataclasses import dataclass, field

import numpy as np

from rig_adapters.emulators.blackrock.encode import NOISE_UNIT, Encoder
from rig_adapters.emulators.blackrock.table import BlackrockTable
from rig_adapters.emulators.waveforms import Electrode, spike_shape
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL

BLOCK_SAMPLES = 300
PRE_SAMPLES = 10
PULSE_SAMPLES = 150
NOISE_UV = 8.0
MONITOR_DELAY = 90
"""By how much a monitor packet is older than its neighbours."""
COMMENT_EVERY = 100
STEPS_PER_UV = 4.0


@dataclass(frozen=True)
class Sign:
    """What a packet means for who counts: a heartbeat of a sample, or a monitor packet."""

    heartbeat: int | None = None


@dataclass
class Datagram:
    """Packets that go together. `signs`: of those among them that count, in order."""

    number: int
    data: bytes = b""
    signs: list[Sign] = field(default_factory=list)


class Stream:
    """Makes datagrams of blocks."""

    def __init__(
        self, table: BlackrockTable, sample_rate_hz: float, rng: np.random.Generator
    ) -> None:
        self._table, self._rng = table, rng
        self.encoder = Encoder(table)
        shape = spike_shape(sample_rate_hz)[: table.waveform_samples - PRE_SAMPLES] * STEPS_PER_UV
        after = table.waveform_samples - PRE_SAMPLES - shape.size
        self._waveform = np.pad(shape, (PRE_SAMPLES, after)).astype("<i2").tobytes()
        self._electrodes = [
            Electrode(channel, sample_rate_hz, NOISE_UV)
            for channel in range(1, table.continuous + 1)
        ]
        self._due: list[tuple[int, bytes]] = []
        """Packets of which the moment has not come, with it."""
        self._since_monitor = self._monitors = self._datagrams = 0

    def block(self, block: Recorded) -> list[Datagram]:
        """Return what is sent of a block."""
        start, through = block.from_sample, block.through_sample
        moments = self._due + self._spikes(block) + self._line(block) + self._extras(block)
        now = [each for each in moments if each[0] < through] + self._groups(block)
        self._due = [each for each in moments if each[0] >= through]
        now.sort(key=lambda each: each[0])
        packets: list[tuple[bytes, Sign | None]] = [(data, None) for _, data in now]
        middle = sum(at < start + BLOCK_SAMPLES // 2 for at, _ in now)
        if self._table.monitors:
            self._since_monitor += middle + 1
            stale = max(0, start - MONITOR_DELAY)
            monitor = self.encoder.monitor(stale, self._since_monitor, self._monitors)
            packets.insert(middle, (monitor, Sign()))
            self._monitors += 1
            self._since_monitor = len(now) - middle
        packets.append((self.encoder.heartbeat(through), Sign(through)))
        self._since_monitor += 1
        return self._packed(packets)

    def _packed(self, packets: list[tuple[bytes, Sign | None]]) -> list[Datagram]:
        found: list[Datagram] = []
        for data, sign in packets:
            if not found or len(found[-1].data) + len(data) > self._table.datagram_bytes:
                found.append(Datagram(self._datagrams))
                self._datagrams += 1
            found[-1].data += data
            found[-1].signs += [sign] if sign is not None else []
        return found

    def _spikes(self, block: Recorded) -> list[tuple[int, bytes]]:
        delay = self._table.waveform_samples - PRE_SAMPLES
        return [
            (sample + delay, self.encoder.spike(sample, channel, unit, self._waveform))
            for sample, (channel, unit) in zip(
                block.spike_samples.tolist(),
                (divmod(each, UNITS_PER_CHANNEL) for each in block.spike_unit_ids.tolist()),
                strict=True,
            )
        ]

    def _line(self, block: Recorded) -> list[tuple[int, bytes]]:
        if self._table.ttl_line is None:
            return []
        bit = 1 << self._table.ttl_line - 1
        found = []
        for sample in block.sync_samples.tolist():
            found.append((sample, self.encoder.digital(sample, bit, bit)))
            fall = sample + PULSE_SAMPLES
            found.append((fall, self.encoder.digital(fall, 0, bit)))
        return found

    def _extras(self, block: Recorded) -> list[tuple[int, bytes]]:
        """Return what nobody wants, but everybody must count."""
        start, found = block.from_sample, []
        if self._rng.random() < self._table.noise:
            at = start + int(self._rng.integers(BLOCK_SAMPLES))
            found.append((at, self.encoder.spike(at, 1, NOISE_UNIT, self._waveform)))
        if start // BLOCK_SAMPLES % COMMENT_EVERY == 0:
            found.append((start, self.encoder.comment(start, "emulated")))
        return found

    def _groups(self, block: Recorded) -> list[tuple[int, bytes]]:
        if not self._electrodes:
            return []
        start, n = block.from_sample, block.through_sample - block.from_sample
        channels = block.spike_unit_ids // UNITS_PER_CHANNEL
        signals = [
            each.record(start, n, block.spike_samples[channels == number])
            for number, each in enumerate(self._electrodes, 1)
        ]
        values = (np.stack(signals, axis=1) * STEPS_PER_UV).astype("<i2")
        return [
            (start + row, self.encoder.group(start + row, values[row].tobytes()))
            for row in range(n)
        ]
