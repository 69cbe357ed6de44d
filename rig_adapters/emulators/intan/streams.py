"""Bytes that an emulated RHX sends: blocks of waveforms, and spikes of 14 bytes each."""

import numpy as np
import numpy.typing as npt

from rig_adapters.emulators.intan.state import State, native_name
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL, channel_of

BLOCK = 128
WAVEFORM_MAGIC = bytes((0x08, 0x7A, 0xF0, 0x2E))
SPIKE_MAGIC = bytes((0x0F, 0x71, 0xE2, 0x3A))
SPIKE_IDS = (0x40, 0x01, 0x02, 0x04, 0x08)
"""By the number of the unit on its channel."""
ARTIFACT_ID = 0x80

Words = npt.NDArray[np.uint16]


class Signals:
    """What the inputs of the controller see, sample after sample."""

    def __init__(self, state: State, rng: np.random.Generator) -> None:
        self._state = state
        self._rng = rng
        self._next = self._high_until = -1
        self._lit = False

    def words(self, block: Recorded) -> Words:
        """Return what is enabled of these samples, in RHX's order: (n, w).

        Amplifiers by port and number, each wide, low, high; analog inputs; one digital word.
        """
        state, n = self._state, block.through_sample - block.from_sample
        digital, analog = self._digital(block, n), self._analog(block, n)
        columns = []
        inputs = {output for output in state.enabled if output[1] != "spike"}
        for channel, _ in sorted(inputs, key=_native_order):
            if channel in state.amplifiers:
                columns.append(self._rng.integers(32700, 32836, n).astype(np.uint16))
            elif channel in state.analog_inputs:
                columns.append(analog if channel == state.analog_inputs[0] else np.full(n, 32768))
        if any(channel in state.digital_inputs for channel, _ in inputs):
            columns.append(digital)
        return (
            np.stack([*columns], axis=1).astype(np.uint16) if columns else np.zeros((n, 0), "<u2")
        )

    def _digital(self, block: Recorded, n: int) -> Words:
        """Raise the first line at each onset, for a pulse; the third is always high."""
        pulse = round(self._state.table.pulse_s * self._state.sample_rate_hz)
        if block.from_sample != self._next:
            # Samples are counted from elsewhere.
            self._high_until = -1
        self._next = block.through_sample
        high = np.zeros(n, np.bool_)
        high[: max(0, self._high_until - block.from_sample)] = True
        for onset in block.sync_samples - block.from_sample:
            high[onset : onset + pulse] = True
            self._high_until = block.from_sample + int(onset) + pulse
        return high.astype(np.uint16) | np.uint16(0b100)

    def _analog(self, block: Recorded, n: int) -> Words:
        """Measure the first input, a photodiode on the patch, which changes at each onset."""
        table = self._state.table
        changes = np.zeros(n, np.int64)
        changes[block.sync_samples - block.from_sample] = 1
        lit = (np.cumsum(changes) + self._lit) % 2 == 1
        self._lit = bool(lit[-1])
        volts = np.where(lit, table.lit_v, table.dark_v) + self._rng.normal(0, table.noise_v, n)
        if table.controller == "ControllerRecordUSB2":
            return np.rint(np.clip(volts, 0, 3.3) / 50.354e-6).astype(np.uint16)
        return (np.rint(volts * 3200) + 32768).astype(np.uint16)


def waveform_bytes(first_sample: int, words: Words) -> bytes:
    """Return blocks of words (n, w), n a multiple of 128, from a sample on."""
    n, n_words = words.shape
    timestamps = np.arange(first_sample, first_sample + n, dtype=np.uint64)
    frames = np.empty((n, 2 + n_words), "<u2")
    frames[:, 0], frames[:, 1] = timestamps & 0xFFFF, timestamps >> 16 & 0xFFFF
    frames[:, 2:] = words
    return b"".join(WAVEFORM_MAGIC + frames[at : at + BLOCK].tobytes() for at in range(0, n, BLOCK))


def spike_bytes(block: Recorded, state: State, rng: np.random.Generator) -> bytes:
    """Return the spikes of a block, in order of time, with artifacts strewn in."""
    channels = [channel for channel, band in sorted(state.enabled) if band == "spike"]
    seconds = (block.through_sample - block.from_sample) / state.sample_rate_hz
    spikes = [
        (sample, native_name(channel_of(unit)), SPIKE_IDS[unit % UNITS_PER_CHANNEL])
        for sample, unit in zip(
            block.spike_samples.tolist(), block.spike_unit_ids.tolist(), strict=True
        )
    ]
    for _ in range(rng.poisson(state.table.artifact_hz * seconds * len(channels))):
        at = int(rng.integers(block.from_sample, block.through_sample))
        spikes.append((at, channels[rng.integers(len(channels))], ARTIFACT_ID))
    return b"".join(
        SPIKE_MAGIC + name.encode("ascii") + (sample % 2**32).to_bytes(4, "little") + bytes([which])
        for sample, name, which in sorted(spikes)
    )


def _native_order(output: tuple[str, str]) -> tuple[int, str, int]:
    channel, band = output
    group = 0 if channel[1:2] == "-" else 1 + channel.startswith("DIGITAL")
    return group, channel, ("", "low", "high").index(band)
