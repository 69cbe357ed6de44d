"""What the emulated SpikeGLX acquires: all channels of its stream, and the last seconds of them.

Channel 0 of a stream has noise only, and the simulated channel n is channel n of the stream, so
that whoever counts from 1 is found out.
"""

from collections import deque
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rig_adapters.emulators.process import Stage
from rig_adapters.emulators.spikeglx.table import SpikeGlxTable
from rig_adapters.emulators.waveforms import Photodiode, spike_shape
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL, channel_of

Counts = npt.NDArray[np.int16]

DARK_V, LIT_V, DIODE_NOISE_V = 0.2, 3.0, 0.02
DIODE_V_PER_BIT = 5.0 / 32768
_WORD_REST = 0x0001
"""A bit that is always set, so that who takes the word for a number is found out."""


class TooLate(Exception):
    """Somebody asks for samples that are no longer kept."""


class Converter:
    """Makes the samples of one run, block after block."""

    def __init__(self, stage: Stage, table: SpikeGlxTable) -> None:
        rate_hz = stage.world.sample_rate_hz
        self.n_spiking = 1 + max(channel_of(unit) for unit in stage.world.unit_ids)
        self._table = table
        # Not of the stage, of which the order of requests depends on time.
        self._rng = np.random.default_rng(1)
        self._shape = spike_shape(rate_hz)
        self._tail = np.zeros((0, 2), np.int64)
        """Spikes, as sample and channel, that may reach into the next block."""
        self._diode = Photodiode(self.n_spiking, DARK_V, LIT_V, DIODE_NOISE_V)
        self._pulse = round(table.pulse_s * rate_hz)
        self._onsets = np.zeros(0, np.int64)
        self._refractory = round(table.refractory_s * rate_hz)
        self._fired: dict[int, int] = {}
        """When each channel has fired last."""

    def counts(self) -> dict[str, int]:
        """Return how many channels of each kind there are, in their order."""
        if self._table.stream == "nidq":
            return {"MN": self.n_spiking, "MA": 1, "XA": 1, "XD": 1}
        if self._table.stream == "obx0":
            return {"XA": self.n_spiking + 1, "XD": 0, "SY": 1}
        return {"AP": self.n_spiking, "LF": self.n_spiking, "SY": 1}

    def volts(self, channel: int) -> float:
        """Return what one step of the converter is."""
        n_spiking = self.n_spiking
        is_diode = self._table.stream != "imec0" and channel >= n_spiking
        return DIODE_V_PER_BIT if is_diode else self._table.volts_per_bit

    def thinned(self, block: Recorded) -> Recorded:
        """Return a block without spikes that no neuron could fire, its units by their channels."""
        kept = []
        channels = channel_of(block.spike_unit_ids).tolist()
        for index, (sample, channel) in enumerate(
            zip(block.spike_samples.tolist(), channels, strict=True)
        ):
            if sample - self._fired.get(channel, -self._refractory) >= self._refractory:
                self._fired[channel] = sample
                kept.append(index)
        units = channel_of(block.spike_unit_ids[kept]) * np.int32(UNITS_PER_CHANNEL)
        return replace(block, spike_samples=block.spike_samples[kept], spike_unit_ids=units)

    def convert(self, block: Recorded) -> Counts:
        """Return all channels (n, c) of a block."""
        start, n = block.from_sample, block.through_sample - block.from_sample
        bits = _bits(self._spiking_uv(block), 1e6 * self._table.volts_per_bit)
        diode = self._diode.record(start, n, block.sync_samples)[:, None]
        if self._table.stream == "nidq":
            others = [np.full((n, 1), 7, np.int16), _bits(diode, DIODE_V_PER_BIT)]
        elif self._table.stream == "obx0":
            others = [_bits(diode, DIODE_V_PER_BIT)]
        else:
            others = [bits >> 2]
        return np.concatenate([bits, *others, self._word(block)], axis=1)

    def _spiking_uv(self, block: Recorded) -> npt.NDArray[np.float32]:
        """Return the channels with spikes (n, c), all at once: there may be hundreds."""
        start, n = block.from_sample, block.through_sample - block.from_sample
        values = self._rng.standard_normal((n, self.n_spiking), np.float32)
        values *= np.float32(self._table.noise_uv)
        values += np.float32(self._table.offset_uv)
        spikes = np.stack([block.spike_samples, channel_of(block.spike_unit_ids)], axis=1)
        spikes = np.concatenate([self._tail, spikes])
        rows = spikes[:, :1] + np.arange(self._shape.size) - start
        columns = np.broadcast_to(spikes[:, 1:], rows.shape)
        inside = (rows >= 0) & (rows < n)
        shapes = np.broadcast_to(self._shape, rows.shape)
        np.add.at(values, (rows[inside], columns[inside]), shapes[inside])
        self._tail = spikes[spikes[:, 0] + self._shape.size > start + n]
        return values

    def _word(self, block: Recorded) -> Counts:
        start, n = block.from_sample, block.through_sample - block.from_sample
        self._onsets = np.concatenate([self._onsets, block.sync_samples])
        changes = np.zeros(n + 1, np.int64)
        np.add.at(changes, np.clip(self._onsets - start, 0, n), 1)
        np.add.at(changes, np.clip(self._onsets + self._pulse - start, 0, n), -1)
        self._onsets = self._onsets[self._onsets + self._pulse > start + n]
        high = np.cumsum(changes[:n]) > 0
        word = np.where(high, 1 << self._table.ttl_bit, 0) | _WORD_REST
        found: Counts = word.astype(np.uint16).view(np.int16)[:, None]
        return found


class Kept:
    """The last seconds of a stream, as blocks."""

    def __init__(self, most_samples: int) -> None:
        self._most = most_samples
        self._blocks: deque[Counts] = deque()
        self.first = self.end = 0

    def append(self, block: Counts) -> None:
        """Take in the next block (n, c), and let go of what is too old."""
        self._blocks.append(block)
        self.end += len(block)
        while self.end - self.first > self._most and len(self._blocks) > 1:
            self.first += len(self._blocks.popleft())

    def drop(self) -> None:
        """Let go of everything."""
        self._blocks.clear()
        self.first = self.end

    def skip_to(self, sample: int) -> None:
        """Count on from another sample, as after a jump."""
        self._blocks.clear()
        self.first = self.end = sample

    def get(self, first: int, most: int, channels: list[int]) -> Counts | None:
        """Return samples (n, c) from `first` on; None where they are still to come.

        Raises TooLate.
        """
        if first >= self.end:
            return None
        if first < self.first:
            raise TooLate
        parts, start = [], self.first
        for block in self._blocks:
            if start + len(block) > first and start < first + most:
                parts.append(block[max(0, first - start) : first + most - start])
            start += len(block)
        found: Counts = np.concatenate(parts)[:, channels]
        return found


def _bits(values: npt.NDArray[np.float32], per_bit: float) -> Counts:
    bits = np.rint(values * np.float32(1 / per_bit))
    found: Counts = np.clip(bits, -32768, 32767, out=bits).astype(np.int16)
    return found
