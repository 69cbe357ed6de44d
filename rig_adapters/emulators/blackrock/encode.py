"""The bytes that an instrument of the Cerebus family sends, as the headers of CereLink say.

Written from that documentation alone, and not from what the adapter reads, so that one
misunderstanding cannot hide another. A header, by protocol:

    4.1 and later  time u64, channel u16, type u16, length u16, instrument u8, reserved u8
    4.0            time u64, channel u16, type u8, length u16, instrument u8, reserved u16
    3.11           time u32, channel u16, type u8, length u8
"""

import struct

from rig_adapters.emulators.blackrock.table import BlackrockTable

CONFIGURATION_CHANNEL = 0x8000
SYSTEM_HEARTBEAT, PROTOCOL_MONITOR, COMMENT = 0x00, 0x01, 0x31
GROUP_CHANNEL, GROUP_30_KHZ = 0, 5
NOISE_UNIT = 255
ANY_BIT_CHANGED = 1
SAMPLES_PER_S = 30_000
_NS_PER_S = 1_000_000_000
_COMMENT_BYTES = 128


class Encoder:
    """Writes packets, each whole with its header."""

    def __init__(self, table: BlackrockTable) -> None:
        self._table = table
        self.digital_channel = table.front_end + 16 + 4 + 2 + 1
        """After electrodes come 16 analog inputs, 4 analog and 2 audio outputs."""

    def heartbeat(self, sample: int) -> bytes:
        """Give a sign of life."""
        return self._packet(sample, CONFIGURATION_CHANNEL, SYSTEM_HEARTBEAT, b"")

    def monitor(self, sample: int, sent: int, number: int) -> bytes:
        """Say how many packets were sent since the last one of these."""
        payload = struct.pack("<II", sent, number)
        if self._table.protocol != "4.2":
            payload = payload[:4]
        return self._packet(sample, CONFIGURATION_CHANNEL, PROTOCOL_MONITOR, payload)

    def spike(self, sample: int, electrode: int, unit: int, waveform: bytes) -> bytes:
        """Tell of a spike that began at `sample`; `waveform` is of int16."""
        pattern, peak, valley = (0.25, -0.5, 0.0), 120, -480
        head = struct.pack("<fffhh", *pattern, peak, valley)
        return self._packet(sample, electrode, unit, head + waveform)

    def digital(self, sample: int, value: int, changed: int) -> bytes:
        """Tell of all digital lines, since some have changed."""
        payload = struct.pack("<III", value, changed, ANY_BIT_CHANGED)
        return self._packet(sample, self.digital_channel, 0, payload)

    def group(self, sample: int, values: bytes) -> bytes:
        """Give one sample of every channel of the group of 30 kHz; `values` are int16."""
        return self._packet(sample, GROUP_CHANNEL, GROUP_30_KHZ, values)

    def comment(self, sample: int, text: str) -> bytes:
        """Repeat a comment that somebody has entered."""
        begun = self._time(sample)
        payload = bytes(4) + struct.pack("<Q", begun) + struct.pack("<I", 0xFF_FF_FF_FF)
        payload += text.encode("ascii")[: _COMMENT_BYTES - 1].ljust(_COMMENT_BYTES, b"\0")
        return self._packet(sample, CONFIGURATION_CHANNEL, COMMENT, payload)

    def _packet(self, sample: int, channel: int, kind: int, payload: bytes) -> bytes:
        payload += bytes(-len(payload) % 4)
        time, length = self._time(sample), len(payload) // 4
        instrument = self._table.instrument
        if self._table.protocol == "4.2":
            head = struct.pack("<QHHHBB", time, channel, kind, length, instrument, 0)
        elif self._table.protocol == "4.0":
            head = struct.pack("<QHBHBH", time, channel, kind, length, instrument, 0)
        else:
            head = struct.pack("<IHBB", time % 2**32, channel, kind, length)
        return head + payload

    def _time(self, sample: int) -> int:
        if self._table.clock == "samples":
            return sample
        # Half up, as the nearest one.
        return (2 * sample * _NS_PER_S + SAMPLES_PER_S) // (2 * SAMPLES_PER_S)
