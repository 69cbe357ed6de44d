"""The emulated SpikeGLX: what it answers, as the source of its command server says.

Written from that alone, and not from what the adapter sends and reads. `drop` are blocks of which
packets of the probe were missing: SpikeGLX fills their time with zeros and tells nobody. On a
connection of TCP nothing is repeated or overtaken, so that is left out.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from rig_adapters.emulators.process import EmulatorRefused, Stage
from rig_adapters.emulators.spikeglx.acquired import Converter, Kept, TooLate
from rig_adapters.emulators.spikeglx.server import CommandServer
from rig_adapters.emulators.spikeglx.table import SpikeGlxTable
from rig_adapters.sim.simulation import Recorded
from rig_adapters.units import channel_of

VERSION = "SpikeGLX emulated 20240129,API3"
JS = {"nidq": 0, "obx0": 1, "imec0": 2}


class _Error(Exception):
    """What is replied as an error."""


def emulate(stage: Stage) -> "EmulatedSpikeGlx":
    """Return the emulator."""
    return EmulatedSpikeGlx(stage)


class EmulatedSpikeGlx:
    """One SpikeGLX with one stream, and a filtered one of that where it is a probe's."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table = table = SpikeGlxTable.model_validate(stage.vendor)
        if stage.mischief.drop and table.stream == "nidq":
            raise EmulatorRefused(
                "mischief.drop: SpikeGLX does not fill the stream nidq; see vendor.too_late"
            )
        self.block_samples = table.block_samples
        self._runs, self._saves = table.running, False
        self._filters = False
        """Whether a client has asked for the filtered stream since any has gone."""
        self._late_from: int | None = None
        """The sample that a client was too late for, and has not gone on from elsewhere yet."""
        self.restart()
        self._server = CommandServer(
            table, stage.mischief, stage.rng, self._reply, self._stop_filtering
        )

    @property
    def acquiring(self) -> bool:
        """Whether its run goes on."""
        return self._runs

    def addresses(self) -> Mapping[str, Any]:
        """Return its port, its stream, and the channels that have units."""
        return {
            "host": "127.0.0.1",
            "port": self._server.port,
            "stream": self._table.stream,
            "channels": sorted({channel_of(unit) for unit in self._stage.world.unit_ids}),
        }

    def attend(self) -> None:
        """Answer clients."""
        self._server.attend()

    def send(self, block: Recorded) -> None:
        """Acquire a block; whoever wants it fetches it."""
        block = self._converter.thinned(block)
        self._stage.truth.recorded(block)
        values = self._converter.convert(block)
        if block.from_sample != self._raw.end:
            self._raw.skip_to(block.from_sample)
            self._filtered.skip_to(block.from_sample)
        filtered = values if self._filters else np.zeros_like(values)
        if self._stage.rng.random() < self._stage.mischief.drop:
            # Of the filtered stream even the digital word is zero.
            filtered = np.zeros_like(values)
            values[:, :-1] = 0
            self._lost(block.from_sample, block.through_sample, "filled with zeros")
        self._raw.append(values)
        self._filtered.append(filtered)

    def restart(self) -> None:
        """Start the run anew: samples count from 0."""
        most = round(self._table.buffer_s * self._stage.world.sample_rate_hz)
        self._converter = Converter(self._stage, self._table)
        self._raw, self._filtered = Kept(most), Kept(most)
        self._late_from = None

    def close(self) -> None:
        """Close all sockets."""
        self._server.close()

    def _lost(self, first: int, through: int, why: str) -> None:
        settling = 1 + round(self._table.settling_s * self._stage.world.sample_rate_hz)
        self._stage.truth.lost(first, through + settling, why)

    def _stop_filtering(self) -> None:
        self._filters = False

    def _reply(self, words: list[str], must: bool) -> bytes | None:
        command, *arguments = words[0].upper(), *words[1:]
        if command in ("BYE", "QUIT", "EXIT", "CLOSE"):
            return b""
        try:
            if command == "FETCH":
                return self._fetch(arguments, must)
            said = self._say(command, arguments)
        except _Error as error:
            return f"ERROR {error}\n".encode()
        return ("" if said is None else f"{said}\n").encode() + b"OK\n"

    def _say(self, command: str, arguments: list[str]) -> str | None:
        if command == "NOOP":
            return None
        if command == "GETVERSION":
            return VERSION
        if command in ("ISRUNNING", "ISSAVING", "ISINITIALIZED"):
            is_so = {"ISRUNNING": self._runs, "ISSAVING": self._saves}.get(command, True)
            return str(int(is_so))
        if command in ("STARTRUN", "STOPRUN", "SETRECORDENAB"):
            self._operate(command, arguments)
            return None
        if command.startswith("GETSTREAM"):
            return self._stream(command, arguments)
        raise _Error(f"CmdWorker: Unknown command [{command}].")

    def _operate(self, command: str, arguments: list[str]) -> None:
        if command == "STARTRUN":
            if not self._table.validated:
                raise _Error("STARTRUN: Run parameters never validated.")
            if self._runs:
                raise _Error("STARTRUN: Run already in progress.")
            self.restart()
            self._runs = True
        elif command == "STOPRUN":
            self._runs = self._saves = False
        elif not self._runs:
            raise _Error("SETRECORDENAB: Run not yet started.")
        else:
            self._saves = arguments[:1] == ["1"]
        self._stage.truth.event("told", command=" ".join([command, *arguments]))

    def _stream(self, command: str, arguments: list[str]) -> str:
        self._find_stream(command, arguments)
        counts = self._converter.counts()
        if command == "GETSTREAMSAMPLECOUNT":
            return str(self._raw.end if self._runs else 0)
        if command == "GETSTREAMSAMPLERATE":
            return f"{self._stage.world.sample_rate_hz:.6f}"
        if command == "GETSTREAMACQCHANS":
            return " ".join(map(str, counts.values()))
        if command == "GETSTREAMI16TOVOLTS" and self._table.tells_voltages:
            channel = int(arguments[2]) if len(arguments) > 2 else 0
            return f"{self._converter.volts(channel):.6g}"
        raise _Error(f"CmdWorker: Unknown command [{command}].")

    def _find_stream(self, command: str, arguments: list[str]) -> int:
        if len(arguments) < 2:
            raise _Error(f"{command}: Requires at least 2 params.")
        if not self._table.validated:
            raise _Error(f"{command}: Run parameters never validated.")
        js, ip = int(arguments[0]), int(arguments[1])
        if abs(js) != JS[self._table.stream] or js in (-1,):
            names = {0: "nidq", 1: "obx", 2: "imec", -2: "imec"}
            if js not in names:
                raise _Error(f"{command}: stream-js must be in set {{-2,0,1,2}}.")
            raise _Error(f"{command}: {names[js]} stream not enabled.")
        if js and ip:
            kind = re.sub(r"\d", "", self._table.stream)
            raise _Error(f"{command}: {kind} stream-ip must be in range[0..0].")
        return js

    def _fetch(self, arguments: list[str], must: bool) -> bytes | None:
        if len(arguments) < 4:
            raise _Error("FETCH: Requires at least 4 params.")
        js = self._find_stream("FETCH", arguments)
        if not self._runs:
            raise _Error("FETCH: Not running or stream not enabled.")
        self._filters = self._filters or js < 0
        first, most = int(arguments[2]), int(arguments[3])
        channels = self._subset(arguments[4] if len(arguments) > 4 else "-1#")
        if self._stage.rng.random() < self._table.too_late and first < self._raw.end:
            self._raw.drop()
            self._filtered.drop()
        kept = self._filtered if js < 0 else self._raw
        try:
            values = kept.get(first, most, channels)
        except TooLate:
            self._late_from = first if self._late_from is None else self._late_from
            raise _Error("FETCH: Too late.") from None
        if values is None:
            if not must:
                return None
            values = np.zeros((0, len(channels)), np.int16)
        elif self._late_from is not None:
            self._lost(self._late_from, first, "too late")
            self._late_from = None
        head = f"BINARY_DATA {len(channels)} {len(values)} uint64({first})\n"
        return head.encode() + values.astype("<i2").tobytes() + b"OK\n"

    def _subset(self, pattern: str) -> list[int]:
        n = sum(self._converter.counts().values())
        if pattern in ("-1#", "-2#"):
            return list(range(n))
        wanted = [int(word) for word in pattern.split("#") if word]
        if not wanted:
            raise _Error("Bad channel string format.")
        for channel in wanted:
            if not 0 <= channel < n:
                raise _Error(f"Channel {channel} out of range [0..{n - 1}].")
        # Whatever order they were asked for in, they come in their own.
        return sorted(set(wanted))
