"""An emulated RHX: commands in, what the world records out, in the order of RHX's one thread.

A message is one write: some blocks of waveforms, then the spikes of the same samples. A connection
of TCP neither repeats nor reorders. In place of a message that is repeated, bytes that are of none
come before it; instead of being overtaken, its spikes come after the next waveforms, as they may on
a network. Half a message is cut off, or comes in two pieces.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rig_adapters.emulators.intan.commands import Commands
from rig_adapters.emulators.intan.ports import OneClientPort
from rig_adapters.emulators.intan.state import IntanTable, State, native_name
from rig_adapters.emulators.intan.streams import (
    BLOCK,
    SPIKE_IDS,
    Signals,
    spike_bytes,
    waveform_bytes,
)
from rig_adapters.emulators.process import Stage, shifted
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import UNITS_PER_CHANNEL, channel_of

PIECE_S = 0.004
"""How long the second piece of a message is behind the first."""
_MOST_GARBAGE = 400


def emulate(stage: Stage) -> "EmulatedRhx":
    """Return the emulator."""
    return EmulatedRhx(stage)


class EmulatedRhx:
    """Listens on three ports, like an RHX whose operator has pressed Connect for commands."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = table = IntanTable.model_validate(stage.vendor)
        self._began_s = time.monotonic()
        self._state = State(
            table=table,
            sample_rate_hz=stage.world.sample_rate_hz,
            amplifiers=frozenset(_names(stage.world.unit_ids)),
            mode="Run" if table.running else "Stop",
        )
        self._command_port = OneClientPort(table.host, table.command_port)
        self._ports = {
            "waveform": OneClientPort(table.host, table.waveform_port),
            "spike": OneClientPort(table.host, table.spike_port),
        }
        self._commands = Commands(self._state, self._ports)
        self._signals = Signals(self._state, stage.rng)
        self._command_port.listen()
        self._left_s: float | None = None
        """When the client for commands has gone."""
        self._dropped: set[str] = set()
        self._out: deque[tuple[float, Callable[[], None]]] = deque()
        """What is done next, one after the other, and not before when."""
        self._held = b""
        """Spikes that the next waveforms overtake."""
        self._last_block = (0, 0)
        self._recorded_through = self._lost_through = -1

    @property
    def block_samples(self) -> int:
        """What it sends at once."""
        return BLOCK * self._state.blocks_per_write

    @property
    def acquiring(self) -> bool:
        """Whether it runs."""
        return self._state.mode != "Stop"

    def addresses(self) -> Mapping[str, Any]:
        """Return where it can be reached, and which channels it has."""
        return {
            "host": self._table.host,
            "command_port": self._command_port.port,
            "waveform_port": self._ports["waveform"].port,
            "spike_port": self._ports["spike"].port,
            "channels": _names(self._stage.world.unit_ids),
        }

    def attend(self) -> None:
        """Answer commands, take clients, and send what is due."""
        now_s = time.monotonic()
        self._state.uploading = now_s < self._began_s + self._table.upload_s
        self._press_connect(now_s)
        self._disconnect(now_s)
        said = self._command_port.attend()
        if said:
            self._command_port.write(self._commands.answer(said.decode("latin-1")).encode())
        for port in self._ports.values():
            port.attend()
        if not self.acquiring:
            self._forget_unsent()
        self._send_due(now_s)

    def send(self, block: Recorded) -> None:
        """Send one write, or what mischief leaves of it."""
        block = self._of_spoken(shifted(block, self._table.first_timestamp))
        words = self._signals.words(block)
        self._state.timestamp = (block.through_sample - 1) % 2**32
        if not self._state.enabled:
            return
        rng, mischief = self._stage.rng, self._stage.mischief
        # One block is held back, until spikes on its end have been found.
        due_s = time.monotonic() + BLOCK / self._state.sample_rate_hz
        is_dropped, is_soiled = rng.random() < mischief.drop, rng.random() < mischief.repeat
        if is_soiled and not is_dropped:
            self._write("waveform", rng.bytes(int(rng.integers(1, _MOST_GARBAGE))), due_s)
            # What is not followed by a block cannot be believed.
            self._lose(*self._last_block, "garbage behind it")
        self._record(block, due_s)
        if is_dropped:
            self._lose(block.from_sample, block.through_sample, "dropped")
            return
        waveforms = waveform_bytes(block.from_sample, words)
        if rng.random() < mischief.half:
            waveforms = self._halve(block, waveforms, due_s)
        self._write("waveform", waveforms, due_s)
        spikes, self._held = self._held + spike_bytes(block, self._state, rng), b""
        if rng.random() < mischief.reorder:
            self._held = spikes
        else:
            self._write("spike", spikes, due_s)
        self._last_block = (block.through_sample - BLOCK, block.through_sample)

    def _of_spoken(self, block: Recorded) -> Recorded:
        """Return a block with those spikes only whose channels are switched on."""
        spoken = {channel for channel, band in self._state.enabled if band == "spike"}
        channels = channel_of(block.spike_unit_ids).tolist()
        of_these = np.array([native_name(channel) in spoken for channel in channels], np.bool_)
        return replace(
            block,
            spike_samples=block.spike_samples[of_these],
            spike_unit_ids=block.spike_unit_ids[of_these],
        )

    def _record(self, block: Recorded, due_s: float) -> None:
        """Tell the truth about a block, when it is sent."""
        follows = block.from_sample == self._recorded_through != self._lost_through
        if not follows:
            # Nobody sees an input change between a sample that was not sent and this one.
            edges = block.sync_samples[block.sync_samples > block.from_sample]
            block = replace(block, sync_samples=edges)
        self._recorded_through = block.through_sample
        self._out.append((due_s, partial(self._stage.truth.recorded, block)))

    def _lose(self, from_sample: int, through_sample: int, why: str) -> None:
        self._stage.truth.lost(from_sample, through_sample, why)
        self._lost_through = max(self._lost_through, through_sample)

    def restart(self) -> None:
        """Forget what is not sent yet, as when somebody presses Stop and Run."""
        self._forget_unsent()
        self._recorded_through = self._lost_through = -1

    def close(self) -> None:
        """Close all sockets."""
        for port in (self._command_port, *self._ports.values()):
            port.close()

    def _halve(self, block: Recorded, waveforms: bytes, due_s: float) -> bytes:
        """Cut the last block off somewhere, or send the first part ahead; return what is left."""
        rng, size = self._stage.rng, len(waveforms) // self._state.blocks_per_write
        if rng.random() < 0.5:
            kept = len(waveforms) - size + int(rng.integers(4, size))
            through = block.through_sample
            self._lose(through - BLOCK, through, "half of it was cut off")
            return waveforms[:kept]
        at = int(rng.integers(1, len(waveforms)))
        self._write("waveform", waveforms[:at], due_s)
        self._write("waveform", b"", due_s + PIECE_S)
        return waveforms[at:]

    def _write(self, where: str, data: bytes, due_s: float) -> None:
        self._out.append((due_s, partial(self._ports[where].write, data)))

    def _forget_unsent(self) -> None:
        self._out.clear()
        self._held = b""

    def _send_due(self, now_s: float) -> None:
        while self._out and self._out[0][0] <= now_s:
            _, do = self._out.popleft()
            do()

    def _press_connect(self, now_s: float) -> None:
        """Press Connect for commands after a while, as operators do."""
        if self._command_port.status != "Disconnected":
            self._left_s = None
        elif self._left_s is None:
            self._left_s = now_s
        elif now_s > self._left_s + (self._table.connect_again_s or math.inf):
            self._command_port.listen()

    def _disconnect(self, now_s: float) -> None:
        """Close connections where the table says so, once each."""
        due = {
            "commands": (self._table.drop_commands_after_s, self._command_port),
            "data": (self._table.drop_data_after_s, self._ports["waveform"]),
        }
        for what, (after_s, port) in due.items():
            is_due = after_s and now_s > self._began_s + after_s and what not in self._dropped
            if is_due and port.status == "Connected":
                self._dropped.add(what)
                port.disconnect()
                self._stage.truth.event("disconnected", port=what)


def _names(unit_ids: tuple[int, ...]) -> list[str]:
    """Return the native names of the channels of all units."""
    for unit in unit_ids:
        if unit % UNITS_PER_CHANNEL >= len(SPIKE_IDS):
            raise ValueError(f"RHX cannot send unit {unit}: it has units 0 to 4 of each channel")
    return [native_name(channel) for channel in sorted({channel_of(unit) for unit in unit_ids})]
