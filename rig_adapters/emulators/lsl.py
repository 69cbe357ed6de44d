"""A program that sends spikes by the Lab Streaming Layer, as the page on LSL asks for.

Written from the format's page alone; shares nothing with the adapter. It sends events or counts,
and onsets on a line, in the same or another stream, or as a photodiode. Everything is stamped with
the LSL clock of this machine. The only file of the emulators that imports pylsl.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pylsl
from pydantic import BaseModel, ConfigDict, Field

from rig_adapters.emulators.mischief import Unreliable
from rig_adapters.emulators.process import Stage, shifted
from rig_adapters.emulators.world import LIGHT_DELAY_S
from rig_adapters.sim.simulation import Recorded

CONFINED = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
ListenAddress = 127.0.0.1
[lab]
KnownPeers = {127.0.0.1}
[log]
level = -1
"""
PULSE_S = 0.005
"""How long the line is high from an onset on."""
DIODE_HZ = 1000.0
DARK, LIT = 0.1, 0.9
BUFFERED_S = 30


class LslVendor(BaseModel):
    """The emulator's own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(default="spikes", min_length=1)
    source_id: str = Field(default="neuroloop-emulator", min_length=1)
    kind: Literal["events", "counts"] = Field(default="events")
    onsets: Literal["same", "other", "photodiode"] = Field(
        default="same", description="the stream of spikes, another one of events, or of levels"
    )
    counter: bool = Field(default=True, description="whether samples are counted")
    block_s: float = Field(
        default=0.01, gt=0, le=0.1, description="events: a heartbeat; counts: the bin"
    )
    line: int = Field(default=1, ge=1)


@dataclass(frozen=True, eq=False)
class Message:
    """Samples that are handed to liblsl together: values (n, columns) and ticks (n,)."""

    values: npt.NDArray[np.float64]
    ticks: npt.NDArray[np.int64]
    first: int
    """The counter of its first sample."""


class Outlet:
    """One stream, on an unreliable way."""

    def __init__(self, stage: Stage, info: pylsl.StreamInfo, counted: bool) -> None:
        self._stage = stage
        self._way = Unreliable[Message](stage.mischief, stage.rng)
        self._info = info
        self._counted = counted
        self._outlet = pylsl.StreamOutlet(info, 0, BUFFERED_S)
        self._count = self._expected = 0
        self._last = 0
        """Tick of the last sample that was sent in order."""

    def send(self, values: npt.NDArray[np.float64], ticks: npt.NDArray[np.int64]) -> None:
        """Send samples; what comes to harm is told to the truth."""
        message = Message(values, ticks, self._count)
        self._count += ticks.size
        for each, fate in self._way.carry([message]):
            if fate != "dropped":
                self._push(each)

    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._outlet.have_consumers())

    def restart(self) -> None:
        """End the stream, and begin it again as the same source."""
        del self._outlet
        self._outlet = pylsl.StreamOutlet(self._info, 0, BUFFERED_S)
        self._way = Unreliable[Message](self._stage.mischief, self._stage.rng)
        self._count = self._expected = self._last = 0

    def _push(self, message: Message) -> None:
        if self._stage.rng.random() < self._stage.mischief.half:
            # The rest of it never comes.
            kept = message.ticks.size // 2
            message = replace(message, values=message.values[:kept], ticks=message.ticks[:kept])
        if not message.ticks.size:
            return
        end = message.first + message.ticks.size
        # One that is repeated may bring what was cut off of it the first time.
        if end > self._expected:
            if message.first > self._expected:
                self._stage.truth.lost(self._last, int(message.ticks[0]) + 1, "not sent")
            self._expected, self._last = end, int(message.ticks[-1])
        values = message.values
        if self._counted:
            counter = np.arange(message.first, message.first + message.ticks.size)
            values = np.column_stack([values, counter])
        self._outlet.push_chunk(values, (message.ticks / self._stage.world.sample_rate_hz).tolist())


class LslEmulator:
    """A program with one or two outlets."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._vendor = vendor = LslVendor.model_validate(stage.vendor)
        self._rate_hz = stage.world.sample_rate_hz
        self.block_samples = round(vendor.block_s * self._rate_hz)
        self._ids = np.array(stage.world.unit_ids)
        pylsl.set_config_content(CONFINED)
        self._spikes = Outlet(stage, self._info_of_spikes(), vendor.counter)
        self._onsets: Outlet | None = None
        if vendor.onsets != "same":
            self._onsets = Outlet(stage, self._info_of_onsets(), vendor.counter)
        self._zero: int | None = None
        """LSL clock, in samples, at sample 0 of a block; None before anybody has listened."""
        self._through = 0
        self._falls = np.zeros(0, np.int64)
        self._lit = False

    @property
    def acquiring(self) -> bool:
        """From when somebody has listened for the first time."""
        if self._zero is None and self._spikes.is_heard():
            self._zero = round((pylsl.local_clock() - LIGHT_DELAY_S) * self._rate_hz)
        return self._zero is not None

    def addresses(self) -> Mapping[str, Any]:
        """Return how its streams are called."""
        vendor = self._vendor
        return {"name": vendor.name, "onsets": f"{vendor.name}-onsets", "line": vendor.line}

    def attend(self) -> None:
        """Nothing: liblsl answers by itself."""

    def send(self, block: Recorded) -> None:
        """Send a block: all that happened, in the order of time, and that it is over."""
        block = shifted(block, self._zero or 0)
        self._stage.truth.recorded(block)
        line = self._line(block)
        if self._vendor.kind == "events":
            spikes = np.stack(
                [block.spike_samples, block.spike_unit_ids // 100, block.spike_unit_ids % 100],
                axis=1,
            )
            self._send_events(self._spikes, block, [spikes, *(line if not self._onsets else ())])
        else:
            self._send_counts(block)
        if self._vendor.onsets == "photodiode":
            self._send_levels(block)
        elif self._onsets is not None:
            self._send_events(self._onsets, block, line)
        self._through = block.through_sample

    def restart(self) -> None:
        """End all streams, and begin them again; the machine's clock goes on."""
        self._zero = self._through
        self._spikes.restart()
        if self._onsets is not None:
            self._onsets.restart()

    def close(self) -> None:
        """End all streams."""
        del self._spikes, self._onsets

    def _send_events(
        self, outlet: Outlet, block: Recorded, events: list[npt.NDArray[np.int64]]
    ) -> None:
        """Send events (k, 3), each tick, channel and unit, and that the block is over."""
        table = np.concatenate([*events, [[block.through_sample, 0, -1]]])
        table = table[np.argsort(table[:, 0], kind="stable")]
        outlet.send(table[:, 1:].astype(np.float64), table[:, 0])

    def _line(self, block: Recorded) -> list[npt.NDArray[np.int64]]:
        """Return rows of what the line does: it rises at each onset and falls soon after."""
        if block.from_sample != self._through:
            self._falls = self._falls[:0]
        falls = np.append(self._falls, block.sync_samples + round(PULSE_S * self._rate_hz))
        now = falls < block.through_sample
        self._falls = falls[~now]
        return [
            np.stack([at, np.full_like(at, self._vendor.line), np.full_like(at, code)], axis=1)
            for at, code in ((block.sync_samples, -2), (falls[now], -3))
        ]

    def _send_counts(self, block: Recorded) -> None:
        column = np.searchsorted(self._ids, block.spike_unit_ids)
        counts = np.bincount(column, minlength=self._ids.size).astype(np.float64)
        self._spikes.send(counts[np.newaxis], np.array([block.through_sample]))

    def _send_levels(self, block: Recorded) -> None:
        step = round(self._rate_hz / DIODE_HZ)
        first = -(-block.from_sample // step) * step
        ticks = np.arange(first, block.through_sample, step, dtype=np.int64)
        changes = np.searchsorted(block.sync_samples, ticks, side="right")
        lit = (changes + self._lit) % 2 == 1
        self._lit = bool((block.sync_samples.size + self._lit) % 2)
        if self._onsets is not None and ticks.size:
            self._onsets.send(np.where(lit, LIT, DARK)[:, np.newaxis], ticks)

    def _info_of_spikes(self) -> pylsl.StreamInfo:
        vendor = self._vendor
        if vendor.kind == "events":
            info = self._info(vendor.name, 0.0, ["channel", "unit"])
        else:
            info = self._info(vendor.name, 1 / vendor.block_s, [str(each) for each in self._ids])
        units = info.desc().append_child("units")
        for unit_id in self._ids.tolist():
            unit = units.append_child("unit")
            unit.append_child_value("channel", str(unit_id // 100))
            unit.append_child_value("unit", str(unit_id % 100))
            unit.append_child_value("label", f"unit {unit_id}")
        return info

    def _info_of_onsets(self) -> pylsl.StreamInfo:
        name = f"{self._vendor.name}-onsets"
        if self._vendor.onsets == "photodiode":
            return self._info(name, DIODE_HZ, ["diode"])
        return self._info(name, 0.0, ["channel", "unit"])

    def _info(self, name: str, rate_hz: float, labels: list[str]) -> pylsl.StreamInfo:
        vendor = self._vendor
        labels = labels + ["counter"] * vendor.counter
        source = f"{vendor.source_id}-{name}"
        info = pylsl.StreamInfo(name, "Spikes", len(labels), rate_hz, "double64", source)
        desc = info.desc()
        desc.append_child_value("neuroloop", "1")
        acquisition = desc.append_child("acquisition")
        acquisition.append_child_value("sample_rate_hz", repr(self._rate_hz))
        acquisition.append_child_value("heartbeat_s", repr(vendor.block_s))
        channels = desc.append_child("channels")
        for label in labels:
            channels.append_child("channel").append_child_value("label", label)
        return info


def emulate(stage: Stage) -> LslEmulator:
    """Return the emulator."""
    return LslEmulator(stage)
