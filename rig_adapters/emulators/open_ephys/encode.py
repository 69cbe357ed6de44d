"""The bytes that the ZMQ Interface plugin sends, as its source (version 1.0, 2025) says.

Written from that documentation alone, and not from what the adapter reads, so that one
misunderstanding cannot hide another.
"""

import json
import struct
import time

from rig_adapters.emulators.open_ephys.table import OpenEphysTable

Frames = list[bytes]
NODE = 104
THRESHOLD_UV = -50.0


class Encoder:
    """Writes the messages of one plugin; each takes the next number."""

    def __init__(self, table: OpenEphysTable, stream: str, sample_rate_hz: float) -> None:
        self._table = table
        self._stream = json.dumps(stream)
        self._rate_hz = sample_rate_hz
        self.sent = 0

    def data(self, channel: int, name: str, first_sample: int, values: bytes) -> Frames:
        """Give one channel (from 0) of one block; `values` are float32."""
        named = f'    "channel_name": {json.dumps(name)},\n' if self._table.tells_names else ""
        return [
            b"DATA\0",
            (
                f'{self._head()}  "type": "data",\n  "content": {{\n'
                f'    "stream": {self._stream},\n    "channel_num": {channel},\n{named}'
                f'    "num_samples": {len(values) // 4},\n    "sample_num": {first_sample},\n'
                f'    "sample_rate": {float(self._rate_hz)!r}\n  }},\n'
                f'  "data_size": {len(values)}{self._time()}\n}}'
            ).encode(),
            values,
        ]

    def ttl(self, sample: int, line: int, state: bool, word: int) -> Frames:
        """Say that a line (from 0) has changed; `word` are all lines."""
        payload = struct.pack("<BBQ", line, state, word)
        return [
            b"EVENT\0",
            (
                f'{self._head()}  "type": "event",\n  "content": {{\n'
                f'    "stream": {self._stream},\n    "source_node": {NODE},\n    "type": 3,\n'
                f'    "sample_num": {sample}\n  }},\n'
                f'  "data_size": {len(payload)}{self._time()}\n}}'
            ).encode(),
            payload,
        ]

    def spike(self, electrode: str, sample: int, sorted_id: int, waveform: bytes) -> Frames:
        """Tell of a spike on one channel, with its peak at `sample`; `waveform` is float32."""
        return [
            b"EVENT\0",
            (
                f'{self._head()}  "type": "spike",\n  "spike": {{\n'
                f'    "stream": {self._stream},\n    "source_node": {NODE},\n'
                f'    "electrode": {json.dumps(electrode)},\n    "sample_num": {sample},\n'
                f'    "num_channels": 1,\n    "num_samples": {len(waveform) // 4},\n'
                f'    "sorted_id": {sorted_id},\n'
                f'    "threshold": [\n      {THRESHOLD_UV!r}\n    ]\n'
                f"  }}{self._time()}\n}}"
            ).encode(),
            waveform,
        ]

    def _head(self) -> str:
        self.sent += 1
        return f'{{\n  "{self._table.number_key}": {self.sent},\n'

    def _time(self) -> str:
        return f',\n  "timestamp": {int(1000 * time.time())}' if self._table.tells_time else ""
