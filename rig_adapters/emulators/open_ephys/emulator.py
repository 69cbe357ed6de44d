"""Open Ephys as a whole: signal chain, modes, and what its plugins send of each block.

Of each block events and spikes go first, spikes of the block before among them, then one message
for each continuous channel. Numbers begin anew at each start of acquisition.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import zmq

from rig_adapters.emulators.open_ephys.encode import Encoder, Frames
from rig_adapters.emulators.open_ephys.http_server import Answer, HttpServer
from rig_adapters.emulators.open_ephys.losses import Losses, Numbered
from rig_adapters.emulators.open_ephys.plugin import STEP, Plugin, Way
from rig_adapters.emulators.open_ephys.table import OpenEphysTable
from rig_adapters.emulators.process import Stage
from rig_adapters.emulators.waveforms import Electrode, Photodiode, spike_shape
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL, channel_of

DARK_V, LIT_V, DIODE_NOISE_V = 0.2, 3.0, 0.02
MODES = ("IDLE", "ACQUIRE", "RECORD")


def emulate(stage: Stage) -> "EmulatedOpenEphys":
    """Return the emulator."""
    return EmulatedOpenEphys(stage)


class EmulatedOpenEphys:
    """One Open Ephys with a ZMQ Interface for each stream."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = table = OpenEphysTable.model_validate(stage.vendor)
        self.block_samples = table.block_samples
        self._mode = table.mode
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._plugins: list[Plugin] = []
        self._http: HttpServer | None = None
        try:
            port = table.data_port
            for _ in (*table.other_streams, table.stream):
                self._plugins.append(Plugin(self._context, port, table.send_queue))
                port = self._plugins[-1].port + STEP
            self._http = HttpServer(table.http_port, self._answer)
        except BaseException:
            self.close()
            raise
        self.restart()

    @property
    def acquiring(self) -> bool:
        """Whether it records now."""
        return self._mode != "IDLE"

    def addresses(self) -> Mapping[str, Any]:
        """Return its ports, and the names that its settings show."""
        channels = {channel_of(unit) for unit in self._stage.world.unit_ids}
        return {
            "host": "127.0.0.1",
            "data_port": self._plugins[0].port,
            "http_port": self._http.port if self._http is not None else 0,
            "stream": self._table.stream,
            "channels": sorted(channels),
            "sorted_ids": sorted({u % UNITS_PER_CHANNEL for u in self._stage.world.unit_ids}),
        }

    def attend(self) -> None:
        """Answer heartbeats, and what comes by HTTP."""
        for plugin in self._plugins:
            plugin.attend()
        if self._http is not None:
            self._http.attend()

    def send(self, block: Recorded) -> None:
        """Send a block on all plugins, and tell the truth of the one that matters."""
        self._stage.truth.recorded(block)
        for plugin, encoder in zip(self._plugins[:-1], self._others, strict=True):
            silence = np.zeros(self.block_samples, np.float32).tobytes()
            plugin.send(encoder.data(0, "CH1", block.from_sample, silence))
        self._chain.send(block, self._plugins[-1])

    def restart(self) -> None:
        """Start acquisition anew: numbers and samples begin again."""
        rate_hz, table = self._stage.world.sample_rate_hz, self._table
        self._others = [Encoder(table, stream, rate_hz) for stream in table.other_streams]
        self._chain = _Chain(self._stage, table)

    def close(self) -> None:
        """Close all sockets."""
        if self._http is not None:
            self._http.close()
        for plugin in self._plugins:
            plugin.close()
        self._context.term()

    def _answer(self, verb: str, path: str, body: Any) -> Answer:
        if path == "/api/status":
            if verb == "PUT":
                self._go_to(body.get("mode") if isinstance(body, dict) else None)
            return 200, {"mode": self._mode}
        if path == "/api/message" and verb == "PUT" and isinstance(body, dict):
            self._stage.truth.event("message", text=str(body.get("text")))
            return 200, {"info": "Message sent"}
        if path == "/api/recording":
            node = {"node_id": 105, "record_engine": "BINARY", "is_synchronized": True}
            return 200, {"record_nodes": [node] if self._table.record_node else []}
        if path == "/api/processors":
            return 200, {"processors": [self._processor()]}
        return 404, f"{path} not found"

    def _processor(self) -> dict[str, Any]:
        stream = {
            "name": self._table.stream,
            "sample_rate": self._stage.world.sample_rate_hz,
            "channel_count": self._table.continuous + self._table.photodiode,
        }
        return {"id": 100, "name": "File Reader", "streams": [stream]}

    def _go_to(self, mode: Any) -> None:
        if mode not in MODES or (mode == "RECORD" and not self._table.record_node):
            return
        if self._mode == "IDLE" and mode != "IDLE":
            self.restart()
        self._mode = mode
        self._stage.truth.event("mode", mode=mode, host_s=time.monotonic())


class _Chain:
    """The signal chain of one acquisition, and the way to its clients."""

    def __init__(self, stage: Stage, table: OpenEphysTable) -> None:
        rate_hz = stage.world.sample_rate_hz
        self._table, self._rng = table, stage.rng
        self._encoder = Encoder(table, table.stream, rate_hz)
        self._way = Way(stage.mischief, stage.rng, Losses(stage.truth, rate_hz))
        shape = spike_shape(rate_hz)[: table.waveform_samples]
        self._waveform = np.pad(shape, (0, table.waveform_samples - shape.size)).tobytes()
        self._electrodes = [
            Electrode(channel, rate_hz, table.noise_uv)
            for channel in range(1, table.continuous + 1)
        ]
        self._diode = Photodiode(table.continuous + 1, DARK_V, LIT_V, DIODE_NOISE_V)
        self._late: list[tuple[int, int]] = []

    def send(self, block: Recorded, plugin: Plugin) -> None:
        """Send one block."""
        start, through = block.from_sample, block.through_sample
        first = self._encoder.sent + 1
        before = self._events(block) + self._spikes(block)
        messages = [
            (Numbered(first + n, start, through, n >= len(before)), frames)
            for n, frames in enumerate(before + self._continuous(block))
        ]
        self._way.carry(messages, plugin)

    def _events(self, block: Recorded) -> list[Frames]:
        if self._table.ttl_line is None:
            return []
        line = self._table.ttl_line - 1
        pulse = max(1, (block.through_sample - block.from_sample) // 64)
        found = []
        for sample in block.sync_samples.tolist():
            found.append(self._encoder.ttl(sample, line, True, 1 << line))
            # It falls within the same block, or there would be no time to tell of it.
            fall = min(sample + pulse, block.through_sample - 1)
            found.append(self._encoder.ttl(fall, line, False, 0))
        return found

    def _spikes(self, block: Recorded) -> list[Frames]:
        if not self._table.spikes:
            return []
        now = list(zip(block.spike_samples.tolist(), block.spike_unit_ids.tolist(), strict=True))
        late, self._late = self._late, []
        if self._table.late and now:
            is_late = self._rng.random(len(now)) < self._table.late
            self._late = [each for each, late in zip(now, is_late, strict=True) if late]
            now = [each for each, late in zip(now, is_late, strict=True) if not late]
        return [
            self._encoder.spike(
                f"Electrode {channel_of(unit_id)}",
                sample,
                unit_id % UNITS_PER_CHANNEL,
                self._waveform,
            )
            for sample, unit_id in late + now
        ]

    def _continuous(self, block: Recorded) -> list[Frames]:
        start, n = block.from_sample, block.through_sample - block.from_sample
        channels = channel_of(block.spike_unit_ids)
        found = []
        for index, electrode in enumerate(self._electrodes):
            spikes = block.spike_samples[channels == index + 1]
            values = electrode.record(start, n, spikes).astype("<f4").tobytes()
            found.append(self._encoder.data(index, f"CH{index + 1}", start, values))
        if self._table.photodiode:
            values = self._diode.record(start, n, block.sync_samples).astype("<f4").tobytes()
            found.append(self._encoder.data(len(self._electrodes), "ADC1", start, values))
        return found
